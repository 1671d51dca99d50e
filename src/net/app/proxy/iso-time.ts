/** Times as Envoy's logs write them. */
import { calendarTime, formatClock, formatDay } from '../../wire/calendar.ts';

/** `2026-01-05T10:00:00.123Z` */
export function isoTime(unixMs: number): string {
  const time = calendarTime(unixMs);
  return `${formatDay(time)}T${formatClock(time)}.${String(time.millisecond).padStart(3, '0')}Z`;
}
