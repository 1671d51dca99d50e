import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { openArticle, runLine } from '../../world/testing/article.ts';
import { JqSyntaxError } from './jq/ast.ts';
import { parseJq } from './jq/parse.ts';
import { jqDocument, jqGolden } from './testing/jq-golden.ts';

const world = openArticle();
runLine(world, `cat > d.json <<'EOF'\n${jqDocument}EOF`);
const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;
/** jq pads the echoed line of a program that does not compile. */
const trimmed = (text: string): string => text.replace(/ +$/gm, '');

describe('jq', () => {
  it.each(jqGolden)('%s', (program, output, exitCode) => {
    const { stdout, stderr, exitCode: code } = runLine(world, `jq -c ${quoted(program)} < d.json`);
    expect([trimmed(stdout + stderr), code]).toEqual([trimmed(output), exitCode]);
  });

  it('takes its options: -r, -s, -n, -e, -S, --arg, --argjson, --tab', () => {
    expect(runLine(world, `kubectl get pods -o json | jq -r '.items[0].metadata.name'`).output).toBe('client\n');
    expect(runLine(world, `printf '1 2\\n3' | jq -s add`).output).toBe('6\n');
    expect(runLine(world, `jq -n --arg who world --argjson n 2 '"hello \\($who)", $n + 1'`).output).toBe('"hello world"\n3\n');
    expect(runLine(world, `echo '{"b":1,"a":[]}' | jq -S .`).output).toBe('{\n  "a": [],\n  "b": 1\n}\n');
    expect(runLine(world, 'echo null | jq -e .').exitCode).toBe(1);
    expect(runLine(world, `echo '{"a":1' | jq .`)).toMatchObject({ stderr: 'parse error: Unfinished JSON term at EOF at line 2, column 0\n', exitCode: 2 });
  });

  it('a program that never ends is stopped', () => {
    expect(runLine(world, `jq -n '[range(1e9)] | length'`)).toMatchObject({ exitCode: 5 });
    expect(runLine(world, `jq -n 'def f: f; f'`)).toMatchObject({ exitCode: 5 });
  });

  it('reads any text as a program or says why not', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'.[]{}()|,:;?"\\\\a1$ @=+-*/<>!ifthend'), maxLength: 40 }), (text) => {
        try {
          parseJq(text);
        } catch (error) {
          expect(error).toBeInstanceOf(JqSyntaxError);
        }
      }),
      { numRuns: 500 },
    );
  });
});
