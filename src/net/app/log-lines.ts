/** What a component says in its log of the configuration it was given, each line once, as klog or zerolog writes it; it has no sockets of its own. */
import { calendarTime, DEFAULT_EPOCH_MS, formatClock, formatDay } from '../wire/calendar.ts';
import { type AppContext, defineApp } from './definition.ts';

export interface LogLinesConfig {
  /** `controller.go:1`: file and line stand before each text. */
  readonly component: string;
  /** Warnings if absent. */
  readonly severity?: 'I' | 'W' | 'E';
  /** Traefik's: time, three letters of severity, the line. */
  readonly style?: 'zerolog';
  readonly lines: readonly string[];
  readonly epochMs?: number;
}

const two = (value: number): string => String(value).padStart(2, '0');

const SEVERITIES = { I: 'INF', W: 'WRN', E: 'ERR' } as const;

export const logLines = defineApp<readonly string[], LogLinesConfig>({
  name: 'log-lines',
  start: (context, config) => {
    write(context, config);
    return config.lines;
  },
  handle: (_context, state) => state,
});

function write(context: AppContext, { component, severity = 'W', style, lines, epochMs = DEFAULT_EPOCH_MS }: LogLinesConfig): void {
  const nowMs = epochMs + Math.floor(context.nowNs / 1e6);
  const time = calendarTime(nowMs);
  if (style === 'zerolog') {
    for (const line of lines) context.out(`${formatDay(time)}T${formatClock(time)}Z ${SEVERITIES[severity]} ${line}\n`);
    return;
  }
  const micros = String(time.millisecond * 1000).padStart(6, '0');
  for (const line of lines) context.err(`${severity}${two(time.month)}${two(time.day)} ${formatClock(time)}.${micros}       7 ${component}] ${line}\n`);
}
