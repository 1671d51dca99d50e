/** What a load generator does, and how it is written: `POST http://web:8080/orders 20/s keep-alive`. */
import { parseUrl } from '../curl-args.ts';
import { formatHead, type HttpHeader } from '../http-message.ts';

export interface LoadConfig {
  /** As written, for those who read the numbers. */
  readonly target: string;
  readonly host: string;
  readonly port: number;
  readonly method: string;
  /** The whole head. */
  readonly request: string;
  /** Arrivals in a second; 0: each user asks again as soon as it has thought. */
  readonly ratePerSecond: number;
  /** Equal gaps instead of a Poisson process. */
  readonly constant: boolean;
  /** Requests that arrive together. */
  readonly burst: number;
  /** Requests under way at once; what comes beyond is not sent. */
  readonly users: number;
  readonly thinkNs: number;
  readonly keepAlive: boolean;
  readonly timeoutNs: number;
  /** Listens there and tells what it has counted. */
  readonly metricsPort?: number;
  /** Virtual time of the first arrivals. */
  readonly startNs: number;
  /** How often its container had been started before. */
  readonly run: number;
}

const MAX_STREAMS = 8;
const MAX_CHARACTERS = 4_000;
const MAX_RATE = 10_000;
const MAX_USERS = 10_000;
const MAX_BURST = 1_000;
const MAX_SECONDS = 600;
const OPEN_USERS = 1_000;
const UNIT_NS: Readonly<Record<string, number>> = { us: 1e3, ms: 1e6, s: 1e9, m: 60e9 };
const PER_SECOND: Readonly<Record<string, number>> = { s: 1, m: 1 / 60, h: 1 / 3600 };

export type LoadLine = Omit<LoadConfig, 'startNs' | 'run'>;

function durationNs(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)(us|ms|s|m)$/.exec(text);
  const ns = match === null ? Number.NaN : Number(match[1]) * (UNIT_NS[match[2] ?? ''] ?? 0);
  return ns <= MAX_SECONDS * 1e9 ? Math.round(ns) : undefined;
}

function whole(text: string, most: number): number | undefined {
  const value = /^\d{1,9}$/.test(text) ? Number(text) : 0;
  return value >= 1 && value <= most ? value : undefined;
}

/** One stream, or what is wrong with it. */
function parseLine(line: string): LoadLine | string {
  const words = line.split(/\s+/);
  const method = /^[A-Z]{1,16}$/.test(words[0] ?? '') ? (words.shift() ?? 'GET') : 'GET';
  const text = words.shift() ?? '';
  const url = parseUrl(text);
  if (typeof url === 'string' || url.scheme !== 'http') return `${JSON.stringify(text)} must be a URL such as http://web/`;
  let ratePerSecond = 0;
  let constant = false;
  let burst = 1;
  let users: number | undefined;
  let thinkNs: number | undefined;
  let keepAlive = false;
  let timeoutNs = 2e9;
  let metricsPort: number | undefined;
  const headers: HttpHeader[] = [];
  for (const word of words) {
    const at = word.indexOf('=');
    const [key, value] = at < 0 ? [word, ''] : [word.slice(0, at), word.slice(at + 1)];
    const rate = /^(\d+(?:\.\d+)?)\/([smh])$/.exec(word);
    if (rate !== null) {
      ratePerSecond = Number(rate[1]) * (PER_SECOND[rate[2] ?? ''] ?? 0);
      if (!(ratePerSecond > 0 && ratePerSecond <= MAX_RATE)) return `${JSON.stringify(word)} must be more than 0 and at most ${MAX_RATE}/s`;
    } else if (word === 'constant' || word === 'poisson') constant = word === 'constant';
    else if (word === 'keep-alive') keepAlive = true;
    else if (key === 'burst' || key === 'users' || key === 'metrics') {
      const most = key === 'burst' ? MAX_BURST : key === 'users' ? MAX_USERS : 65535;
      const number = whole(value, most);
      if (number === undefined) return `${JSON.stringify(word)}: must be between 1 and ${most}`;
      if (key === 'burst') burst = number;
      else if (key === 'users') users = number;
      else metricsPort = number;
    } else if (key === 'think' || key === 'timeout') {
      const ns = durationNs(value);
      if (ns === undefined || (key === 'timeout' && ns === 0)) return `${JSON.stringify(word)}: must be a duration such as 200ms, at most ${MAX_SECONDS}s`;
      if (key === 'think') thinkNs = ns;
      else timeoutNs = ns;
    } else if (key === 'header' && /^[\w-]{1,100}:[ -~]*$/.test(value)) {
      const colon = value.indexOf(':');
      headers.push({ name: value.slice(0, colon), value: value.slice(colon + 1).trim() });
    } else return `${JSON.stringify(word)} is none of RATE/s, constant, burst=, users=, think=, keep-alive, timeout=, header=NAME:VALUE, metrics=PORT`;
  }
  if (ratePerSecond === 0 && users === undefined) return 'a rate such as 20/s is needed, or users=5 think=200ms';
  if (ratePerSecond > 0 && thinkNs !== undefined) return 'users that think have no rate: either RATE/s or users= with think=';
  const host = headers.find((header) => header.name.toLowerCase() === 'host')?.value;
  const shown = url.host.includes(':') ? `[${url.host}]` : url.host;
  const head: HttpHeader[] = [
    { name: 'Host', value: host ?? (url.port === 80 ? shown : `${shown}:${url.port}`) },
    { name: 'User-Agent', value: 'kubehop-load' },
    ...headers.filter((header) => header.name.toLowerCase() !== 'host'),
    ...(method === 'GET' || method === 'HEAD' ? [] : [{ name: 'Content-Length', value: '0' }]),
    ...(keepAlive ? [] : [{ name: 'Connection', value: 'close' }]),
  ];
  return {
    target: text,
    host: url.host,
    port: url.port,
    method,
    request: formatHead(`${method} ${url.target} HTTP/1.1`, head),
    ratePerSecond,
    constant,
    burst,
    users: users ?? OPEN_USERS,
    thinkNs: thinkNs ?? 0,
    keepAlive,
    timeoutNs,
    ...(metricsPort === undefined ? {} : { metricsPort }),
  };
}

/** One stream a line. */
export function parseLoad(text: string): readonly LoadLine[] | string {
  if (text.length > MAX_CHARACTERS) return `must be no more than ${MAX_CHARACTERS} characters`;
  const lines = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  if (lines.length === 0) return 'a URL and a rate are needed, such as http://web/ 20/s';
  if (lines.length > MAX_STREAMS) return `must have at most ${MAX_STREAMS} lines`;
  const streams: LoadLine[] = [];
  for (const line of lines) {
    const stream = parseLine(line);
    if (typeof stream === 'string') return stream;
    streams.push(stream);
  }
  return streams;
}
