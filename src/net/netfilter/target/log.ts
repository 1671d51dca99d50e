/** -j LOG: a line in the kernel's log; -j NFLOG: a message to a program that nobody runs here. The packet goes on. Linux: net/netfilter/xt_LOG.c, xt_NFLOG.c */
import { CONTINUE, defineTarget } from '../definition.ts';
import { givenValue, numberOption } from '../options.ts';
import { parseUnsigned, quote } from '../text.ts';

/** With the bit of XT_LOG_*. */
const FLAGS = [
  ['log-tcp-sequence', 1],
  ['log-tcp-options', 2],
  ['log-ip-options', 4],
  ['log-uid', 8],
  ['log-macdecode', 32],
] as const;
const LEVELS = ['emerg', 'alert', 'crit', 'error', 'warning', 'notice', 'info', 'debug'];
/** As a list without -n has them. */
const LISTED_LEVELS = ['emerg', 'alert', 'crit', 'err', 'warn', 'notice', 'info', 'debug'];
const DEFAULT_LEVEL = 4;
const MAX_PREFIX = 29;

export const log = defineTarget({
  name: 'LOG',
  options: [{ name: 'log-prefix', values: 1 }, { name: 'log-level', values: 1 }, ...FLAGS.map(([name]) => ({ name, values: 0 as const }))],
  build(given) {
    const whole = givenValue(given, 'log-prefix');
    if (whole === '') return { error: 'Argument must have a minimum length of 1 characters\n' };
    // The nf_tables variant cuts what is too long.
    const prefix = (whole ?? '').slice(0, MAX_PREFIX);
    if (prefix.includes('\n')) return { error: 'LOG: newlines not allowed in --log-prefix' };
    const levelText = givenValue(given, 'log-level') ?? 'warning';
    const level = parseUnsigned(levelText, 7) ?? LEVELS.indexOf(levelText);
    if (level < 0) return { error: `log level "${levelText}" unknown\n` };
    const words: string[] = [];
    if (prefix !== '') words.push(`--log-prefix ${quote(prefix)}`);
    if (level !== DEFAULT_LEVEL) words.push(`--log-level ${level}`);
    const flags = FLAGS.filter(([name]) => given.has(name));
    for (const [name] of flags) words.push(`--${name}`);
    const bits = flags.reduce((sum, [, bit]) => sum | bit, 0);
    const tail = prefix === '' ? '' : ` prefix "${prefix}"`;
    return {
      name: 'LOG',
      continues: true,
      text: words.join(' '),
      listing: `LOG flags ${bits} level ${level}${tail}`,
      named: `LOG level ${LISTED_LEVELS[level]}${flags.map(([name]) => ` ${name.slice(4)}`).join('')}${tail}`,
      run(context) {
        context.log(prefix, level, bits);
        return CONTINUE;
      },
    };
  },
});

export const nflog = defineTarget({
  name: 'NFLOG',
  options: [
    { name: 'nflog-prefix', values: 1 },
    { name: 'nflog-group', values: 1 },
    { name: 'nflog-size', values: 1 },
    { name: 'nflog-range', values: 1 },
    { name: 'nflog-threshold', values: 1 },
  ],
  build(given) {
    const words: string[] = [];
    const prefix = givenValue(given, 'nflog-prefix');
    if (prefix === '') return { error: 'Argument must have a minimum length of 1 characters\n' };
    if (prefix !== undefined) words.push(`nflog-prefix ${quote(prefix.slice(0, 127))}`);
    for (const [name, max] of [
      ['nflog-group', 65535],
      ['nflog-size', 0xffffffff],
      ['nflog-threshold', 65535],
    ] as const) {
      const text = givenValue(given, name);
      if (text === undefined) continue;
      const value = numberOption('NFLOG', name, text, 0, max);
      if (typeof value !== 'number') return value;
      if (value !== 0) words.push(`${name} ${value}`);
    }
    return { name: 'NFLOG', continues: true, text: words.map((w) => `--${w}`).join(' '), listing: words.join(' '), run: () => CONTINUE };
  },
});
