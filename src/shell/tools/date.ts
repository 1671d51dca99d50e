/** date: the virtual clock, or a given time, in any format; always UTC. */
import { calendarTime } from '../../net/wire/calendar.ts';
import { defineCommand } from '../command.ts';
import { clockParts, nowMs } from './system.ts';

const WEEKDAY_NAMES = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];
const MONTH_NAMES = ['January', 'February', 'March', 'April', 'May', 'June', 'July', 'August', 'September', 'October', 'November', 'December'];
const UNITS: Readonly<Record<string, number>> = { sec: 1, second: 1, min: 60, minute: 60, hour: 3600, day: 86_400, week: 604_800 };

/** Days since 1970-01-01 of a day of the Gregorian calendar. */
function daysOf(year: number, month: number, day: number): number {
  const shifted = month <= 2 ? year - 1 : year;
  const era = Math.floor(shifted / 400);
  const yearOfEra = shifted - era * 400;
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  return era * 146_097 + yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear - 719_468;
}

/** Milliseconds of what -d says, or undefined: `@N`, a date with or without a time, `now`, `yesterday`, `2 hours ago`, `+3 days`. */
export function parseDate(text: string, now: number): number | undefined {
  const trimmed = text.trim();
  const seconds = /^@(-?\d+(?:\.\d+)?)$/.exec(trimmed);
  if (seconds !== null) return Math.floor(Number(seconds[1]) * 1000);
  const absolute = /^(\d{4})-(\d{1,2})-(\d{1,2})(?:[T ](\d{1,2}):(\d{2})(?::(\d{2})(?:\.\d+)?)?)?\s*(?:Z|UTC|\+00:?00)?$/.exec(trimmed);
  if (absolute !== null) {
    const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = absolute.slice(1).map((part) => Number(part ?? 0));
    if (month < 1 || month > 12 || day < 1 || day > 31 || hour > 23 || minute > 59 || second > 60) return undefined;
    return (daysOf(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second) * 1000;
  }
  if (trimmed === '' || trimmed === 'now' || trimmed === 'today') return now;
  if (trimmed === 'yesterday' || trimmed === 'tomorrow') return now + (trimmed === 'tomorrow' ? 86_400_000 : -86_400_000);
  const relative = /^([-+]?\d+) *(sec|second|min|minute|hour|day|week)s?( ago)?$/.exec(trimmed);
  const unit = UNITS[relative?.[2] ?? ''];
  return relative === null || unit === undefined ? undefined : now + Number(relative[1]) * unit * 1000 * (relative[3] === undefined ? 1 : -1);
}

function formatDate(format: string, ms: number, nanoseconds: number): string {
  const { weekday, month, day, time, year, iso } = clockParts(ms);
  const date = calendarTime(ms);
  const hour = Number(iso.slice(11, 13));
  const twelve = hour % 12 === 0 ? 12 : hour % 12;
  const dayOfYear = Math.floor(ms / 86_400_000) - daysOf(year, 1, 1) + 1;
  const [m, d] = [iso.slice(5, 7), iso.slice(8, 10)];
  const values: Readonly<Record<string, string>> = {
    Y: String(year),
    C: String(Math.floor(year / 100)),
    y: iso.slice(2, 4),
    m,
    d,
    e: String(day).padStart(2),
    H: iso.slice(11, 13),
    k: String(hour).padStart(2),
    I: String(twelve).padStart(2, '0'),
    l: String(twelve).padStart(2),
    M: iso.slice(14, 16),
    S: iso.slice(17, 19),
    N: String(nanoseconds).padStart(9, '0'),
    T: time,
    X: time,
    R: time.slice(0, 5),
    F: iso.slice(0, 10),
    D: `${m}/${d}/${iso.slice(2, 4)}`,
    x: `${m}/${d}/${iso.slice(2, 4)}`,
    r: `${String(twelve).padStart(2, '0')}${time.slice(2)} ${hour < 12 ? 'AM' : 'PM'}`,
    p: hour < 12 ? 'AM' : 'PM',
    P: hour < 12 ? 'am' : 'pm',
    s: String(Math.floor(ms / 1000)),
    j: String(dayOfYear).padStart(3, '0'),
    a: weekday,
    A: WEEKDAY_NAMES[date.weekday] ?? '',
    b: month,
    h: month,
    B: MONTH_NAMES[date.month - 1] ?? '',
    u: String(date.weekday === 0 ? 7 : date.weekday),
    w: String(date.weekday),
    c: `${weekday} ${month} ${String(day).padStart(2)} ${time} ${year}`,
    Z: 'UTC',
    z: '+0000',
    '%': '%',
    n: '\n',
    t: '\t',
  };
  return format.replace(/%([-_0^]?)(\d*)([A-Za-z%])/g, (whole, flag: string, digits: string, letter: string) => {
    const value = values[letter];
    if (value === undefined) return whole;
    if (letter === 'N' && digits !== '') return value.slice(0, Number(digits));
    if (flag === '-') return value.replace(/^[0 ]+(?=.)/, '');
    return flag === '^' ? value.toUpperCase() : flag === '_' ? value.replace(/^0+(?=.)/, (zeros) => ' '.repeat(zeros.length)) : value;
  });
}

export const date = defineCommand({
  name: 'date',
  summary: 'the virtual clock, UTC (+FORMAT, -d TIME, -I, -R)',
  group: 'shell',
  run: (invocation) => {
    const { argv, out, err } = invocation;
    let ms = nowMs(invocation);
    let nanoseconds = Math.floor(invocation.host.nowNs % 1e9);
    let format = '%a %b %e %H:%M:%S UTC %Y';
    const queue = [...argv];
    for (let word = queue.shift(); word !== undefined; word = queue.shift()) {
      if (word.startsWith('+')) format = word.slice(1);
      else if (word === '-u' || word === '--utc') continue;
      else if (word === '-R') format = '%a, %d %b %Y %T +0000';
      else if (/^(?:-I|--iso-8601)/.test(word)) {
        const precision = word.replace(/^(?:-I|--iso-8601=?)/, '');
        format =
          precision === '' || precision === 'date'
            ? '%F'
            : precision.startsWith('s')
              ? '%FT%T+00:00'
              : precision.startsWith('m')
                ? '%FT%R+00:00'
                : '%FT%H+00:00';
      } else if (/^(?:-d|--date=)/.test(word)) {
        const text = word === '-d' ? (queue.shift() ?? '') : word.replace(/^(?:-d|--date=)/, '');
        const parsed = parseDate(text, ms);
        if (parsed === undefined) {
          err(`date: invalid date \u2018${text}\u2019\n`);
          return 1;
        }
        ms = parsed;
        nanoseconds = (((ms % 1000) + 1000) % 1000) * 1e6;
      } else if (word.startsWith('-')) {
        err(`date: invalid option -- '${word.slice(1, 2)}'\nTry 'date --help' for more information.\n`);
        return 1;
      } else {
        err('date: cannot set date: Operation not permitted\n');
        return 1;
      }
    }
    out(`${formatDate(format, ms, nanoseconds)}\n`);
    return 0;
  },
});
