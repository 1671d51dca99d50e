/** What nginx' files say, ready to serve: servers by port, locations in order, upstreams. nginx: src/http/ngx_http_core_module.c, modules/ngx_http_proxy_module.c, ngx_http_upstream.c. */
import { compileGoRegexp } from '../../../base/go-regexp.ts';
import type { ClientAuthConfig, ServerTlsConfig, TlsIdentityConfig, TlsNameConfig } from '../tls/config.ts';
import { FOLLOWED, HARMLESS, NOT_SIMULATED } from './directives.ts';
import { type Directive, NginxConfigError, parseNginx } from './parse.ts';
import type { Location, NginxPlan, Pass, Server, Settings, UpstreamServer } from './plan.ts';
import { unknownVariable } from './variables.ts';

const base: Settings = {
  answer: undefined,
  pass: undefined,
  passHeaders: [],
  passVersion: '1.0',
  connectSeconds: 60,
  readSeconds: 60,
  nextUpstream: new Set(['error', 'timeout']),
  tries: 0,
  root: '/etc/nginx/html',
  alias: undefined,
  index: ['index.html'],
  tryFiles: undefined,
  logs: true,
  bodyBytes: 1_048_576,
  headers: [],
  defaultType: 'text/plain',
  access: [],
  set: new Map(),
  resolver: undefined,
  internal: false,
  ssl: { certificate: '', key: '', clients: '', verify: 'off' },
  passServerName: false,
  passSslName: undefined,
};

const where = ({ file, line }: Directive): string => `${file}:${line}`;

function fail(words: string, at: Directive): never {
  throw new NginxConfigError(`${words} in ${where(at)}`);
}

function only(directive: Directive, least: number, most = least): readonly string[] {
  const { args, name } = directive;
  if (args.length < least || args.length > most) fail(`invalid number of arguments in "${name}" directive`, directive);
  return args;
}

/** `1m30s`, `500ms`, `60` in seconds. */
function secondsOf(directive: Directive, text: string): number {
  const units: Readonly<Record<string, number>> = { ms: 0.001, s: 1, m: 60, h: 3600, d: 86_400, '': 1 };
  if (!/^(?:\d+(?:ms|[smhd])?)+$/.test(text)) fail(`"${directive.name}" directive invalid value`, directive);
  let seconds = 0;
  for (const [, digits, unit = ''] of text.matchAll(/(\d+)(ms|[smhd])?/g)) seconds += Number(digits) * (units[unit] ?? 1);
  return seconds;
}

function bytesOf(directive: Directive, text: string): number {
  const [, digits, unit = ''] = /^(\d+)([kmg]?)$/i.exec(text) ?? fail(`"${directive.name}" directive invalid value`, directive);
  return Number(digits) * (({ k: 1024, m: 1_048_576, g: 1_073_741_824 } as Readonly<Record<string, number>>)[unit.toLowerCase()] ?? 1);
}

/** Reads files that include each other. */
class Reader {
  readonly #files: ReadonlyMap<string, string>;
  readonly upstreams = new Map<string, UpstreamServer[]>();
  readonly names: { host: string; at: string }[] = [];
  readonly notSimulated = new Set<string>();
  readonly listeners = new Map<string, { port: number; address: string | undefined; servers: Server[]; hasDefault: boolean; ssl: string | undefined }>();
  #included = 0;

  constructor(files: ReadonlyMap<string, string>) {
    this.#files = files;
  }

  /** Directives of a block, with those of included files in their places. */
  flat(directives: readonly Directive[]): Directive[] {
    return directives.flatMap((one) => (one.name === 'include' ? this.flat(this.#include(one)) : [one]));
  }

  #include(directive: Directive): readonly Directive[] {
    const [pattern = ''] = only(directive, 1);
    const path = pattern.startsWith('/') ? pattern : `/etc/nginx/${pattern}`;
    this.#included += 1;
    if (this.#included > 100) fail('too many included files', directive);
    if (!path.includes('*')) {
      const text = this.#files.get(path);
      if (text !== undefined) return parseNginx(text, path);
      // They come with every nginx, and say nothing that is followed here.
      if (/^\/etc\/nginx\/(?:mime\.types|(?:fastcgi|scgi|uwsgi)_params|modules-enabled\/.*)$/.test(path)) return [];
      fail(`open() "${path}" failed (2: No such file or directory)`, directive);
    }
    const [before = '', after = ''] = path.split('*');
    return [...this.#files.keys()]
      .filter(
        (file) => file.length >= before.length + after.length && file.startsWith(before) && file.endsWith(after) && !file.slice(before.length).includes('/'),
      )
      .sort()
      .flatMap((file) => parseNginx(this.#files.get(file) ?? '', file));
  }

  known(directive: Directive): boolean {
    if (FOLLOWED.has(directive.name) || HARMLESS.has(directive.name)) return true;
    if (!NOT_SIMULATED.has(directive.name)) fail(`unknown directive "${directive.name}"`, directive);
    this.notSimulated.add(directive.name);
    return false;
  }

  http(directive: Directive): void {
    const inside = this.flat(directive.block ?? []);
    const settings = this.settings(base, inside, 'http');
    for (const one of inside) if (one.name === 'upstream') this.upstream(one);
    for (const one of inside) if (one.name === 'server') this.server(one, settings);
  }

  upstream(directive: Directive): void {
    const [name = ''] = only(directive, 1);
    if (this.upstreams.has(name)) fail(`duplicate upstream "${name}"`, directive);
    const servers: UpstreamServer[] = [];
    for (const one of this.flat(directive.block ?? [])) {
      if (!this.known(one) || one.name !== 'server') continue;
      const [address = '', ...options] = one.args;
      const [, host = '', digits = '80'] = /^(.*?)(?::(\d+))?$/.exec(address) ?? [];
      const option = (key: string, otherwise: string): string => options.find((word) => word.startsWith(`${key}=`))?.slice(key.length + 1) ?? otherwise;
      const wrong = options.find(
        (word) => !/^(?:weight|max_fails|fail_timeout|max_conns|slow_start|route|service)=|^(?:backup|down|resolve|drain)$/.test(word),
      );
      if (host === '' || wrong !== undefined) fail(`invalid parameter "${wrong ?? address}"`, one);
      if (options.includes('down')) continue;
      this.names.push({ host, at: where(one) });
      servers.push({
        host,
        port: Number(digits),
        weight: Number(option('weight', '1')),
        backup: options.includes('backup'),
        maxFails: Number(option('max_fails', '1')),
        failSeconds: secondsOf(one, option('fail_timeout', '10s')),
      });
    }
    if (servers.length === 0) fail('no servers are inside upstream', directive);
    this.upstreams.set(name, servers);
  }

  server(directive: Directive, above: Settings): void {
    const inside = this.flat(directive.block ?? []);
    const settings = this.settings(above, inside, 'server');
    const names = inside.filter((one) => one.name === 'server_name').flatMap((one) => one.args.map((word) => word.toLowerCase()));
    const locations: Location[] = [];
    for (const one of inside) if (one.name === 'location') this.location(one, settings, locations);
    const server: Server = { names: names.length === 0 ? [''] : names, locations, settings };
    const listens = inside.filter((one) => one.name === 'listen');
    for (const one of listens) this.listen(one, server);
    if (listens.length === 0) this.listen({ ...directive, name: 'listen', args: ['80'] }, server);
  }

  listen(directive: Directive, server: Server): void {
    const [text = '', ...options] = directive.args;
    // Both families are heard on the same port; a socket of IPv6 alone says no more here.
    if (text.startsWith('[') || text.startsWith('unix:')) return;
    const [, address, digits] = /^(?:([\d.]+|\*|localhost):)?(\d{1,5})$/.exec(text) ?? /^([\d.]+|localhost)()$/.exec(text) ?? [];
    const port = Number(digits === undefined || digits === '' ? 80 : digits);
    if ((address === undefined && digits === undefined) || port < 1 || port > 65_535) fail(`invalid port in "${text}" of the "listen" directive`, directive);
    const key = `${address === '*' || address === '0.0.0.0' ? '' : (address ?? '')}:${port}`;
    const listener = this.listeners.get(key) ?? { port, address: key.startsWith(':') ? undefined : address, servers: [], hasDefault: false, ssl: undefined };
    this.listeners.set(key, listener);
    if (options.includes('ssl')) listener.ssl ??= where(directive);
    const isDefault = options.includes('default_server') || options.includes('default');
    if (isDefault && listener.hasDefault) fail(`a duplicate default server for 0.0.0.0:${port}`, directive);
    if (isDefault) listener.hasDefault = true;
    if (isDefault) listener.servers.unshift(server);
    else listener.servers.push(server);
  }

  location(directive: Directive, above: Settings, locations: Location[]): void {
    const [first = '', second] = only(directive, 1, 2);
    const modifier = second === undefined ? (/^(=|\^~|~\*|~)(.+)$/.exec(first) ?? ['', '', first]).slice(1) : [first, second];
    const [mark = '', value = ''] = modifier;
    const kind = ({ '': 'prefix', '=': 'exact', '^~': 'prefix-only', '~': 'regex', '~*': 'regex' } as Readonly<Record<string, Location['kind']>>)[mark];
    if (kind === undefined) fail(`invalid location modifier "${mark}"`, directive);
    const compiled = kind === 'regex' ? compileGoRegexp(mark === '~*' ? `(?i)${value}` : value) : undefined;
    if (compiled !== undefined && !compiled.ok) fail(`pcre2_compile() failed: ${compiled.error} in "${value}"`, directive);
    if (locations.some((one) => one.kind !== 'regex' && kind !== 'regex' && one.value === value && (one.kind === 'exact') === (kind === 'exact')))
      fail(`duplicate location "${value}"`, directive);
    const inside = this.flat(directive.block ?? []);
    if (value.startsWith('@')) this.notSimulated.add('location @name');
    const settings = this.settings({ ...above, answer: undefined, pass: undefined, alias: undefined, internal: false }, inside, 'location');
    if (settings.pass?.uri !== undefined && !settings.pass.hasVariables && kind === 'regex')
      fail(
        '"proxy_pass" cannot have URI part in location given by regular expression, or inside named location, or inside "if" statement, or inside "limit_except" block',
        inside.find((one) => one.name === 'proxy_pass') ?? directive,
      );
    locations.push({ kind, value, regexp: compiled?.ok === true ? compiled.regexp : undefined, settings });
    for (const one of inside) if (one.name === 'location') this.location(one, settings, locations);
  }

  /** Headers and lists of addresses of a level replace all of the levels above, as nginx merges them. */
  settings(above: Settings, directives: readonly Directive[], level: 'http' | 'server' | 'location'): Settings {
    const own: { -readonly [K in keyof Settings]?: Settings[K] } = {};
    const set = new Map(above.set);
    for (const one of directives) {
      if (!this.known(one)) continue;
      const { name, args } = one;
      for (const word of args) {
        const unknown = ['return', 'proxy_pass', 'proxy_set_header', 'add_header', 'try_files', 'root'].includes(name)
          ? unknownVariable(word, new Set(set.keys()))
          : undefined;
        if (unknown !== undefined) throw new NginxConfigError(`unknown "${unknown}" variable`);
      }
      switch (name) {
        case 'set':
          only(one, 2);
          set.set((args[0] ?? '').replace(/^\$/, ''), args[1] ?? '');
          break;
        case 'return': {
          if (level === 'http') fail('"return" directive is not allowed here', one);
          const [first = '', text = ''] = only(one, 1, 2);
          const code = /^\d+$/.test(first) ? Number(first) : undefined;
          if (code === undefined && args.length === 2) fail(`invalid return code "${first}"`, one);
          own.answer ??= code === undefined ? { code: 302, text: first } : { code, text };
          break;
        }
        case 'proxy_pass':
          if (level !== 'location') fail('"proxy_pass" directive is not allowed here', one);
          own.pass = this.pass(one);
          break;
        case 'proxy_set_header':
          only(one, 2);
          own.passHeaders = [...(own.passHeaders ?? []), [args[0] ?? '', args[1] ?? '']];
          break;
        case 'proxy_http_version':
          own.passVersion = args[0] === '1.1' ? '1.1' : '1.0';
          break;
        case 'proxy_connect_timeout':
          own.connectSeconds = secondsOf(one, only(one, 1)[0] ?? '');
          break;
        case 'proxy_read_timeout':
          own.readSeconds = secondsOf(one, only(one, 1)[0] ?? '');
          break;
        case 'proxy_next_upstream':
          own.nextUpstream = new Set(args);
          break;
        case 'proxy_next_upstream_tries':
          own.tries = Number(args[0]);
          break;
        case 'root':
          own.root = only(one, 1)[0] ?? '';
          break;
        case 'alias':
          own.alias = only(one, 1)[0] ?? '';
          break;
        case 'index':
          own.index = args;
          break;
        case 'try_files':
          own.tryFiles = args;
          break;
        case 'access_log':
          own.logs = args[0] !== 'off';
          break;
        case 'client_max_body_size':
          own.bodyBytes = bytesOf(one, only(one, 1)[0] ?? '');
          break;
        case 'add_header':
          only(one, 2, 3);
          own.headers = [...(own.headers ?? []), { name: args[0] ?? '', value: args[1] ?? '', always: args[2] === 'always' }];
          break;
        case 'default_type':
          own.defaultType = args[0] ?? '';
          break;
        case 'allow':
        case 'deny':
          own.access = [...(own.access ?? []), { allow: name === 'allow', from: only(one, 1)[0] ?? '' }];
          break;
        case 'resolver':
          own.resolver = args[0] ?? '';
          break;
        case 'ssl_certificate':
        case 'ssl_certificate_key':
        case 'ssl_client_certificate':
        case 'ssl_verify_client': {
          const [value = ''] = only(one, 1);
          const field = (
            { ssl_certificate: 'certificate', ssl_certificate_key: 'key', ssl_client_certificate: 'clients', ssl_verify_client: 'verify' } as const
          )[name];
          own.ssl = { ...(own.ssl ?? above.ssl), [field]: field === 'verify' || value.startsWith('/') ? value : `/etc/nginx/${value}` };
          break;
        }
        case 'proxy_ssl_server_name':
          own.passServerName = args[0] === 'on';
          break;
        case 'proxy_ssl_name':
          own.passSslName = args[0];
          break;
        case 'internal':
          own.internal = true;
          break;
      }
    }
    return { ...above, ...own, set };
  }

  pass(directive: Directive): Pass {
    const [text = ''] = only(directive, 1);
    const [, scheme, host = '', digits, uri] = /^(https?):\/\/([^/:]+)(?::(\d+|\$\w+))?(\/.*)?$/.exec(text) ?? [];
    const hasVariables = text.includes('$');
    if (scheme === undefined && hasVariables) return { scheme: 'http', host: text, port: 80, uri: undefined, hasVariables };
    if (scheme === undefined) fail('invalid URL prefix', directive);
    const port = digits === undefined ? (scheme === 'https' ? 443 : 80) : Number(digits);
    if (hasVariables) return { scheme: scheme === 'https' ? 'https' : 'http', host: text, port, uri: undefined, hasVariables };
    this.names.push({ host, at: where(directive) });
    return { scheme: scheme === 'https' ? 'https' : 'http', host, port, uri, hasVariables };
  }
}

/** Certificates by server name; the first server's is for all other names. nginx: src/http/modules/ngx_http_ssl_module.c, src/event/ngx_event_openssl.c. */
function tlsOf(servers: readonly Server[], files: ReadonlyMap<string, string>, at: string): ServerTlsConfig {
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

/** nginx.conf as the image has it. */
const MAIN = `user nginx;
worker_processes auto;
error_log /var/log/nginx/error.log notice;
pid /run/nginx.pid;
events { worker_connections 1024; }
http {
    include /etc/nginx/mime.types;
    default_type application/octet-stream;
    access_log /var/log/nginx/access.log main;
    sendfile on;
    keepalive_timeout 65;
    include /etc/nginx/conf.d/*.conf;
}
`;
const DEFAULT_SERVER = `server {
    listen 80;
    server_name localhost;
    location / {
        root /usr/share/nginx/html;
        index index.html index.htm;
    }
}
`;

/** `files`: what is mounted, by path; a mounted directory hides what the image has in it. @throws {NginxConfigError} */
export function readNginx(files: Readonly<Record<string, string>>, hidesConfD: boolean): NginxPlan {
  const all = new Map(Object.entries(files));
  if (!hidesConfD && !all.has('/etc/nginx/conf.d/default.conf')) all.set('/etc/nginx/conf.d/default.conf', DEFAULT_SERVER);
  if (!all.has('/etc/nginx/nginx.conf')) all.set('/etc/nginx/nginx.conf', MAIN);
  const reader = new Reader(all);
  const top = reader.flat(parseNginx(all.get('/etc/nginx/nginx.conf') ?? '', '/etc/nginx/nginx.conf'));
  for (const one of top) {
    if (!reader.known(one)) continue;
    if (one.name === 'http') reader.http(one);
    else if (['server', 'upstream', 'location', 'listen', 'proxy_pass', 'root', 'return'].includes(one.name))
      fail(`"${one.name}" directive is not allowed here`, one);
  }
  if (!top.some((one) => one.name === 'events')) throw new NginxConfigError('no "events" section in configuration');
  const names = reader.names.filter(({ host }) => !reader.upstreams.has(host));
  const listeners = [...reader.listeners.values()].map(({ port, address, servers, ssl }) => ({
    port,
    address,
    servers,
    tls: ssl === undefined ? undefined : tlsOf(servers, all, ssl),
  }));
  return { listeners, upstreams: reader.upstreams, names, notSimulated: [...reader.notSimulated] };
}
