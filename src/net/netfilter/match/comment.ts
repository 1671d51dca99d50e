/** -m comment: says why a rule is there; always matches. */
import { defineMatch } from '../definition.ts';
import { quote } from '../text.ts';

export const comment = defineMatch({
  name: 'comment',
  options: [{ name: 'comment', values: 1, mandatory: true }],
  build(given) {
    const text = given.get('comment')?.values[0] ?? '';
    if (text.length > 255) return { error: 'Argument must have a maximum length of 255 characters\n' };
    return { name: 'comment', text: `--comment ${quote(text)}`, listing: `/* ${text} */`, test: () => true };
  },
});
