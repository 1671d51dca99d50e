/** Results of expectations for other programs: TAP version 14 (testanything.org), or a line of JSON each. */
import type { ExpectationResult } from '../world/reach/reach-views.ts';

const quoted = (text: string): string => JSON.stringify(text);
/** A description ends where a directive begins. */
const description = (text: string): string => text.replace(/[\\#]/g, '\\$&').replace(/\s+/g, ' ');

export function formatTap(results: readonly ExpectationResult[]): string {
  const lines = ['TAP version 14', `1..${results.length}`];
  results.forEach((one, index) => {
    lines.push(`${one.pass ? 'ok' : 'not ok'} ${index + 1} - ${description(`${one.key.slice('Expectation/'.length)}: ${one.what} is ${one.expected}`)}`);
    if (one.pass) return;
    lines.push('  ---', `  expected: ${quoted(one.expected)}`, `  found: ${quoted(one.found)}`);
    const words = one.failing?.failing?.why.map((phrase) => phrase.text).join('');
    if (words !== undefined) lines.push(`  why: ${quoted(words)}`);
    if (one.failing !== undefined && one.failing.said !== '') lines.push(`  said: ${quoted(one.failing.said)}`);
    lines.push('  ...');
  });
  return `${lines.join('\n')}\n`;
}

/** Keys are a contract: name, namespace, pass, what, expected, found, pairs, reason, where. */
export function expectationJson(one: ExpectationResult): object {
  const [, namespace, name] = one.key.split('/');
  const step = one.failing?.failing?.event.step;
  return {
    name,
    namespace,
    pass: one.pass,
    what: one.what,
    expected: one.expected,
    found: one.found,
    pairs: one.pairs,
    ...(step?.kind === 'dropped' ? { reason: step.reason, where: one.failing?.failing?.where } : {}),
  };
}
