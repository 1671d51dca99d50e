/** When a cron schedule strikes. Times are UTC. Kubernetes reads schedules with robfig/cron v3 (ParseStandard). */
import { zoneOffsetMs } from './time-zone.ts';

const monthNames = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const dayNames = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];
const macros: Readonly<Record<string, string>> = {
  '@yearly': '0 0 1 1 *',
  '@annually': '0 0 1 1 *',
  '@monthly': '0 0 1 * *',
  '@weekly': '0 0 * * 0',
  '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *',
  '@hourly': '0 * * * *',
};
const minuteMs = 60_000;
const dayMs = 86_400_000;
/** A date that never comes (30 February) is given up after five years. */
const maxDays = 5 * 366;

interface Field {
  readonly values: ReadonlySet<number>;
  /** Written as `*` or `?`. */
  readonly any: boolean;
}

export type CronSchedule =
  | { readonly form: 'every'; readonly periodMs: number }
  | {
      readonly form: 'calendar';
      readonly minutes: Field;
      readonly hours: Field;
      readonly days: Field;
      readonly months: Field;
      readonly weekdays: Field;
      /** Whose clocks count; UTC without one. */
      readonly zone?: string;
    };

function numberOf(text: string, names: readonly string[], first: number): number {
  const named = names.indexOf(text.toLowerCase());
  return named >= 0 ? named + first : /^\d{1,4}$/.test(text) ? Number(text) : Number.NaN;
}

function parseField(text: string, low: number, high: number, names: readonly string[] = []): Field | undefined {
  const values = new Set<number>();
  let any = false;
  for (const part of text.split(',')) {
    const [range = '', stepText] = part.split('/');
    const [from = '', to] = range.split('-');
    const star = from === '*' || from === '?';
    // `*/2` is a restriction like any other; only a step of one is none.
    if (star && (stepText === undefined || stepText === '1')) any = true;
    const start = star ? low : numberOf(from, names, low);
    const end = star ? high : to !== undefined ? numberOf(to, names, low) : stepText === undefined ? start : high;
    const step = stepText === undefined ? 1 : Number(stepText);
    if (!(start >= low && end <= high && start <= end && Number.isInteger(step) && step > 0)) return undefined;
    for (let value = start; value <= end; value += step) values.add(value);
  }
  return { values, any };
}

const units: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1000, ms: 1, us: 0.001, ns: 0.000001 };

/** `@every`: a Go duration, at least one second, whole seconds. */
function parsePeriod(text: string): number | undefined {
  if (!/^(?:\d{1,9}(?:\.\d{1,9})?(?:ns|us|ms|s|m|h)){1,6}$/.test(text)) return undefined;
  let sum = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ns|us|ms|s|m|h)/g)) sum += Number(amount) * (units[unit ?? ''] ?? 0);
  return Math.max(1000, sum - (sum % 1000));
}

/** Undefined when the text is no schedule. */
export function parseCronSchedule(text: string): CronSchedule | undefined {
  if (text.startsWith('@every ')) {
    const periodMs = parsePeriod(text.slice('@every '.length));
    return periodMs === undefined ? undefined : { form: 'every', periodMs };
  }
  const words = (Object.hasOwn(macros, text) ? (macros[text] as string) : text).split(/\s+/).filter((word) => word !== '');
  if (words.length !== 5) return undefined;
  const [minute = '', hour = '', day = '', month = '', weekday = ''] = words;
  const minutes = parseField(minute, 0, 59);
  const hours = parseField(hour, 0, 23);
  const days = parseField(day, 1, 31);
  const months = parseField(month, 1, 12, monthNames);
  const weekdays = parseField(weekday, 0, 6, dayNames);
  if (minutes === undefined || hours === undefined || days === undefined || months === undefined || weekdays === undefined) return undefined;
  return { form: 'calendar', minutes, hours, days, months, weekdays };
}

/** Year, month and day of a number of days since 1970, counted on from the first of March of the year 0. */
function monthAndDay(days: number): readonly [number, number] {
  const shifted = days + 719_468;
  const dayOfEra = shifted - Math.floor(shifted / 146_097) * 146_097;
  const yearOfEra = Math.floor((dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365);
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const index = Math.floor((5 * dayOfYear + 2) / 153);
  return [index + (index < 10 ? 3 : -9), dayOfYear - Math.floor((153 * index + 2) / 5) + 1];
}

/** A schedule read by the clocks of a time zone. */
export const inZone = (schedule: CronSchedule, zone: string | undefined): CronSchedule =>
  schedule.form === 'every' || zone === undefined ? schedule : { ...schedule, zone };

/** Clock changes that a schedule may fall into one after the other. */
const maxGaps = 10;

/**
 * The first strike after a moment (milliseconds since 1970); undefined: none within five years. Times that clocks skip in spring do not strike, those that
 * they show twice in autumn strike once. robfig/cron: spec.go.
 */
export function nextStrike(schedule: CronSchedule, afterMs: number): number | undefined {
  const zone = schedule.form === 'every' ? undefined : schedule.zone;
  if (zone === undefined) return nextInUtc(schedule, afterMs);
  const offsetAt = (ms: number): number => zoneOffsetMs(zone, ms) ?? 0;
  let localMs = afterMs + offsetAt(afterMs);
  for (let gap = 0; gap < maxGaps; gap += 1) {
    const next = nextInUtc(schedule, localMs);
    if (next === undefined) return undefined;
    for (const strike of [next - offsetAt(next - offsetAt(afterMs)), next - offsetAt(next)])
      if (strike > afterMs && strike + offsetAt(strike) === next) return strike;
    localMs = next;
  }
  return undefined;
}

/** By clocks that show UTC. */
function nextInUtc(schedule: CronSchedule, afterMs: number): number | undefined {
  if (schedule.form === 'every') return afterMs - (afterMs % 1000) + schedule.periodMs;
  const from = Math.floor(afterMs / minuteMs) * minuteMs + minuteMs;
  const firstDay = Math.floor(from / dayMs);
  for (let day = firstDay; day < firstDay + maxDays; day += 1) {
    if (!strikesOn(schedule, day)) continue;
    const firstMinute = day === firstDay ? (from - day * dayMs) / minuteMs : 0;
    for (let minute = firstMinute; minute < 1440; minute += 1) {
      if (schedule.hours.values.has(Math.floor(minute / 60)) && schedule.minutes.values.has(minute % 60)) return day * dayMs + minute * minuteMs;
    }
  }
  return undefined;
}

/** Where both the day of the month and the day of the week are restricted, either is enough. */
function strikesOn(schedule: Extract<CronSchedule, { form: 'calendar' }>, day: number): boolean {
  const [month, dayOfMonth] = monthAndDay(day);
  if (!schedule.months.values.has(month)) return false;
  const onDay = schedule.days.values.has(dayOfMonth);
  const onWeekday = schedule.weekdays.values.has((((day + 4) % 7) + 7) % 7);
  return schedule.days.any || schedule.weekdays.any ? onDay && onWeekday : onDay || onWeekday;
}

export interface Strikes {
  /** The latest strike in the span; undefined: none. */
  readonly latest: number | undefined;
  readonly count: number;
}

/** Looked at one by one up to here; beyond, only their number is estimated. */
const maxCounted = 200;

/** The strikes after `fromMs` up to and with `toMs`. Kubernetes: pkg/controller/cronjob/utils.go, mostRecentScheduleTime. */
export function strikesBetween(schedule: CronSchedule, fromMs: number, toMs: number): Strikes {
  let latest: number | undefined;
  let count = 0;
  for (let next = nextStrike(schedule, fromMs); next !== undefined && next <= toMs; next = nextStrike(schedule, next)) {
    latest = next;
    count += 1;
    if (count < maxCounted) continue;
    const period = (next - fromMs) / count;
    const rest = Math.floor((toMs - next) / period);
    return { latest: lastBefore(schedule, next, toMs, period), count: count + rest };
  }
  return { latest, count };
}

/** Jumps near the end and walks the rest. */
function lastBefore(schedule: CronSchedule, knownMs: number, toMs: number, periodMs: number): number {
  let latest = knownMs;
  const start =
    schedule.form === 'every' ? knownMs + Math.floor((toMs - knownMs) / schedule.periodMs) * schedule.periodMs - schedule.periodMs : toMs - 2 * periodMs;
  let next = nextStrike(schedule, Math.max(knownMs, start));
  for (let i = 0; i < maxCounted && next !== undefined && next <= toMs; i += 1) {
    latest = next;
    next = nextStrike(schedule, next);
  }
  return latest;
}
