/** -j LOG: a line in the kernel's log; the packet goes on. */
import { CONTINUE, defineTarget } from '../definition.ts';
import { parseUnsigned, quote } from '../text.ts';

const FLAGS = ['log-tcp-sequence', 'log-tcp-options', 'log-ip-options', 'log-uid', 'log-macdecode'] as const;
const LEVELS = ['emerg', 'alert', 'crit', 'error', 'warning', 'notice', 'info', 'debug'];
const DEFAULT_LEVEL = 4;

export const log = defineTarget({
  name: 'LOG',
  options: [{ name: 'log-prefix', values: 1 }, { name: 'log-level', values: 1 }, ...FLAGS.map((name) => ({ name, values: 0 as const }))],
  build(given) {
    const prefix = given.get('log-prefix')?.values[0] ?? '';
    if (prefix.length > 29) return { error: 'Maximum prefix length 29 for --log-prefix' };
    const levelText = given.get('log-level')?.values[0] ?? 'warning';
    const level = parseUnsigned(levelText, 7) ?? LEVELS.findIndex((l) => l === levelText || (l === 'error' && levelText === 'err'));
    if (level < 0) return { error: `LOG: log-level "${levelText}" unknown` };
    const words: string[] = [];
    if (prefix !== '') words.push(`--log-prefix ${quote(prefix)}`);
    if (level !== DEFAULT_LEVEL) words.push(`--log-level ${level}`);
    let bits = 0;
    FLAGS.forEach((flag, i) => {
      if (!given.has(flag)) return;
      words.push(`--${flag}`);
      bits |= 1 << i;
    });
    return {
      name: 'LOG',
      continues: true,
      text: words.join(' '),
      listing: `LOG flags ${bits} level ${level}${prefix === '' ? '' : ` prefix "${prefix}"`}`,
      run(context) {
        context.log(prefix);
        return CONTINUE;
      },
    };
  },
});
