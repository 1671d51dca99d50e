/** Label selectors as text: `app=web,tier in (a,b),!canary`. Kubernetes: apimachinery/pkg/labels/selector.go */

export type LabelTest = (labels: Readonly<Record<string, string>>) => boolean;
export type ParsedSelector = { readonly ok: true; readonly test: LabelTest } | { readonly ok: false; readonly message: string };

const MAX_REQUIREMENTS = 100;
const SYMBOLS = /^(?:==|!=|[()!,=<>])$/;

/** Identifiers and symbols; white space only parts them. */
function tokensOf(text: string): readonly string[] {
  return text.match(/==|!=|[()!,=<>]|[^\s()!,=<>]+/g) ?? [];
}

/** A refusal, with the words of the real parser. */
class SelectorProblem extends Error {}

export function parseLabelSelector(text: string): ParsedSelector {
  const tokens = tokensOf(text);
  let at = 0;
  const ahead = (): string => tokens[at] ?? '';
  const take = (): string => tokens[at++] ?? '';
  const isWord = (token: string): boolean => token !== '' && !SYMBOLS.test(token);
  const fail = (token: string, expected: string): never => {
    throw new SelectorProblem(`found '${token}'${expected}`);
  };

  const values = (): readonly string[] => {
    const open = take();
    if (open !== '(') fail(open, " expected: '('");
    const found: string[] = [];
    // An empty place between commas is the empty value.
    let wasWord = false;
    for (;;) {
      const token = take();
      if (token === ')') {
        if (!wasWord && found.length > 0) found.push('');
        return found;
      }
      if (isWord(token) && !wasWord) {
        found.push(token);
        wasWord = true;
      } else if (token === ',') {
        if (!wasWord) found.push('');
        wasWord = false;
      } else fail(token, wasWord ? ", expected: ',' or ')'" : ", expected: ',', ')' or identifier");
    }
  };

  const requirement = (): LabelTest => {
    const negated = ahead() === '!';
    if (negated) take();
    const key = take();
    if (!isWord(key)) fail(key, ', expected: identifier');
    const labelOf = (labels: Readonly<Record<string, string>>): string | undefined => (Object.hasOwn(labels, key) ? labels[key] : undefined);
    if (negated) return (labels) => labelOf(labels) === undefined;
    if (ahead() === '' || ahead() === ',') return (labels) => labelOf(labels) !== undefined;
    const operator = take();
    switch (operator) {
      case 'in':
      case 'notin': {
        const among = new Set(values());
        return (labels) => {
          const value = labelOf(labels);
          return operator === 'in' ? value !== undefined && among.has(value) : value === undefined || !among.has(value);
        };
      }
      case '=':
      case '==':
      case '!=':
      case '<':
      case '>': {
        const wanted = ahead() === '' || ahead() === ',' ? '' : take();
        if (wanted !== '' && !isWord(wanted)) fail(wanted, ', expected: identifier');
        if (operator === '<' || operator === '>') {
          if (!/^-?\d+$/.test(wanted))
            throw new SelectorProblem(`values[0]: Invalid value: ${JSON.stringify(wanted)}: for 'Gt', 'Lt' operators, the value must be an integer`);
          return (labels) => {
            const value = labelOf(labels) ?? '';
            return /^-?\d+$/.test(value) && (operator === '<' ? Number(value) < Number(wanted) : Number(value) > Number(wanted));
          };
        }
        return (labels) => (labelOf(labels) === wanted) === (operator !== '!=');
      }
      default:
        return fail(operator, ', expected: in, notin, =, ==, !=, gt, lt');
    }
  };

  const tests: LabelTest[] = [];
  const problem = (message: string): ParsedSelector => ({ ok: false, message });
  while (ahead() !== '') {
    if (tests.length >= MAX_REQUIREMENTS) return problem(`more than ${MAX_REQUIREMENTS} requirements`);
    if (!isWord(ahead()) && ahead() !== '!') return problem(`found '${ahead()}', expected: !, identifier, or 'end of string'`);
    try {
      tests.push(requirement());
    } catch (error) {
      if (error instanceof SelectorProblem) return problem(`unable to parse requirement: ${error.message}`);
      throw error;
    }
    const next = take();
    if (next === '') break;
    if (next !== ',') return problem(`found '${next}', expected: ',' or 'end of string'`);
    if (!isWord(ahead()) && ahead() !== '!') return problem(`found '${ahead()}', expected: identifier after ','`);
  }
  return { ok: true, test: (labels) => tests.every((test) => test(labels)) };
}
