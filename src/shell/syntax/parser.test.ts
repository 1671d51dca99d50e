/** The shell's grammar: what parses, what may still become right, and each shell's words for what is wrong. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Flavour, formatSyntaxProblem } from './errors.ts';
import { parseScript } from './parser.ts';

function problem(text: string, flavour: Flavour): string {
  const parsed = parseScript(text);
  return parsed.ok ? 'no problem' : formatSyntaxProblem(parsed.problem, flavour, parsed.line);
}

describe('the parser', () => {
  it('reads pipelines, lists, loops, conditions and redirections', () => {
    for (const line of [
      'a | b && c || d; e &',
      'for i in 1 2 3; do echo $i; done',
      'while true; do curl -s web; sleep 1; done > out.txt 2>&1',
      'until false; do break; done',
      'if a; then b; elif c; then d; else e; fi',
      '{ a; b; } | (c; d)',
      'X=1 Y="a b" env > /tmp/x 2>/dev/null',
      `echo \`date\` $(echo $(hostname)) $((1 + 2 * 3)) \${X:-default} # comment`,
      '! grep -q x file',
      'cat <<EOF | grep a\nabc\n$HOME\nEOF\necho done',
      'cat <<< word',
      'echo one \\\n two',
      'case $x in a|b) c;; (*) d;; esac',
      'case x in\n a)\n b\n ;;\n esac',
      'f() { echo $1; }; f a',
      'function f { a; }',
      '[[ -n $x && ( a == b* || ! c =~ ^(a|b)$ ) ]] && d',
      'for ((i = 0; i < 3; i++)); do a; done; (( i++ ))',
      'a=(1 2 "3 4") a+=(5) a[1]=x; local b=(1)',
      `echo \${a[@]:1:2} \${!a[@]} \${#a[@]} \${x//a/b} \${x^^} {1..3} $'a\\n'`,
    ]) {
      expect(parseScript(line), line).toMatchObject({ ok: true });
    }
  });

  it('asks for more when a quote, loop or here-document is open', () => {
    for (const line of ['echo "a', "echo 'a", 'for i in 1; do', 'if true; then', 'cat <<EOF', 'echo $(date', 'a &&', 'a |']) {
      expect(parseScript(line), line).toMatchObject({ ok: false, incomplete: true });
    }
    for (const line of ['| a', 'echo )', 'done', ';;', 'for 1 in a; do b; done', 'a > ; b'])
      expect(parseScript(line), line).toMatchObject({ ok: false, incomplete: false });
  });

  it('words its errors as dash, bash and busybox ash do', () => {
    expect(problem('echo "a', 'dash')).toBe('sh: 1: Syntax error: Unterminated quoted string\n');
    expect(problem('echo "a', 'bash')).toBe('bash: unexpected EOF while looking for matching `"\'\n');
    expect(problem('echo "a', 'ash')).toBe('sh: syntax error: unterminated quoted string\n');
    expect(problem('| a', 'bash')).toBe("bash: syntax error near unexpected token `|'\n");
    expect(problem('| a', 'dash')).toBe('sh: 1: Syntax error: "|" unexpected\n');
    expect(problem('| a', 'ash')).toBe('sh: syntax error: unexpected "|"\n');
    expect(problem('while true; do a', 'dash')).toBe('sh: 1: Syntax error: end of file unexpected (expecting "done")\n');
    expect(problem('while true; do a', 'bash')).toBe('bash: syntax error: unexpected end of file\n');
    expect(problem('done', 'bash')).toBe("bash: syntax error near unexpected token `done'\n");
    expect(problem(`echo \${x!y}`, 'bash')).toBe(`bash: \${x!y}: bad substitution\n`);
  });

  it('refuses what it does not have with a sentence, and nests only so deep', () => {
    expect(problem('select x in a b; do c; done', 'bash')).toBe("bash: `select' is not part of this simulated shell\n");
    expect(problem('tee >(a)', 'bash')).toBe('bash: process substitution is not part of this simulated shell\n');
    expect(problem('echo a 3>b', 'bash')).toBe('bash: a file descriptor above 2 is not part of this simulated shell\n');
    expect(problem(`${'( '.repeat(60)}a${' )'.repeat(60)}`, 'bash')).toContain('nesting deeper than');
    expect(problem(`${'$('.repeat(60)}a${')'.repeat(60)}`, 'bash')).toContain('nesting deeper than');
  });

  it('never throws, whatever is typed', () => {
    const piece = fc.constantFrom(
      'a',
      ' ',
      '"',
      "'",
      '`',
      '$',
      '$(',
      ')',
      '((',
      '))',
      '{',
      '}',
      `\${`,
      '|',
      '&',
      ';',
      '<',
      '<<',
      '>',
      '\n',
      '\\',
      '#',
      'for',
      ' do ',
      ' done',
      'if ',
      '!',
      '=',
      '*',
      'case ',
      ' in ',
      ' esac',
      ';;',
      'f() ',
      '[[ ',
      ' ]]',
      ' =~ ',
      'a=(',
      '[1]',
      '+=',
      `\${a[`,
      ':-',
      '/',
      '{1..3}',
      ',',
      '$((',
      "$'",
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
        const parsed = parseScript(pieces.join(''));
        expect(typeof parsed.ok).toBe('boolean');
      }),
      { numRuns: 2000 },
    );
  });

  it('keeps every single-quoted text as it is', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 50 }), (text) => {
        const quoted = `'${text.replaceAll("'", "'\\''")}'`;
        const parsed = parseScript(`echo ${quoted}`);
        if (!parsed.ok) throw new Error('did not parse');
        const command = parsed.script.items[0]?.first.commands[0];
        if (command?.kind !== 'simple') throw new Error('not a simple command');
        expect(command.words[1]?.parts.map((part) => (part.kind === 'text' ? part.text : '?')).join('')).toBe(text);
      }),
    );
  });

  it('parses a manifest of 200 kB in a here-document quickly', () => {
    const started = process.hrtime.bigint();
    expect(parseScript(`kubectl apply -f - <<'EOF'\n${'  key: value\n'.repeat(16_000)}EOF\n`).ok).toBe(true);
    expect(Number(process.hrtime.bigint() - started) / 1e6).toBeLessThan(1000);
  });
});
