/** Evaluates `[[ … ]]`. */
import type { Task } from '../state.ts';
import type { ConditionalTest, Word } from '../syntax/ast.ts';
import { compileRegex } from '../text/regex.ts';
import { fileTests, testFiles } from '../text/test.ts';
import type { Expander } from './expand.ts';
import { matchGlob } from './glob.ts';
import type { Machine } from './machine.ts';
import { trace } from './simple.ts';
import { ExpansionFailure } from './variables.ts';

export function wordsOfTest(test: ConditionalTest): Word[] {
  switch (test.kind) {
    case 'and':
    case 'or':
      return [...wordsOfTest(test.left), ...wordsOfTest(test.right)];
    case 'not':
      return wordsOfTest(test.test);
    case 'unary':
      return [test.word];
    case 'binary':
      return [test.left, test.right];
  }
}

/** @throws {ExpansionFailure} for a bad number or pattern. */
export function evaluateConditional(machine: Machine, task: Task, test: ConditionalTest, expander: Expander): boolean {
  switch (test.kind) {
    case 'and':
      return evaluateConditional(machine, task, test.left, expander) && evaluateConditional(machine, task, test.right, expander);
    case 'or':
      return evaluateConditional(machine, task, test.left, expander) || evaluateConditional(machine, task, test.right, expander);
    case 'not':
      return !evaluateConditional(machine, task, test.test, expander);
    case 'unary': {
      const value = expander.text(test.word);
      if (task.scope.options.has('xtrace')) trace(machine, task, `[[ ${test.operator} ${value} ]]`);
      if (test.operator === '-n') return value !== '';
      if (test.operator === '-z') return value === '';
      if (test.operator === '-v') return expander.variable(value) !== undefined || expander.elements(value).length > 0;
      if (test.operator === '-o') return task.scope.options.has(value);
      return fileTests(test.operator, value, testFiles(machine.invocation(task, '[[', [], task.scope.variables)));
    }
    case 'binary': {
      const left = expander.text(test.left);
      if (task.scope.options.has('xtrace')) trace(machine, task, `[[ ${left} ${test.operator} ${expander.text(test.right)} ]]`);
      return compare(task, test.operator, left, test.right, expander);
    }
  }
}

function compare(task: Task, operator: string, left: string, word: Word, expander: Expander): boolean {
  switch (operator) {
    case '=':
    case '==':
      return matchGlob(expander.pattern(word), left, false);
    case '!=':
      return !matchGlob(expander.pattern(word), left, false);
    case '<':
      return left < expander.text(word);
    case '>':
      return left > expander.text(word);
    case '=~': {
      const regex = compileRegex(expander.regex(word), { syntax: 'extended', ignoreCase: false });
      if ('error' in regex) throw new ExpansionFailure(`[[: invalid regular expression \`${expander.text(word)}': ${regex.error}`);
      const match = regex.find(left, 0);
      const values = match === undefined ? [] : [left.slice(match.start, match.end), ...match.groups.map((group) => group ?? '')];
      task.scope.arrays.set('BASH_REMATCH', { associative: false, values: new Map(values.map((value, index) => [String(index), value])) });
      return match !== undefined;
    }
    default: {
      const number = (text: string): bigint => expander.arithmetic({ parts: [{ kind: 'text', text, quoted: true }], start: 0, end: 0 });
      const [a, b] = [number(left), number(expander.text(word))];
      switch (operator) {
        case '-eq':
          return a === b;
        case '-ne':
          return a !== b;
        case '-lt':
          return a < b;
        case '-le':
          return a <= b;
        case '-gt':
          return a > b;
        case '-ge':
          return a >= b;
        default:
          throw new ExpansionFailure(`[[: ${operator}: file times are not kept here`);
      }
    }
  }
}
