/** Dates in UTC from Unix milliseconds, without the platform's clock: the shapes that tools and servers print. */

export interface CalendarTime {
  readonly year: number;
  /** 1..12 */
  readonly month: number;
  readonly day: number;
  /** 0 = Sunday. */
  readonly weekday: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
  readonly millisecond: number;
}

export const WEEKDAYS: readonly string[] = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];
export const MONTHS: readonly string[] = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** Virtual time 0 where nobody says otherwise: Sat, 4 Apr 2026 09:00:00 UTC. */
export const DEFAULT_EPOCH_MS = 1_775_293_200_000;

/** Proleptic Gregorian calendar; the year counted from March makes the leap day the last one. */
export function calendarTime(unixMs: number): CalendarTime {
  const days = Math.floor(unixMs / 86_400_000);
  const inDay = unixMs - days * 86_400_000;
  const shifted = days + 719_468;
  const era = Math.floor(shifted / 146_097);
  const dayOfEra = shifted - era * 146_097;
  const yearOfEra = Math.floor((dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365);
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const monthFromMarch = Math.floor((5 * dayOfYear + 2) / 153);
  const month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9;
  return {
    year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0),
    month,
    day: dayOfYear - Math.floor((153 * monthFromMarch + 2) / 5) + 1,
    weekday: (((days + 4) % 7) + 7) % 7,
    hour: Math.floor(inDay / 3_600_000),
    minute: Math.floor(inDay / 60_000) % 60,
    second: Math.floor(inDay / 1000) % 60,
    millisecond: Math.floor(inDay) % 1000,
  };
}

const two = (value: number): string => (value < 10 ? `0${value}` : String(value));
const weekdayName = (time: CalendarTime): string => WEEKDAYS[time.weekday] ?? '';
const monthName = (time: CalendarTime): string => MONTHS[time.month - 1] ?? '';

/** `22:47:41` */
export function formatClock(time: CalendarTime): string {
  return `${two(time.hour)}:${two(time.minute)}:${two(time.second)}`;
}

/** `2026-11-22` */
export function formatDay(time: CalendarTime): string {
  return `${time.year}-${two(time.month)}-${two(time.day)}`;
}

/** RFC 9110 section 5.6.7: `Sun, 22 Nov 2026 22:47:41 GMT`. */
export function formatHttpDate(unixMs: number): string {
  const time = calendarTime(unixMs);
  return `${weekdayName(time)}, ${two(time.day)} ${monthName(time)} ${time.year} ${formatClock(time)} GMT`;
}

/** As date(1) and dig print it: `Sun Nov 22 22:50:13 UTC 2026`. */
export function formatDate(unixMs: number): string {
  const time = calendarTime(unixMs);
  return `${weekdayName(time)} ${monthName(time)} ${two(time.day)} ${formatClock(time)} UTC ${time.year}`;
}

/** As access logs print it: `22/Nov/2026:22:47:41 +0000`. */
export function formatLogDate(unixMs: number): string {
  const time = calendarTime(unixMs);
  return `${two(time.day)}/${monthName(time)}/${time.year}:${formatClock(time)} +0000`;
}
