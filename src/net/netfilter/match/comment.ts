/** -m comment: says why a rule is there; always matches. */
import { defineMatch } from '../definition.ts';
import { quote } from '../text.ts';

export const comment = defineMatch({
  name: 'comment',
  options: [{ name: 'comment', values: 1 }],
  build(given) {
    const text = given.get('comment')?.values[0];
    if (text === undefined) return { error: 'comment: option "--comment" must be specified' };
    if (text.length > 255) return { error: 'comment: Bad value for "--comment" option (max. length 255)' };
    return { name: 'comment', text: `--comment ${quote(text)}`, listing: `/* ${text} */`, test: () => true };
  },
});
