/** nginx' variables in a text: `$host`, `${scheme}`. nginx: src/http/ngx_http_variables.c. */
import { formatIp } from '../../addr/ip.ts';
import type { Endpoint } from '../definition.ts';
import { type HttpHeader, headerValue } from '../http-message.ts';

export interface Asked {
  readonly method: string;
  /** As it came, with its query. */
  readonly target: string;
  readonly version: string;
  readonly headers: readonly HttpHeader[];
  readonly body: string;
  readonly client: Endpoint;
  readonly server: Endpoint;
  readonly scheme: 'http' | 'https';
}

/** What a text's variables are taken from. */
export interface Facts {
  readonly asked: Asked;
  readonly hostname: string;
  /** Of the server block that took the request: its first name. */
  readonly serverName: string;
  /** Host, and port unless it is 80, of proxy_pass. */
  readonly proxyHost: string;
  /** `set $name value`. */
  readonly set: ReadonlyMap<string, string>;
}

export const pathOf = (target: string): string => target.replace(/[?#].*$/, '');
const queryOf = (target: string): string => {
  const mark = target.indexOf('?');
  return mark < 0 ? '' : target.slice(mark + 1);
};

/** `$host`: the Host header's name in lower case, else the server's. */
export function hostOf(asked: Asked, serverName: string): string {
  const header = headerValue(asked.headers, 'Host') ?? '';
  return header === '' ? serverName : header.toLowerCase().replace(/:\d+$/, '');
}

function variable(name: string, facts: Facts): string | undefined {
  const { asked } = facts;
  const set = facts.set.get(name);
  if (set !== undefined) return set;
  if (name.startsWith('http_')) return headerValue(asked.headers, name.slice('http_'.length).replaceAll('_', '-')) ?? '';
  if (name.startsWith('arg_')) return argument(queryOf(asked.target), name.slice('arg_'.length));
  const client = formatIp(asked.client.ip);
  switch (name) {
    case 'host':
      return hostOf(asked, facts.serverName);
    case 'remote_addr':
    case 'realip_remote_addr':
      return client;
    case 'remote_port':
      return String(asked.client.port);
    case 'server_addr':
      return formatIp(asked.server.ip);
    case 'server_port':
      return String(asked.server.port);
    case 'server_name':
      return facts.serverName;
    case 'server_protocol':
      return asked.version;
    case 'scheme':
      return asked.scheme;
    case 'request_uri':
      return asked.target;
    case 'uri':
    case 'document_uri':
      return pathOf(asked.target);
    case 'args':
    case 'query_string':
      return queryOf(asked.target);
    case 'is_args':
      return queryOf(asked.target) === '' ? '' : '?';
    case 'request_method':
      return asked.method;
    case 'request':
      return `${asked.method} ${asked.target} ${asked.version}`;
    case 'hostname':
      return facts.hostname;
    case 'proxy_host':
      return facts.proxyHost;
    case 'proxy_add_x_forwarded_for': {
      const before = headerValue(asked.headers, 'X-Forwarded-For');
      return before === undefined ? client : `${before}, ${client}`;
    }
    case 'content_length':
      return headerValue(asked.headers, 'Content-Length') ?? '';
    case 'content_type':
      return headerValue(asked.headers, 'Content-Type') ?? '';
    default:
      return undefined;
  }
}

/** One argument of a query, as it is written. */
function argument(query: string, name: string): string {
  for (const pair of query.split('&')) {
    const equals = pair.indexOf('=');
    if ((equals < 0 ? pair : pair.slice(0, equals)).toLowerCase() === name.toLowerCase()) return equals < 0 ? '' : pair.slice(equals + 1);
  }
  return '';
}

const VARIABLE = /\$(?:\{(\w+)\}|(\w+))/g;

/** Unknown variables are found when the configuration is read; here they are nothing. */
export const expand = (text: string, facts: Facts): string =>
  text.includes('$')
    ? text.replace(VARIABLE, (_all, braced: string | undefined, plain: string | undefined) => variable(braced ?? plain ?? '', facts) ?? '')
    : text;

const SAMPLE: Facts = {
  asked: { method: '', target: '', version: '', headers: [], body: '', client: { ip: 0, port: 0 }, server: { ip: 0, port: 0 }, scheme: 'http' },
  hostname: '',
  serverName: '',
  proxyHost: '',
  set: new Map(),
};

/** The first variable of a text that there is not. */
export function unknownVariable(text: string, set: ReadonlySet<string>): string | undefined {
  for (const [, braced, plain] of text.matchAll(VARIABLE)) {
    const name = braced ?? plain ?? '';
    if (!/^\d+$/.test(name) && !set.has(name) && variable(name, SAMPLE) === undefined) return name;
  }
  return undefined;
}
