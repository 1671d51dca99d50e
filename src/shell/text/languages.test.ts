/** awk and sed as languages: any text is a program or is refused, and no program runs for ever. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FakeWorld } from '../testing/fake-host.ts';
import { AwkError } from './awk/ast.ts';
import { parseAwk } from './awk/parse.ts';
import { editsOf } from './diff.ts';
import { parseSed } from './sed/parse.ts';

describe('awk', () => {
  it('reads any text as a program or says why not', () => {
    const piece = fc.constantFrom(
      ...'{ } ( ) [ ] $ 1 a "b" /c/ + ++ - * % ^ ! ~ = == += < > >> | || && ? : , ; in if else while for do print printf function f(x) BEGIN END delete'.split(
        ' ',
      ),
      '\n',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
        try {
          parseAwk(pieces.join(' '));
        } catch (error) {
          expect(error).toBeInstanceOf(AwkError);
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('stops what never ends, and refuses what it does not have', () => {
    const world = new FakeWorld();
    expect(world.run("awk 'BEGIN { while (1) x++ }'")).toBe('awk: stopped after 3000000 steps\n');
    expect(world.run("awk 'function f(n) { return f(n + 1) } BEGIN { f(1) }'")).toBe('awk: function calls nested too deep\n');
    expect(world.run("awk 'BEGIN { while ((getline line) > 0) print line }'")).toContain("`getline' is not part of this simulated awk");
    expect(world.run("awk 'BEGIN { print 1/0 }'; echo $?")).toBe('awk: division by zero\n2\n');
    expect(world.run("printf 'b\\na\\n' | awk '{ print | \"sort\" }'")).toBe('a\nb\n');
  });
});

describe('sed', () => {
  it('reads any text as a script or says why not', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'sydpqaicbtnNGhx{};/\\1$,!~+ \n[]&'), maxLength: 25 }), (text) => {
        const parsed = parseSed(text);
        expect('error' in parsed || Array.isArray(parsed.commands)).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });

  it('stops a script that jumps in a circle', () => {
    const world = new FakeWorld();
    expect(world.run("echo a | sed ':a;ba'")).toContain('sed: stopped after');
    expect(world.run("printf 'one\\ntwo\\n' > f; sed -i.bak 's/o/0/' f; cat f f.bak")).toBe('0ne\ntw0\none\ntwo\n');
  });
});

describe('diff', () => {
  it('tells edits that make the second text of the first', () => {
    const lines = fc.array(fc.constantFrom('a', 'b', 'c'), { maxLength: 12 });
    fc.assert(
      fc.property(lines, lines, (before, after) => {
        const edits = editsOf(before, after);
        expect(edits.flatMap((edit) => (edit.kind === '+' ? [] : [edit.line]))).toEqual(before);
        expect(edits.flatMap((edit) => (edit.kind === '-' ? [] : [edit.line]))).toEqual(after);
      }),
    );
  });

  it('prints hunks with context', () => {
    const world = new FakeWorld();
    world.run('seq 9 > a; seq 9 | sed s/5/five/ > b');
    expect(world.run('diff -u a b | tail -n +3')).toBe('@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n');
  });
});
