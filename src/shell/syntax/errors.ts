/** What a shell says about a line it cannot parse, in the words of bash, dash and busybox ash. */

export type Flavour = 'bash' | 'dash' | 'ash';

export type SyntaxProblem =
  | { readonly kind: 'unterminated'; readonly quote: string }
  | { readonly kind: 'unexpected'; readonly token: string; readonly expecting?: string }
  | { readonly kind: 'end'; readonly expecting?: string }
  | { readonly kind: 'substitution'; readonly text: string }
  | { readonly kind: 'unsupported'; readonly what: string };

/** One message, ending with a newline. `line` counts from 1. */
export function formatSyntaxProblem(problem: SyntaxProblem, flavour: Flavour, line: number): string {
  if (problem.kind === 'unsupported') return `${flavour === 'bash' ? 'bash' : 'sh'}: ${problem.what} is not part of this simulated shell\n`;
  if (flavour === 'bash') {
    switch (problem.kind) {
      case 'unterminated':
        return `bash: unexpected EOF while looking for matching \`${problem.quote}'\n`;
      case 'unexpected':
        return `bash: syntax error near unexpected token \`${problem.token}'\n`;
      case 'end':
        return 'bash: syntax error: unexpected end of file\n';
      case 'substitution':
        return `bash: ${problem.text}: bad substitution\n`;
    }
  }
  const expecting = 'expecting' in problem && problem.expecting !== undefined ? ` (expecting "${problem.expecting}")` : '';
  if (flavour === 'dash') {
    const where = `sh: ${line}: `;
    switch (problem.kind) {
      case 'unterminated':
        return problem.quote === '`' ? `${where}Syntax error: EOF in backquote substitution\n` : `${where}Syntax error: Unterminated quoted string\n`;
      case 'unexpected':
        return `${where}Syntax error: ${problem.token === 'newline' ? 'newline' : `"${problem.token}"`} unexpected${expecting}\n`;
      case 'end':
        return `${where}Syntax error: end of file unexpected${expecting}\n`;
      case 'substitution':
        return `${where}Bad substitution\n`;
    }
  }
  switch (problem.kind) {
    case 'unterminated':
      return problem.quote === '`' ? 'sh: syntax error: EOF in backquote substitution\n' : 'sh: syntax error: unterminated quoted string\n';
    case 'unexpected':
      return `sh: syntax error: unexpected ${problem.token === 'newline' ? 'newline' : `"${problem.token}"`}${expecting}\n`;
    case 'end':
      return `sh: syntax error: unexpected end of file${expecting}\n`;
    case 'substitution':
      return 'sh: syntax error: bad substitution\n';
  }
}
