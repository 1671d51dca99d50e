/** Label selectors as text: what they choose and how they are refused. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseLabelSelector } from './label-selector-text.ts';

const chooses = (text: string, labels: Readonly<Record<string, string>>): boolean => {
  const parsed = parseLabelSelector(text);
  if (!parsed.ok) throw new Error(parsed.message);
  return parsed.test(labels);
};

describe('a label selector', () => {
  it('takes equality, sets, presence and numbers, all of which must hold', () => {
    const labels = { app: 'web', tier: 'front', 'a.b/c': '7' };
    for (const text of [
      '',
      'app=web',
      'app==web',
      'app!=x',
      'app',
      '!nosuch',
      'tier in (front, back)',
      'tier notin (x)',
      'a.b/c>6',
      'a.b/c<8',
      'app=web,tier',
      'in notin (x)',
    ])
      expect([text, chooses(text, labels)]).toEqual([text, true]);
    for (const text of ['app=x', '!app', 'tier in ()', 'tier notin (front)', 'a.b/c>7', 'app=web,nosuch', 'app='])
      expect([text, chooses(text, labels)]).toEqual([text, false]);
  });

  it.each([
    ['app in web', "unable to parse requirement: found 'web' expected: '('"],
    ['=x', "found '=', expected: !, identifier, or 'end of string'"],
    ['app=web,', "found '', expected: identifier after ','"],
    ['app web', "unable to parse requirement: found 'web', expected: in, notin, =, ==, !=, gt, lt"],
    ['app=web tier', "found 'tier', expected: ',' or 'end of string'"],
    ['app in (a', "unable to parse requirement: found '', expected: ',' or ')'"],
  ])('%s is refused', (text, message) => expect(parseLabelSelector(text)).toEqual({ ok: false, message }));

  it('never throws and ends, whatever the text', () => {
    fc.assert(fc.property(fc.string(), (text) => typeof parseLabelSelector(text).ok === 'boolean'));
  });
});
