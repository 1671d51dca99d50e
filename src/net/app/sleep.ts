/** sleep(1). */
import { parseSeconds } from './cli-options.ts';
import { defineApp, defineProgram, type ParseResult } from './definition.ts';

export interface SleepConfig {
  /** -1: for ever. */
  readonly seconds: number;
  /** Nobody waits for its end: the world may come to rest meanwhile. */
  readonly background?: true;
}

export const sleep = defineApp<null, SleepConfig>({
  name: 'sleep',
  start: (context, config) => {
    if (config.seconds >= 0) context.setTimer(config.seconds * 1e9, 'wake', undefined, config.background === true);
    return null;
  },
  handle: (context, state, event) => {
    if (event.kind === 'timer') context.exit(0);
    else if (event.kind === 'signal') context.exit(130);
    return state;
  },
});

const UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86400 };

export function parseSleepArgs(argv: readonly string[]): ParseResult<SleepConfig> {
  if (argv.length === 0) return { ok: false, stderr: "sleep: missing operand\nTry 'sleep --help' for more information.\n", exitCode: 1 };
  let seconds = 0;
  let forever = false;
  for (const word of argv) {
    if (word === 'infinity' || word === 'inf') {
      forever = true;
      continue;
    }
    const unit = UNITS[word.slice(-1)];
    const value = parseSeconds(unit === undefined ? word : word.slice(0, -1));
    if (value === undefined) return { ok: false, stderr: `sleep: invalid time interval '${word}'\nTry 'sleep --help' for more information.\n`, exitCode: 1 };
    seconds += value * (unit ?? 1);
  }
  return { ok: true, config: { seconds: forever ? -1 : seconds } };
}

export const sleepProgram = defineProgram({
  app: 'sleep',
  parse: (argv) => parseSleepArgs(argv),
  endless: (config: SleepConfig) => config.seconds < 0,
});
