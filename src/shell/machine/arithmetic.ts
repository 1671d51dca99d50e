/** `$((…))`: integer arithmetic of the shell over 64-bit numbers kept as safe integers. */

/** Value, or undefined when the expression is malformed or divides by zero. Bounded by the expression's length. */
export function evaluateArithmetic(expression: string, variable: (name: string) => string): number | undefined {
  const tokens = expression.match(/\s*(?:\d+|[A-Za-z_][A-Za-z0-9_]*|\*\*|<=|>=|==|!=|&&|\|\||[-+*/%()<>!])/g) ?? [];
  const words = tokens.map((token) => token.trim());
  if (words.join('') !== expression.replace(/[\s$]+/g, '') || words.length > 1000) return undefined;
  let at = 0;
  let bad = false;

  const primary = (): number => {
    const word = words[at];
    at += 1;
    if (word === undefined) {
      bad = true;
      return 0;
    }
    if (word === '(') {
      const value = binary(0);
      if (words[at] !== ')') bad = true;
      at += 1;
      return value;
    }
    if (word === '-') return -primary();
    if (word === '+') return primary();
    if (word === '!') return primary() === 0 ? 1 : 0;
    if (/^\d/.test(word)) return Number(word);
    if (/^[A-Za-z_]/.test(word)) {
      const text = variable(word).trim();
      return /^-?\d+$/.test(text) ? Number(text) : 0;
    }
    bad = true;
    return 0;
  };

  const levels: readonly (readonly string[])[] = [['||'], ['&&'], ['==', '!='], ['<', '>', '<=', '>='], ['+', '-'], ['*', '/', '%']];
  const binary = (level: number): number => {
    const operators = levels[level];
    if (operators === undefined) return primary();
    let left = binary(level + 1);
    for (;;) {
      const operator = words[at];
      if (operator === undefined || !operators.includes(operator) || bad) return left;
      at += 1;
      const right = binary(level + 1);
      if ((operator === '/' || operator === '%') && right === 0) bad = true;
      left = apply(operator, left, right);
    }
  };

  if (words.length === 0) return 0;
  const value = binary(0);
  return bad || at < words.length ? undefined : value;
}

function apply(operator: string, left: number, right: number): number {
  switch (operator) {
    case '+':
      return left + right;
    case '-':
      return left - right;
    case '*':
      return left * right;
    case '/':
      return right === 0 ? 0 : Math.trunc(left / right);
    case '%':
      return right === 0 ? 0 : left % right;
    case '<':
      return left < right ? 1 : 0;
    case '>':
      return left > right ? 1 : 0;
    case '<=':
      return left <= right ? 1 : 0;
    case '>=':
      return left >= right ? 1 : 0;
    case '==':
      return left === right ? 1 : 0;
    case '!=':
      return left !== right ? 1 : 0;
    case '&&':
      return left !== 0 && right !== 0 ? 1 : 0;
    default:
      return left !== 0 || right !== 0 ? 1 : 0;
  }
}
