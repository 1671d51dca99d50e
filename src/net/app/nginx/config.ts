/** What nginx' files say, ready to serve: servers by port, locations in order, upstreams. nginx: src/http/ngx_http_core_module.c, modules/ngx_http_proxy_module.c, ngx_http_upstream.c. */
import { compileGoRegexp } from '../../../base/go-regexp.ts';
import { tlsOf } from './certificates.ts';
import { FOLLOWED, HARMLESS, NOT_SIMULATED } from './directives.ts';
import { type Directive, NginxConfigError, parseNginx } from './parse.ts';
import type { Location, NginxPlan, Server, Settings, UpstreamServer } from './plan.ts';
import { base, fail, type Notes, only, readSettings, secondsOf, where } from './settings.ts';

/** Reads files that include each other. */
class Reader implements Notes {
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
    const settings = readSettings(base, inside, 'http', this);
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
    const settings = readSettings(above, inside, 'server', this);
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
    const settings = readSettings({ ...above, answer: undefined, pass: undefined, alias: undefined, internal: false }, inside, 'location', this);
    if (settings.pass?.uri !== undefined && !settings.pass.hasVariables && kind === 'regex')
      fail(
        '"proxy_pass" cannot have URI part in location given by regular expression, or inside named location, or inside "if" statement, or inside "limit_except" block',
        inside.find((one) => one.name === 'proxy_pass') ?? directive,
      );
    locations.push({ kind, value, regexp: compiled?.ok === true ? compiled.regexp : undefined, settings });
    for (const one of inside) if (one.name === 'location') this.location(one, settings, locations);
  }
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
