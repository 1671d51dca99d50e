/** bc: sums with as many digits as one likes. POSIX bc, without functions of one's own and control words. */
import { defineTextTool } from './tool.ts';

/** `digits` behind the point of `value`. */
interface Decimal {
  readonly value: bigint;
  readonly digits: number;
}

class BcProblem extends Error {}

const MAX_DIGITS = 500;
const power10 = (digits: number): bigint => 10n ** BigInt(digits);
const at = ({ value, digits }: Decimal, wanted: number): bigint => (wanted >= digits ? value * power10(wanted - digits) : value / power10(digits - wanted));
const truth = (yes: boolean): Decimal => ({ value: yes ? 1n : 0n, digits: 0 });

function show({ value, digits }: Decimal): string {
  if (value === 0n) return '0';
  const text = (value < 0n ? -value : value).toString().padStart(digits + 1, '0');
  const whole = text.slice(0, text.length - digits).replace(/^0$/, digits > 0 ? '' : '0');
  return `${value < 0n ? '-' : ''}${whole}${digits > 0 ? `.${text.slice(text.length - digits)}` : ''}`;
}

interface State {
  readonly variables: Map<string, Decimal>;
  scale: number;
  text: string;
}

/** One statement; what it prints, undefined for an assignment. */
function run(state: State, source: string): Decimal | undefined {
  const tokens = source.match(/\d*\.?\d+|\d+\.?|[a-z_]\w*|\+\+|--|[-+*/%^]=|==|!=|<=|>=|&&|\|\||\S/g) ?? [];
  let place = 0;
  const ahead = (): string => tokens[place] ?? '';
  const take = (): string => tokens[place++] ?? '';
  const assigns = /^[a-z]\w*$/.test(tokens[0] ?? '') && /^[-+*/%^]?=$/.test(tokens[1] ?? '');

  const divide = (a: Decimal, b: Decimal, digits: number): Decimal => {
    if (b.value === 0n) throw new BcProblem('Runtime error (func=(main), adr=3): Divide by zero');
    return { value: (a.value * power10(digits + b.digits)) / (b.value * power10(a.digits)), digits };
  };
  const operate = (operator: string, a: Decimal, b: Decimal): Decimal => {
    const wide = Math.max(a.digits, b.digits);
    switch (operator) {
      case '+':
        return { value: at(a, wide) + at(b, wide), digits: wide };
      case '-':
        return { value: at(a, wide) - at(b, wide), digits: wide };
      case '*': {
        const digits = Math.min(a.digits + b.digits, Math.max(state.scale, wide));
        return { value: (a.value * b.value) / power10(a.digits + b.digits - digits), digits };
      }
      case '/':
        return divide(a, b, state.scale);
      case '%': {
        const quotient = divide(a, b, state.scale);
        const digits = Math.max(state.scale + b.digits, a.digits);
        return { value: at(a, digits) - at({ value: quotient.value * b.value, digits: quotient.digits + b.digits }, digits), digits };
      }
      case '^': {
        const exponent = Number(at(b, 0));
        if (Math.abs(exponent) > 10_000) throw new BcProblem('Runtime error: exponent too large in raise');
        const size = Math.abs(exponent);
        const raised = { value: a.value ** BigInt(size), digits: a.digits * size };
        if (exponent < 0) return divide({ value: 1n, digits: 0 }, raised, state.scale);
        const digits = Math.min(a.digits * size, Math.max(state.scale, a.digits));
        return { value: at(raised, digits), digits };
      }
      default: {
        const [x, y] = [at(a, wide), at(b, wide)];
        const orders: Readonly<Record<string, boolean>> = {
          '==': x === y,
          '!=': x !== y,
          '<': x < y,
          '<=': x <= y,
          '>': x > y,
          '>=': x >= y,
          '&&': x !== 0n && y !== 0n,
          '||': x !== 0n || y !== 0n,
        };
        return truth(orders[operator] === true);
      }
    }
  };
  const root = (x: Decimal): Decimal => {
    if (x.value < 0n) throw new BcProblem('Runtime error (func=(main), adr=4): Square root of a negative number');
    const digits = Math.max(state.scale, x.digits);
    const target = at(x, 2 * digits);
    let guess = target === 0n ? 0n : BigInt(`1${'0'.repeat(Math.ceil(target.toString().length / 2))}`);
    for (let turn = 0; guess > 0n && turn < 5000; turn += 1) {
      const next = (guess + target / guess) / 2n;
      if (next >= guess) break;
      guess = next;
    }
    return { value: guess, digits };
  };
  const atom = (): Decimal => {
    const token = take();
    if (/^[\d.]/.test(token)) {
      const [whole = '', fraction = ''] = token.split('.');
      return { value: BigInt(whole + fraction || '0'), digits: fraction.length };
    }
    if (token === '(') {
      const inside = level(0);
      if (take() !== ')') throw new BcProblem('(standard_in) 1: syntax error');
      return inside;
    }
    if (token === '-') {
      const inside = power();
      return { value: -inside.value, digits: inside.digits };
    }
    if ((token === 'sqrt' || token === 'length' || token === 'scale') && ahead() === '(') {
      const inside = atom();
      if (token === 'sqrt') return root(inside);
      return { value: BigInt(token === 'scale' ? inside.digits : (inside.value < 0n ? -inside.value : inside.value).toString().length), digits: 0 };
    }
    if (token === 'scale') return { value: BigInt(state.scale), digits: 0 };
    if (/^[a-z]\w*$/.test(token)) return state.variables.get(token) ?? { value: 0n, digits: 0 };
    throw new BcProblem('(standard_in) 1: syntax error');
  };
  // Powers bind to the right.
  const power = (): Decimal => {
    const base = atom();
    if (ahead() !== '^') return base;
    take();
    return operate('^', base, power());
  };
  const LEVELS = [['||'], ['&&'], ['==', '!=', '<', '<=', '>', '>='], ['+', '-'], ['*', '/', '%']];
  const level = (depth: number): Decimal => {
    const operators = LEVELS[depth];
    if (operators === undefined) return power();
    let left = level(depth + 1);
    while (operators.includes(ahead())) {
      const operator = take();
      left = operate(operator, left, level(depth + 1));
    }
    return left;
  };

  if (!assigns) {
    const result = level(0);
    if (ahead() !== '') throw new BcProblem('(standard_in) 1: syntax error');
    return result;
  }
  const name = take();
  const operator = take();
  const right = level(0);
  if (ahead() !== '') throw new BcProblem('(standard_in) 1: syntax error');
  const before = name === 'scale' ? { value: BigInt(state.scale), digits: 0 } : (state.variables.get(name) ?? { value: 0n, digits: 0 });
  const value = operator === '=' ? right : operate(operator.slice(0, 1), before, right);
  if (name === 'scale') state.scale = Math.max(0, Math.min(MAX_DIGITS, Number(at(value, 0))));
  else state.variables.set(name, value);
  return undefined;
}

export const bc = defineTextTool<State>({
  name: 'bc',
  summary: 'sums: echo "scale=2; 10/3" | bc',
  parse: (argv) => ({
    state: { variables: new Map(), scale: argv.some((word) => /^-\w*l/.test(word)) ? 20 : 0, text: '' },
    files: argv.filter((word) => !word.startsWith('-')),
  }),
  data: (state, text) => {
    state.text += text;
    return undefined;
  },
  end: (state, io) => {
    for (const line of state.text.split(/[;\n]/)) {
      const statement = line.replace(/#.*$/, '').trim();
      if (statement === '') continue;
      if (statement === 'quit') break;
      try {
        const result = run(state, statement);
        if (result !== undefined) io.out(`${show(result)}\n`);
      } catch (error) {
        if (!(error instanceof BcProblem)) throw error;
        io.err(`${error.message}\n`);
      }
    }
    return 0;
  },
});
