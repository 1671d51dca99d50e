/** The access log of a mesh's proxy, as accessLogFile writes it: Istio's own text. Istio: pilot/pkg/model/telemetry_logging.go. */
import { formatIp } from '../../addr/ip.ts';
import { headerValue } from '../http-message.ts';
import { isoTime } from './iso-time.ts';
import type { Asked, Tried } from './manners.ts';

export interface IstioLine {
  readonly status: number;
  readonly bytes: number;
  readonly seconds: number;
  readonly nowMs: number;
  /** Of the request's body. */
  readonly received: number;
  /** `URX,UF`; '' for none. */
  readonly flags: string;
  /** `via_upstream` … */
  readonly details: string;
  readonly transportFailure: string;
  readonly upstream: { readonly cluster: string; readonly last: Tried | undefined };
  /** Where the client's connection was meant to go. */
  readonly local: string;
  readonly serverName: string;
  readonly route: string;
}

/** Spaces would break the line's columns. */
export const joined = (text: string): string => text.replaceAll(' ', '_');

export function istioLog(asked: Asked, line: IstioLine): string {
  const { last } = line.upstream;
  const ip = formatIp(asked.client.ip);
  const remote = `${ip.includes(':') ? `[${ip}]` : ip}:${asked.client.port}`;
  const milliseconds = Math.round(line.seconds * 1000);
  const service = last !== undefined && last.status !== 0 && line.details === 'via_upstream' ? String(Math.round(last.seconds * 1000)) : '-';
  const or = (text: string): string => (text === '' ? '-' : text);
  return (
    `[${isoTime(line.nowMs - milliseconds)}] "${asked.method} ${headerValue(asked.headers, 'x-envoy-original-path') ?? asked.target} ${asked.version}" ${line.status} ${or(line.flags)} ${or(line.details)} - ` +
    `"${or(line.transportFailure)}" ${line.received} ${line.bytes} ${milliseconds} ${service} "${headerValue(asked.headers, 'X-Forwarded-For') ?? '-'}" ` +
    `"${headerValue(asked.headers, 'User-Agent') ?? '-'}" "${headerValue(asked.headers, 'X-Request-ID') ?? asked.requestId}" "${headerValue(asked.headers, 'Host') ?? '-'}" ` +
    `"${or(last?.address ?? '')}" ${or(line.upstream.cluster)} ${or(last?.local ?? '')} ${line.local} ${remote} ${or(line.serverName)} ${or(line.route)}\n`
  );
}
