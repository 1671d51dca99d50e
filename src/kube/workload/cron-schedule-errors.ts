/** Why a text is no cron schedule, in the words of the API server's parser (robfig/cron v3, ParseStandard). */

interface Bounds {
  readonly minimum: number;
  readonly maximum: number;
  readonly names: readonly string[];
}

const noNames: readonly string[] = [];
const months = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const weekdays = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];
/** Minute, hour, day of month, month, day of week. */
const fields: readonly Bounds[] = [
  { minimum: 0, maximum: 59, names: noNames },
  { minimum: 0, maximum: 23, names: noNames },
  { minimum: 1, maximum: 31, names: noNames },
  { minimum: 1, maximum: 12, names: months },
  { minimum: 0, maximum: 6, names: weekdays },
];
const descriptors: ReadonlySet<string> = new Set(['@yearly', '@annually', '@monthly', '@weekly', '@daily', '@midnight', '@hourly']);

/** Undefined when the schedule can be read. */
export function cronScheduleError(schedule: string): string | undefined {
  if (schedule.startsWith('@')) {
    if (descriptors.has(schedule)) return undefined;
    if (!schedule.startsWith('@every ')) return `unrecognized descriptor: ${schedule}`;
    const duration = schedule.slice('@every '.length);
    return /^(?:\d{1,9}(?:\.\d{1,9})?(?:ns|us|ms|s|m|h)){1,6}$/.test(duration)
      ? undefined
      : `failed to parse duration ${schedule}: time: invalid duration ${JSON.stringify(duration)}`;
  }
  const words = schedule.split(/\s+/).filter((word) => word !== '');
  if (words.length !== fields.length) return `expected exactly 5 fields, found ${words.length}: [${words.join(' ')}]`;
  for (const [index, bounds] of fields.entries())
    for (const part of (words[index] ?? '').split(',')) {
      const error = partError(part, bounds);
      if (error !== undefined) return error;
    }
  return undefined;
}

/** A number or its name, or the sentence of what is wrong with it. */
function numberOf(text: string, bounds: Bounds): number | string {
  const named = bounds.names.indexOf(text.toLowerCase());
  if (named >= 0) return named + bounds.minimum;
  if (!/^[+-]?\d{1,9}$/.test(text)) return `failed to parse int from ${text}: strconv.Atoi: parsing ${JSON.stringify(text)}: invalid syntax`;
  return Number(text) < 0 ? `negative number (${Number(text)}) not allowed: ${text}` : Number(text);
}

/** One of `*`, `5`, `1-5`, any of them with `/step`. */
function partError(part: string, bounds: Bounds): string | undefined {
  const [range = '', stepText, ...moreSteps] = part.split('/');
  const [low = '', high, ...moreHyphens] = range.split('-');
  let start = bounds.minimum;
  let end = bounds.maximum;
  if (low !== '*' && low !== '?') {
    const first = numberOf(low, bounds);
    if (typeof first === 'string') return first;
    start = first;
    end = first;
    if (moreHyphens.length > 0) return `too many hyphens: ${part}`;
    if (high !== undefined) {
      const last = numberOf(high, bounds);
      if (typeof last === 'string') return last;
      end = last;
    }
  }
  let step = 1;
  if (moreSteps.length > 0) return `too many slashes: ${part}`;
  if (stepText !== undefined) {
    const given = numberOf(stepText, { ...bounds, names: noNames });
    if (typeof given === 'string') return given;
    step = given;
    // `5/10` is `5-59/10`.
    if (high === undefined) end = bounds.maximum;
  }
  if (start < bounds.minimum) return `beginning of range (${start}) below minimum (${bounds.minimum}): ${part}`;
  if (end > bounds.maximum) return `end of range (${end}) above maximum (${bounds.maximum}): ${part}`;
  if (start > end) return `beginning of range (${start}) beyond end of range (${end}): ${part}`;
  return step === 0 ? `step of range should be a positive number: ${part}` : undefined;
}
