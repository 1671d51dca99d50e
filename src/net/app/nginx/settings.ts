/** What a level of nginx' configuration says, upon what it has from the levels above. nginx: src/http/ngx_http_core_module.c, modules/ngx_http_proxy_module.c, the merge functions. */
import { type Directive, NginxConfigError } from './parse.ts';
import type { Pass, Settings } from './plan.ts';
import { unknownVariable } from './variables.ts';

/** What is noted on the way. */
export interface Notes {
  /** False for directives that have no effect here. */
  known(directive: Directive): boolean;
  /** Names that are resolved before nginx starts. */
  readonly names: { host: string; at: string }[];
}

export const base: Settings = {
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

export const where = ({ file, line }: Directive): string => `${file}:${line}`;

export function fail(words: string, at: Directive): never {
  throw new NginxConfigError(`${words} in ${where(at)}`);
}

export function only(directive: Directive, least: number, most = least): readonly string[] {
  const { args, name } = directive;
  if (args.length < least || args.length > most) fail(`invalid number of arguments in "${name}" directive`, directive);
  return args;
}

/** `1m30s`, `500ms`, `60` in seconds. */
export function secondsOf(directive: Directive, text: string): number {
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

/** Headers and lists of addresses of a level replace all of the levels above, as nginx merges them. */
export function readSettings(above: Settings, directives: readonly Directive[], level: 'http' | 'server' | 'location', notes: Notes): Settings {
  const own: { -readonly [K in keyof Settings]?: Settings[K] } = {};
  const set = new Map(above.set);
  for (const one of directives) {
    if (!notes.known(one)) continue;
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
        own.pass = readPass(one, notes);
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
        const field = ({ ssl_certificate: 'certificate', ssl_certificate_key: 'key', ssl_client_certificate: 'clients', ssl_verify_client: 'verify' } as const)[
          name
        ];
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

function readPass(directive: Directive, notes: Notes): Pass {
  const [text = ''] = only(directive, 1);
  const [, scheme, host = '', digits, uri] = /^(https?):\/\/([^/:]+)(?::(\d+|\$\w+))?(\/.*)?$/.exec(text) ?? [];
  const hasVariables = text.includes('$');
  if (scheme === undefined && hasVariables) return { scheme: 'http', host: text, port: 80, uri: undefined, hasVariables };
  if (scheme === undefined) fail('invalid URL prefix', directive);
  const port = digits === undefined ? (scheme === 'https' ? 443 : 80) : Number(digits);
  if (hasVariables) return { scheme: scheme === 'https' ? 'https' : 'http', host: text, port, uri: undefined, hasVariables };
  notes.names.push({ host, at: where(directive) });
  return { scheme: scheme === 'https' ? 'https' : 'http', host, port, uri, hasVariables };
}
