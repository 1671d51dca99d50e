/** What the annotations `nginx.ingress.kubernetes.io/…` of an Ingress say. ingress-nginx: internal/ingress/annotations. */

import { parseIpPrefix } from '../../../net/addr/ip.ts';
import type { HeaderEdits } from '../../../net/app/proxy/config.ts';
import type { Ingress } from '../ingress.ts';
import type { AccessSettings } from './access.ts';

const PREFIX = 'nginx.ingress.kubernetes.io/';

export interface CanarySettings {
  readonly header?: string;
  readonly headerValue?: string;
  readonly headerPattern?: string;
  readonly cookie?: string;
  readonly weight: number;
  readonly weightTotal: number;
}

export interface NginxSettings {
  readonly rewriteTarget?: string;
  readonly useRegex: boolean;
  readonly appRoot?: string;
  readonly sslRedirect: boolean;
  readonly forceSslRedirect: boolean;
  /** Where all requests are sent to, and with which code. */
  readonly redirect?: { readonly location: string; readonly code: number };
  readonly allow?: readonly string[];
  /** Requests a second in thousandths. */
  readonly limit?: { readonly milliPerSecond: number; readonly burst: number };
  readonly canary?: CanarySettings;
  readonly connectTimeoutMs: number;
  readonly readTimeoutMs: number;
  readonly bodyLimitBytes: number;
  readonly tries: number;
  readonly upstreamHost?: string;
  readonly serviceUpstream: boolean;
  readonly cors?: {
    readonly origins: readonly string[];
    readonly methods: readonly string[];
    readonly headers: readonly string[];
    readonly expose: readonly string[];
    readonly credentials: boolean;
    readonly maxAge: number;
  };
  readonly forwardedPrefix?: HeaderEdits;
  /** TLS towards the backend. */
  readonly backendTls?: { readonly secret: string; readonly verify: boolean; readonly name: string; readonly serverName: boolean };
  /** Certificates of clients. */
  readonly clients?: { readonly secret: string; readonly verify: 'on' | 'optional' | 'optional_no_ca' | 'off' };
  readonly serverAliases: readonly string[];
  /** Who gets through, and to whom. */
  readonly access: AccessSettings;
  /** Names without the prefix that are there and have no effect here. */
  readonly unknown: readonly string[];
  /** What the controller's log says of values that it does not accept. */
  readonly problems: readonly string[];
}

const SIZE: Readonly<Record<string, number>> = { '': 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 };

/** nginx' sizes: `8m`, `0` for any. */
export function sizeBytes(text: string): number | undefined {
  const match = /^(\d{1,9})([kmg]?)$/i.exec(text.trim());
  return match === null ? undefined : Number(match[1]) * (SIZE[(match[2] ?? '').toLowerCase()] ?? 1);
}

const listOf = (text: string): readonly string[] =>
  text
    .split(',')
    .map((one) => one.trim())
    .filter((one) => one !== '');

const remembered = new WeakMap<Ingress, NginxSettings>();

export function settingsOf(ingress: Ingress): NginxSettings {
  let settings = remembered.get(ingress);
  if (settings === undefined) {
    settings = readSettings(ingress);
    remembered.set(ingress, settings);
  }
  return settings;
}

function readSettings(ingress: Ingress): NginxSettings {
  const given = new Map(
    Object.entries(ingress.metadata.annotations ?? {}).flatMap(([name, value]) =>
      name.startsWith(PREFIX) ? [[name.slice(PREFIX.length), value] as const] : [],
    ),
  );
  const used = new Set<string>();
  const problems: string[] = [];
  const text = (name: string): string | undefined => {
    used.add(name);
    const value = given.get(name)?.trim();
    return value === '' ? undefined : value;
  };
  const bad = (name: string, value: string): undefined => {
    problems.push(`annotation ${PREFIX}${name} contains invalid value ${value}`);
    return undefined;
  };
  const number = (name: string): number | undefined => {
    const value = text(name);
    if (value === undefined) return undefined;
    return /^\d{1,9}$/.test(value) ? Number(value) : bad(name, value);
  };
  const flag = (name: string, standard: boolean): boolean => {
    const value = text(name);
    if (value === undefined) return standard;
    // Go: strconv.ParseBool
    if (/^(1|t|true|TRUE|True|T)$/.test(value)) return true;
    if (!/^(0|f|false|FALSE|False|F)$/.test(value)) bad(name, value);
    return false;
  };
  const put = <K extends string, T>(key: K, value: T | undefined) => (value === undefined ? {} : ({ [key]: value } as Readonly<Record<K, T>>));
  const cidrs = (name: string): readonly string[] | undefined => {
    const value = text(name);
    if (value === undefined) return undefined;
    const all = listOf(value);
    return all.every((one) => parseIpPrefix(one) !== undefined) ? all : bad(name, value);
  };

  const permanent = text('permanent-redirect');
  const temporal = text('temporal-redirect');
  const permanentCode = number('permanent-redirect-code') ?? 301;
  const temporalCode = number('temporal-redirect-code') ?? 302;
  const redirect =
    temporal !== undefined
      ? { location: temporal, code: temporalCode >= 300 && temporalCode <= 308 ? temporalCode : 302 }
      : permanent !== undefined
        ? { location: permanent, code: permanentCode >= 300 && permanentCode <= 308 ? permanentCode : 301 }
        : undefined;
  const perSecond = number('limit-rps');
  const perMinute = number('limit-rpm');
  const multiplier = number('limit-burst-multiplier') ?? 5;
  const rate = perSecond ?? perMinute;
  const limit =
    rate === undefined || rate === 0
      ? undefined
      : { milliPerSecond: perSecond === undefined ? Math.floor((rate * 1000) / 60) : rate * 1000, burst: rate * Math.max(1, multiplier) };
  const canaryOn = flag('canary', false);
  const canary: CanarySettings = {
    ...put('header', text('canary-by-header')),
    ...put('headerValue', text('canary-by-header-value')),
    ...put('headerPattern', text('canary-by-header-pattern')),
    ...put('cookie', text('canary-by-cookie')),
    weight: number('canary-weight') ?? 0,
    weightTotal: Math.max(1, number('canary-weight-total') ?? 100),
  };
  const bodySize = text('proxy-body-size');
  const prefix = text('x-forwarded-prefix');
  const credentials = flag('cors-allow-credentials', true);
  const corsText = (name: string, standard: string) => listOf(text(name) ?? standard);
  const cors = {
    origins: corsText('cors-allow-origin', '*'),
    methods: corsText('cors-allow-methods', 'GET, PUT, POST, DELETE, PATCH, OPTIONS'),
    headers: corsText('cors-allow-headers', 'DNT,Keep-Alive,User-Agent,X-Requested-With,If-Modified-Since,Cache-Control,Content-Type,Range,Authorization'),
    expose: corsText('cors-expose-headers', ''),
    credentials,
    maxAge: number('cors-max-age') ?? 1_728_000,
  };
  const hasCors = flag('enable-cors', false);
  const protocol = (text('backend-protocol') ?? 'HTTP').toUpperCase();
  if (!['HTTP', 'HTTPS', 'AUTO_HTTP'].includes(protocol)) problems.push(`backend-protocol ${protocol} is not simulated: the backend is spoken to in HTTP`);
  const backendTls =
    protocol === 'HTTPS'
      ? {
          secret: text('proxy-ssl-secret') ?? '',
          verify: text('proxy-ssl-verify') === 'on',
          name: text('proxy-ssl-name') ?? '',
          serverName: text('proxy-ssl-server-name') === 'on',
        }
      : undefined;
  const clientSecret = text('auth-tls-secret');
  const verifyClient = text('auth-tls-verify-client') ?? 'on';
  const clients =
    clientSecret === undefined
      ? undefined
      : {
          secret: clientSecret,
          verify: verifyClient === 'off' || verifyClient === 'optional' || verifyClient === 'optional_no_ca' ? verifyClient : ('on' as const),
        };
  const settings = {
    ...put('rewriteTarget', text('rewrite-target')),
    useRegex: flag('use-regex', false),
    ...put('appRoot', text('app-root')),
    sslRedirect: flag('ssl-redirect', true),
    forceSslRedirect: flag('force-ssl-redirect', false),
    ...put('redirect', redirect),
    ...put('allow', cidrs('whitelist-source-range') ?? cidrs('allowlist-source-range')),
    ...put('limit', limit),
    ...put('canary', canaryOn ? canary : undefined),
    connectTimeoutMs: (number('proxy-connect-timeout') ?? 5) * 1000,
    readTimeoutMs: (number('proxy-read-timeout') ?? 60) * 1000,
    bodyLimitBytes: (bodySize === undefined ? undefined : (sizeBytes(bodySize) ?? bad('proxy-body-size', bodySize))) ?? 1024 ** 2,
    tries: number('proxy-next-upstream-tries') ?? 3,
    ...put('upstreamHost', text('upstream-vhost')),
    serviceUpstream: flag('service-upstream', false),
    ...put('cors', hasCors ? cors : undefined),
    ...put('forwardedPrefix', prefix === undefined ? undefined : { set: [{ name: 'X-Forwarded-Prefix', value: prefix }] }),
    ...put('backendTls', backendTls),
    ...put('clients', clients),
    serverAliases: listOf(text('server-alias') ?? ''),
    access: readAccess(text, number, flag, bad),
  };
  return { ...settings, unknown: [...given.keys()].filter((name) => !used.has(name)), problems };
}

type Text = (name: string) => string | undefined;

function readAccess(
  text: Text,
  number: (name: string) => number | undefined,
  flag: (name: string, standard: boolean) => boolean,
  bad: (name: string, value: string) => undefined,
): AccessSettings {
  const type = text('auth-type');
  if (type !== undefined && type !== 'basic') bad('auth-type', type);
  const secret = text('auth-secret') ?? '';
  const realm = text('auth-realm') ?? 'Authentication Required';
  const secretType = text('auth-secret-type') ?? 'auth-file';
  const url = text('auth-url');
  const signin = text('auth-signin');
  const takes = listOf(text('auth-response-headers') ?? '');
  const connections = number('limit-connections') ?? 0;
  const affinity = text('affinity');
  if (affinity !== undefined && affinity !== 'cookie') bad('affinity', affinity);
  const maxAge = number('session-cookie-max-age') ?? number('session-cookie-expires');
  const sameSite = text('session-cookie-samesite');
  const cookie = {
    manner: 'nginx',
    cookie: text('session-cookie-name') ?? 'INGRESSCOOKIE',
    path: text('session-cookie-path') ?? '/',
    secure: flag('session-cookie-secure', false),
    httpOnly: true,
    changeOnFailure: flag('session-cookie-change-on-failure', false),
    ...(maxAge === undefined || maxAge === 0 ? {} : { maxAgeSeconds: maxAge }),
    ...(sameSite === undefined ? {} : { sameSite }),
  } as const;
  const mirror = text('mirror-target');
  const mirrorHost = text('mirror-host') ?? '';
  return {
    ...(type === 'basic' ? { basic: { secret, realm, map: secretType === 'auth-map' } } : {}),
    ...(url === undefined ? {} : { authUrl: { url, takes, ...(signin === undefined ? {} : { signin }) } }),
    ...(connections > 0 ? { connections } : {}),
    ...(affinity === 'cookie' ? { sticky: cookie } : {}),
    ...(mirror === undefined ? {} : { mirror: { url: mirror, host: mirrorHost } }),
  };
}
