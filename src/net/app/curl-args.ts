/** curl's command line, with curl 7.88.1's words for what is wrong with it. */
import { parseIp4 } from '../addr/ip4.ts';
import { parseIp6 } from '../addr/ip6.ts';
import { DEFAULT_EPOCH_MS } from '../wire/calendar.ts';
import { parseOptions, parseSeconds } from './cli-options.ts';
import type { ParseResult, ProgramEnvironment } from './definition.ts';
import type { AddressFamily } from './resolver.ts';

export interface CurlUrl {
  /** As it was typed, with the scheme that was guessed. */
  readonly text: string;
  readonly scheme: string;
  readonly host: string;
  readonly port: number;
  /** Path and query. */
  readonly target: string;
}

export interface CurlConfig {
  readonly urls: readonly CurlUrl[];
  readonly silent: boolean;
  readonly showError: boolean;
  readonly verbose: boolean;
  readonly includeHead: boolean;
  readonly headOnly: boolean;
  readonly method?: string;
  readonly headers: readonly string[];
  /** `name:password` of `-u`. */
  readonly user?: string;
  readonly cookie?: string;
  readonly referer?: string;
  readonly data?: string;
  readonly userAgent: string;
  readonly maxTimeSeconds: number;
  readonly connectTimeoutSeconds: number;
  readonly followRedirects: boolean;
  readonly failOnError: boolean;
  readonly family: AddressFamily;
  readonly writeOut?: string;
  /** The body goes nowhere (`-o /dev/null`). */
  readonly discardBody: boolean;
  /** -o, -O: the file that bodies go to, in place of standard output. */
  readonly saveBody: string | undefined;
  /** `--resolve host:port:address`. */
  readonly resolve: readonly { readonly host: string; readonly port: number; readonly address: string }[];
  /** `--connect-to`: parts that are empty stand for any, or for what the URL says. */
  readonly connectTo: readonly { readonly host: string; readonly port: string; readonly toHost: string; readonly toPort: string }[];
  /** -k */
  readonly insecure: boolean;
  /** PEM of the certificates that are believed, and the file they are from as -v names it. */
  readonly ca: { readonly text: string; readonly file: string };
  /** PEM of --cert and --key. */
  readonly identity?: { readonly chain: string; readonly key: string; readonly source: string };
  readonly alpn: boolean;
  /** Of HTTP; what both ends agree on in TLS where absent, else 1.1. */
  readonly http?: '1.1' | '2-prior-knowledge';
  /** TLS versions as numbers (0x0303: 1.2). */
  readonly minVersion?: number;
  readonly maxVersion?: number;
  readonly epochMs: number;
  readonly tty: boolean;
}

const CA_FILE = '/etc/ssl/certs/ca-certificates.crt';

export const CURL_VERSION = '7.88.1';
const TRY = "curl: try 'curl --help' or 'curl --manual' for more information\n";

const SPEC = {
  flags: 'sSviIOkLfgN46#',
  values: 'mowXHdAuTebE',
  longFlags: [
    'silent',
    'show-error',
    'verbose',
    'include',
    'head',
    'insecure',
    'location',
    'fail',
    'globoff',
    'no-buffer',
    'ipv4',
    'ipv6',
    'ipv6',
    'http1.1',
    'no-progress-meter',
    'compressed',
    'version',
    'help',
    'remote-name',
    'progress-bar',
    'no-keepalive',
    'tlsv1',
    'tlsv1.0',
    'tlsv1.1',
    'tlsv1.2',
    'tlsv1.3',
    'no-alpn',
    'http2',
    'http2-prior-knowledge',
  ],
  longValues: [
    'max-time',
    'connect-timeout',
    'output',
    'write-out',
    'request',
    'header',
    'data',
    'data-raw',
    'data-ascii',
    'data-binary',
    'user-agent',
    'url',
    'resolve',
    'retry',
    'interface',
    'noproxy',
    'user',
    'cookie',
    'referer',
    'cacert',
    'capath',
    'cert',
    'key',
    'cert-type',
    'key-type',
    'connect-to',
    'tls-max',
  ],
} as const;

const fail = (message: string, exitCode = 2): ParseResult<never> => ({ ok: false, stderr: message, exitCode });

export function parseCurlArgs(argv: readonly string[], environment: ProgramEnvironment): ParseResult<CurlConfig> {
  const parsed = parseOptions(argv, SPEC);
  if ('problem' in parsed) {
    const missing = parsed.problem === 'missing-value' || parsed.problem === 'missing-long-value';
    const name = 'letter' in parsed ? `-${parsed.letter}` : `--${parsed.name}`;
    return fail(`curl: option ${name}: ${missing ? 'requires parameter' : 'is unknown'}\n${TRY}`);
  }
  const urls: string[] = [...parsed.operands];
  const headers: string[] = [];
  const data: string[] = [];
  const resolve: { host: string; port: number; address: string }[] = [];
  const connectTo: { host: string; port: string; toHost: string; toPort: string }[] = [];
  const given = new Map<string, string>();
  for (const { name, value } of parsed.options) {
    const long = LONG_NAMES[name] ?? name;
    if (long === 'header') headers.push(value);
    else if (long.startsWith('data')) data.push(value);
    else if (long === 'url') urls.push(value);
    else if (long === 'resolve') {
      const match = /^\+?([^:]+):(\d{1,5}):(.+)$/.exec(value);
      if (match === null) return fail(`curl: (49) Couldn't parse CURLOPT_RESOLVE entry '${value}'\n`, 49);
      resolve.push({ host: match[1] as string, port: Number(match[2]), address: match[3] as string });
    } else if (long === 'connect-to') {
      const match = /^([^:]*):(\d{0,5}):([^:]*):(\d{0,5})$/.exec(value);
      if (match === null) return fail(`curl: (49) Couldn't parse CURLOPT_CONNECT_TO entry '${value}'\n`, 49);
      connectTo.push({ host: match[1] ?? '', port: match[2] ?? '', toHost: match[3] ?? '', toPort: match[4] ?? '' });
    } else given.set(long, value);
  }
  if (given.has('version'))
    return { ok: false, stdout: `curl ${CURL_VERSION} (simulated) libcurl/${CURL_VERSION}\nProtocols: http https\nFeatures: none\n`, stderr: '', exitCode: 0 };
  if (given.has('help')) return { ok: false, stdout: HELP, stderr: '', exitCode: 0 };
  if (urls.length === 0) return fail(`curl: no URL specified!\n${TRY}`);
  for (const option of ['max-time', 'connect-timeout']) {
    const value = given.get(option);
    if (value !== undefined && parseSeconds(value) === undefined)
      return fail(`curl: option ${option === 'max-time' ? '-m' : '--connect-timeout'}: expected a proper numerical parameter\n${TRY}`);
  }
  const output = given.get('output');
  if (given.has('upload-file')) return fail('curl: -T is not simulated in Kubehop\n');
  const cookie = given.get('cookie');
  if (cookie !== undefined && !cookie.includes('=')) return fail('curl: a file of cookies (-b FILE) is not simulated in Kubehop\n');
  const user = given.get('user');
  const parsedUrls: CurlUrl[] = [];
  for (const text of urls) {
    const url = parseUrl(text);
    if (typeof url === 'string') return fail(given.has('silent') && !given.has('show-error') ? '' : url, url.startsWith('curl: (1)') ? 1 : 3);
    parsedUrls.push(url);
  }
  const [firstUrl] = parsedUrls;
  const remoteName = given.has('remote-name') && firstUrl !== undefined ? firstUrl.target.replace(/[?#].*$/, '').replace(/^.*\//, '') : undefined;
  if (remoteName === '') return fail('curl: Remote file name has no length!\ncurl: (23) Failed writing received data to disk/application\n', 23);
  const quiet = given.has('silent') && !given.has('show-error');
  const read = (file: string): string | undefined => environment.readFile?.(file);
  const hasPem = (text: string | undefined, label: RegExp): text is string => text !== undefined && label.test(text);
  const caFile = given.get('cacert');
  const caText = read(caFile ?? CA_FILE);
  if (caFile !== undefined && !given.has('insecure') && !hasPem(caText, /-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----/))
    return fail(quiet ? '' : `curl: (77) error setting certificate file: ${caFile}\n`, 77);
  // `-E file:password`: keys here have no password.
  const certFile = given.get('cert');
  const certText = certFile === undefined ? undefined : read(certFile);
  const keyFile = given.get('key') ?? certFile;
  const keyText = keyFile === undefined ? undefined : read(keyFile);
  if (certFile !== undefined && !hasPem(certText, /-----BEGIN CERTIFICATE-----/)) {
    const why = certText === undefined ? 'error:80000002:system library::No such file or directory' : 'error:0480006C:PEM routines::no start line';
    return fail(
      quiet
        ? ''
        : `curl: (58) could not load PEM client certificate from ${certFile}, OpenSSL error ${why}, (no key found, wrong pass phrase, or wrong file format?)\n`,
      58,
    );
  }
  if (certFile !== undefined && !hasPem(keyText, /-----BEGIN [A-Z ]*PRIVATE KEY-----/))
    return fail(quiet ? '' : `curl: (58) unable to set private key file: '${keyFile}' type PEM\n`, 58);
  const versions = tlsVersions(given);
  if (typeof versions === 'string') return fail(versions);
  if ((versions.minVersion ?? 0) > (versions.maxVersion ?? 0x0304))
    return fail(quiet ? '' : 'curl: (35) CURL_SSLVERSION_MAX incompatible with CURL_SSLVERSION\n', 35);
  const method = given.get('request');
  const writeOut = given.get('write-out');
  return {
    ok: true,
    config: {
      urls: parsedUrls,
      silent: given.has('silent'),
      showError: given.has('show-error'),
      verbose: given.has('verbose'),
      includeHead: given.has('include') || given.has('head'),
      headOnly: given.has('head'),
      ...(method === undefined ? {} : { method }),
      headers,
      ...(user === undefined ? {} : { user: user.includes(':') ? user : `${user}:` }),
      ...(cookie === undefined ? {} : { cookie }),
      ...(given.get('referer') === undefined ? {} : { referer: given.get('referer') ?? '' }),
      ...(data.length === 0 ? {} : { data: data.join('&') }),
      ...(given.has('http2-prior-knowledge') ? { http: '2-prior-knowledge' as const } : given.has('http1.1') ? { http: '1.1' as const } : {}),
      userAgent: given.get('user-agent') ?? `curl/${CURL_VERSION}`,
      maxTimeSeconds: parseSeconds(given.get('max-time') ?? '0') ?? 0,
      connectTimeoutSeconds: parseSeconds(given.get('connect-timeout') ?? '0') ?? 0,
      followRedirects: given.has('location'),
      failOnError: given.has('fail'),
      family: given.has('6') || given.has('ipv6') ? 6 : given.has('4') || given.has('ipv4') ? 4 : 'any',
      ...(writeOut === undefined ? {} : { writeOut }),
      discardBody: output === '/dev/null',
      saveBody: output === '-' || output === '/dev/null' ? undefined : (output ?? remoteName),
      resolve,
      connectTo,
      insecure: given.has('insecure'),
      ca: { text: caText ?? '', file: caFile ?? CA_FILE },
      ...(certText === undefined || keyText === undefined ? {} : { identity: { chain: certText, key: keyText, source: certFile ?? '' } }),
      alpn: !given.has('no-alpn'),
      ...versions,
      epochMs: environment.epochMs ?? DEFAULT_EPOCH_MS,
      tty: environment.tty && output === undefined && remoteName === undefined,
    },
  };
}

const TLS_VERSIONS: Readonly<Record<string, number>> = { '1.0': 0x0301, '1.1': 0x0302, '1.2': 0x0303, '1.3': 0x0304 };

/** `--tlsv1.2` is the least, `--tls-max` the most; the last of several counts. */
function tlsVersions(given: ReadonlyMap<string, string>): { readonly minVersion?: number; readonly maxVersion?: number } | string {
  let minVersion: number | undefined;
  for (const name of given.keys()) minVersion = TLS_VERSIONS[/^tlsv(1\.\d)$/.exec(name)?.[1] ?? ''] ?? minVersion;
  const max = given.get('tls-max');
  const maxVersion = max === undefined || max === 'default' ? undefined : TLS_VERSIONS[max];
  if (max !== undefined && max !== 'default' && maxVersion === undefined) return `curl: option --tls-max: is badly used here\n${TRY}`;
  return { ...(minVersion === undefined ? {} : { minVersion }), ...(maxVersion === undefined ? {} : { maxVersion }) };
}

const LONG_NAMES: Readonly<Record<string, string>> = {
  s: 'silent',
  S: 'show-error',
  v: 'verbose',
  i: 'include',
  I: 'head',
  O: 'remote-name',
  L: 'location',
  f: 'fail',
  m: 'max-time',
  o: 'output',
  w: 'write-out',
  X: 'request',
  H: 'header',
  d: 'data',
  A: 'user-agent',
  T: 'upload-file',
  u: 'user',
  E: 'cert',
  k: 'insecure',
  b: 'cookie',
  e: 'referer',
};

const HELP = `Usage: curl [options...] <url>
 -d, --data <data>          HTTP POST data
 -f, --fail                 Fail fast with no output on HTTP errors
 -h, --help <category>      Get help for commands
 -i, --include              Include protocol response headers in the output
 -o, --output <file>        Write to file instead of stdout
 -s, --silent               Silent mode
 -A, --user-agent <name>    Send User-Agent <name> to server
 -v, --verbose              Make the operation more talkative
 -V, --version              Show version number and quit
`;

/** The URL, or the whole line curl prints about it. */
export function parseUrl(text: string): CurlUrl | string {
  const match = /^(?:([A-Za-z][A-Za-z0-9+.-]*):\/\/)?([^/?#]*)([^#]*)/.exec(text);
  const scheme = (match?.[1] ?? 'http').toLowerCase();
  const authority = (match?.[2] ?? '').replace(/^.*@/, '');
  if (scheme !== 'http' && scheme !== 'https') return `curl: (1) Protocol "${scheme}" not supported or disabled in libcurl\n`;
  // An IPv6 address stands in brackets, since it has colons of its own.
  const literal = /^\[([^\]]*)\](?=:|$)/.exec(authority);
  const colon = authority.indexOf(':', literal === null ? Math.max(0, authority.lastIndexOf(':')) : literal[0].length);
  const host = literal?.[1] ?? (colon < 0 ? authority : authority.slice(0, colon));
  const portText = colon < 0 ? '' : authority.slice(colon + 1);
  const port = portText === '' ? (scheme === 'https' ? 443 : 80) : Number(portText);
  if (!/^\d*$/.test(portText) || port > 65535) return 'curl: (3) URL using bad/illegal format or missing URL\n';
  if (
    host === '' ||
    host.length > 255 ||
    /[\s<>"\\^`{|}[\]]/.test(host) ||
    (literal !== null && parseIp6(host) === undefined) ||
    (/^[\d.]+$/.test(host) && host.split('.').length === 4 && parseIp4(host) === undefined)
  ) {
    return 'curl: (3) URL using bad/illegal format or missing URL\n';
  }
  const rest = match?.[3] ?? '';
  const target = rest === '' ? '/' : rest.startsWith('?') ? `/${rest}` : rest;
  if (/\s/.test(target)) return 'curl: (3) URL using bad/illegal format or missing URL\n';
  return { text, scheme, host, port, target };
}
