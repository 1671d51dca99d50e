/** Which certificate a listener of TLS shows. nginx: src/http/modules/ngx_http_ssl_module.c, src/event/ngx_event_openssl.c. */
import type { ClientAuthConfig, ServerTlsConfig, TlsIdentityConfig, TlsNameConfig } from '../tls/config.ts';
import { NginxConfigError } from './parse.ts';
import type { Server } from './plan.ts';

/** Certificates by server name; the first server's is for all other names. `at`: where the listen directive stands. */
export function tlsOf(servers: readonly Server[], files: ReadonlyMap<string, string>, at: string): ServerTlsConfig {
  const identities: TlsIdentityConfig[] = [];
  const names: TlsNameConfig[] = [];
  const open = (what: string, path: string): string => {
    const text = files.get(path);
    if (text !== undefined) return text;
    throw new NginxConfigError(
      `cannot load ${what} "${path}": BIO_new_file() failed (SSL: error:80000002:system library::No such file or directory:calling fopen(${path}, r) error:10000080:BIO routines::no such file)`,
    );
  };
  for (const [index, { names: own, settings }] of servers.entries()) {
    const { certificate, key, clients, verify } = settings.ssl;
    if (certificate === '') throw new NginxConfigError(`no "ssl_certificate" is defined for the "listen ... ssl" directive in ${at}`);
    identities.push({ chain: open('certificate', certificate), key: open('certificate key', key), source: certificate });
    const auth: ClientAuthConfig | undefined =
      verify === 'off' || clients === '' ? undefined : { mode: verify === 'on' ? 'require' : 'optional', ca: open('CA certificate', clients) };
    for (const name of index === 0 ? ['', ...own] : own)
      names.push({
        name,
        identity: index,
        why: `ssl_certificate ${certificate} of nginx' server ${own.join(' ')}`,
        ...(auth === undefined ? {} : { clients: auth }),
      });
  }
  return { identities, names, alpn: ['http/1.1'], tickets: 2 };
}
