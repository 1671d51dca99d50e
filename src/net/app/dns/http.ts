/** The small HTTP servers of the `health`, `ready` and `prometheus` plugins. CoreDNS: plugin/{health,ready,metrics}; Go: net/http. */
import { DEFAULT_EPOCH_MS, formatHttpDate } from '../../wire/calendar.ts';
import type { SocketId } from '../definition.ts';
import type { DnsHttpListener } from '../dns-server-config.ts';
import { formatHead, parseRequestLine, readHead, textPayload } from '../http-message.ts';
import type { Run } from './chain.ts';
import { metricsText } from './observe.ts';
import { octetsOf } from './tcp-stream.ts';

const MAX_CHARACTERS = 16_384;

const PATHS: Readonly<Record<DnsHttpListener['serves'], string>> = { health: '/health', ready: '/ready', metrics: '/metrics' };

function bodyOf(run: Run, serves: DnsHttpListener['serves']): string {
  return serves === 'metrics' ? metricsText(run.state) : 'OK';
}

/** Answers one request of a connection and leaves it open. */
export function handleHttp(run: Run, socket: SocketId, serves: DnsHttpListener['serves'], received: string, data: Parameters<typeof octetsOf>[0]): string {
  const text = received + octetsOf(data);
  const read = readHead(text);
  if (read === 'incomplete') return text.length > MAX_CHARACTERS ? '' : text;
  if (read === 'malformed') {
    run.context.tcpSend(socket, textPayload('HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n400 Bad Request'));
    return '';
  }
  const line = parseRequestLine(read.head.startLine);
  const path = line?.target.split('?')[0] ?? '';
  const found = path === PATHS[serves];
  const body = found ? bodyOf(run, serves) : '404 page not found\n';
  const date = formatHttpDate(DEFAULT_EPOCH_MS + Math.floor(run.context.nowNs / 1e6));
  const type = found && serves === 'metrics' ? 'text/plain; version=0.0.4; charset=utf-8; escaping=underscores' : 'text/plain; charset=utf-8';
  const head = formatHead(found ? 'HTTP/1.1 200 OK' : 'HTTP/1.1 404 Not Found', [
    { name: 'Content-Type', value: type },
    ...(found ? [] : [{ name: 'X-Content-Type-Options', value: 'nosniff' }]),
    { name: 'Date', value: date },
    { name: 'Content-Length', value: String(body.length) },
  ]);
  run.context.tcpSend(socket, textPayload(line?.method === 'HEAD' ? head : head + body));
  return read.rest;
}
