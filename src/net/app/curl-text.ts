/** What curl prints beside the body: the progress meter, error lines, and -w's variables. */
import { formatIp } from '../addr/ip.ts';
import type { Errno } from '../stack/userland.ts';
import { absoluteUrl } from './curl-request.ts';
import type { CurlTransfer } from './curl-state.ts';
import { headerValue } from './http-message.ts';

/** strerror() of what a socket can meet. */
export const ERRNO_TEXTS: Partial<Record<Errno, string>> = {
  ECONNREFUSED: 'Connection refused',
  EHOSTUNREACH: 'No route to host',
  ENETUNREACH: 'Network is unreachable',
  ETIMEDOUT: 'Connection timed out',
  EACCES: 'Permission denied',
  EPERM: 'Operation not permitted',
  EADDRNOTAVAIL: 'Cannot assign requested address',
  ENETDOWN: 'Network is down',
  EINVAL: 'Invalid argument',
  ECONNRESET: 'Connection reset by peer',
};

export const METER_HEAD =
  '  % Total    % Received % Xferd  Average Speed   Time    Time     Time  Current\n                                 Dload  Upload   Total   Spent    Left  Speed\n';
export const METER_ZERO = '\r  0     0    0     0    0     0      0      0 --:--:-- --:--:-- --:--:--     0';

/** Five characters for a number of bytes, with k, M and G as curl shortens them (curl: lib/progress.c, max5data). */
function five(bytes: number): string {
  if (bytes < 100_000) return String(bytes).padStart(5);
  const k = 1024;
  if (bytes < 10_000 * k) return `${String(Math.floor(bytes / k)).padStart(4)}k`;
  if (bytes < 100 * k * k) return `${String(Math.floor(bytes / k / k)).padStart(2)}.${Math.floor(((bytes / k) % k) / (k / 10))}M`;
  return `${String(Math.floor(bytes / k / k)).padStart(4)}M`;
}

function clock(seconds: number): string {
  if (seconds <= 0) return '--:--:--';
  const two = (value: number) => String(value).padStart(2, '0');
  return `${String(Math.floor(seconds / 3600)).padStart(2)}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
}

/** The meter's last line. */
export function finalMeter(transfer: CurlTransfer, nowNs: number, code: number): string {
  const spentNs = Math.max(1000, nowNs - transfer.times.startNs);
  const bytes = transfer.bodyBytes;
  const speed = Math.floor((bytes * 1e9) / spentNs);
  const percent = bytes > 0 ? 100 : 0;
  const length = Number(headerValue(transfer.headers, 'Content-Length') ?? bytes);
  const total = code === 0 || bytes > 0 ? Math.max(bytes, Number.isFinite(length) && transfer.method !== 'HEAD' ? length : bytes) : 0;
  const received = total === 0 ? percent : Math.floor((bytes / total) * 100);
  const spent = Math.floor(spentNs / 1e9);
  return `\r${String(received).padStart(3)} ${five(total)}  ${String(received).padStart(3)} ${five(bytes)}    0     0  ${five(speed)}      0 ${clock(0)} ${clock(spent)} ${clock(0)} ${five(speed)}\n`;
}

const MORE_DETAILS =
  'More details here: https://curl.se/docs/sslcerts.html\n\ncurl failed to verify the legitimacy of the server and therefore could not\n' +
  'establish a secure connection to it. To learn more about this situation and\nhow to fix it, please visit the web page mentioned above.\n';

export function curlErrorText(code: number, error: string): string {
  return `curl: (${code}) ${error}\n${code === 60 ? MORE_DETAILS : ''}`;
}

export interface WriteOutFacts {
  readonly nowNs: number;
  readonly exitCode: number;
  readonly error: string;
  readonly connections: number;
  /** X509_V_ERR_…; 0 if all is well. */
  readonly verifyCode: number;
}

/** `%{http_code}` and the like; unknown variables are named on stdout as curl does, `\n`, `\t`, `\r` and `%%` are what they say. */
export function writeOutText(format: string, transfer: CurlTransfer, facts: WriteOutFacts): string {
  return format
    .replace(/\\([nrt\\])/g, (_all, letter: string) => ({ n: '\n', r: '\r', t: '\t', '\\': '\\' })[letter] ?? '')
    .replace(/%(?:%|\{([A-Za-z_]{1,40})\})/g, (all, name: string | undefined) => (name === undefined ? '%' : (variable(name, transfer, facts) ?? all)));
}

function variable(name: string, transfer: CurlTransfer, facts: WriteOutFacts): string | undefined {
  const { times } = transfer;
  const seconds = (ns: number) => (ns < 0 ? 0 : (ns - times.startNs) / 1e9).toFixed(6);
  switch (name) {
    case 'http_code':
    case 'response_code':
      return String(transfer.code).padStart(3, '0');
    case 'http_version':
      return transfer.version.replace('HTTP/', '');
    case 'time_namelookup':
      return seconds(times.resolvedNs);
    case 'time_connect':
      return seconds(times.connectedNs);
    case 'time_appconnect':
      return seconds(times.securedNs);
    case 'time_pretransfer':
      return seconds(Math.max(times.connectedNs, times.securedNs));
    case 'time_starttransfer':
      return seconds(times.firstByteNs);
    case 'time_redirect':
      return '0.000000';
    case 'time_total':
      return seconds(facts.nowNs);
    case 'remote_ip':
      return transfer.remoteIp === 0 ? '' : formatIp(transfer.remoteIp);
    case 'remote_port':
      return transfer.times.connectedNs < 0 ? '0' : String(transfer.url.port);
    case 'local_ip':
      return transfer.localIp === 0 ? '' : formatIp(transfer.localIp);
    case 'local_port':
      return String(transfer.localPort);
    case 'size_download':
      return String(transfer.bodyBytes);
    case 'size_header':
      return String(transfer.headBytes);
    case 'size_upload':
      return '0';
    case 'speed_download':
      return String(Math.floor((transfer.bodyBytes * 1e9) / Math.max(1, facts.nowNs - times.startNs)));
    case 'content_type':
      return headerValue(transfer.headers, 'Content-Type') ?? '';
    case 'ssl_verify_result':
      return String(facts.verifyCode);
    case 'num_connects':
      return String(facts.connections);
    case 'redirect_url': {
      const location = transfer.code >= 300 && transfer.code < 400 ? headerValue(transfer.headers, 'Location') : undefined;
      return location === undefined ? '' : absoluteUrl(transfer.url, location);
    }
    case 'num_redirects':
      return String(transfer.redirects);
    case 'method':
      return transfer.method;
    case 'scheme':
      return transfer.code === 0 ? '' : transfer.url.scheme.toUpperCase();
    case 'url':
      return transfer.url.text;
    case 'url_effective':
      return /:\/\//.test(transfer.url.text)
        ? `${transfer.url.text.replace(/^([^/]+:\/\/[^/?]+)$/, '$1/')}`
        : `http://${transfer.url.text.replace(/^([^/?]+)$/, '$1/')}`;
    case 'exitcode':
      return String(facts.exitCode);
    case 'errormsg':
      return facts.error;
    default:
      return undefined;
  }
}
