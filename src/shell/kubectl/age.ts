/** Ages and times as kubectl prints them, by the virtual clock. Kubernetes: apimachinery/pkg/util/duration */
import { formatRfc3339, humanDuration, parseRfc3339 } from '../../base/time.ts';
import { formatHttpDate } from '../../net/wire/calendar.ts';
import type { RowContext } from '../../objects/types.ts';
import type { ShellHost } from '../../world/shell-host.ts';

export { humanDuration };

export function virtualMs(host: ShellHost): number {
  return host.epochMs + host.nowNs / 1e6;
}

/** Seconds since an RFC 3339 time, undefined when it is none. */
export function secondsSince(host: ShellHost, timestamp: string | undefined): number | undefined {
  const then = timestamp === undefined ? undefined : parseRfc3339(timestamp);
  // Times have whole seconds; the clock is cut the same way, so that an age is never negative.
  return then === undefined ? undefined : Math.floor(virtualMs(host) / 1000) - Math.floor(then / 1000);
}

/** The age of an RFC 3339 time at `nowMs` (Unix epoch), as the server prints it in tables. */
export function humanAge(nowMs: number, timestamp: string | undefined): string {
  const then = timestamp === undefined ? undefined : parseRfc3339(timestamp);
  return then === undefined ? '<unknown>' : humanDuration(Math.floor(nowMs / 1000) - Math.floor(then / 1000));
}

export function ageOf(host: ShellHost, timestamp: string | undefined): string {
  const seconds = secondsSince(host, timestamp);
  return seconds === undefined ? '<unknown>' : humanDuration(seconds);
}

export function rowContext(host: ShellHost): RowContext {
  return { nowNs: host.nowNs, view: host.api.view, age: (timestamp) => ageOf(host, timestamp) };
}

/** RFC 1123 with a numeric zone: `Sun, 22 Nov 2026 20:00:00 +0000`. */
export function rfc1123(timestamp: string): string {
  const ms = parseRfc3339(timestamp);
  return ms === undefined ? timestamp : formatHttpDate(ms).replace(/GMT$/, '+0000');
}

/** Go's `2026-11-22 20:00:00 +0000 UTC`. */
export function goTime(timestamp: string): string {
  const ms = parseRfc3339(timestamp);
  return ms === undefined ? timestamp : `${formatRfc3339(ms).slice(0, 19).replace('T', ' ')} +0000 UTC`;
}
