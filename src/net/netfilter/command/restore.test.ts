import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { TableName } from '../../trace-event.ts';
import { ruleset, textOf } from '../testing/generated-rules.ts';
import { printTable } from './list.ts';
import { parseCommand } from './parse.ts';
import { type RestoreOptions, restoreText } from './restore.ts';
import { TableEdit } from './tables.ts';

interface Golden {
  readonly before: string;
  readonly text: string;
  readonly options: readonly string[];
  readonly exit: number;
  readonly out: string;
  readonly err: string;
  /** `iptables-save -c -t filter` afterwards, without comments. */
  readonly save: readonly string[];
}

const GOLDEN = JSON.parse(readFileSync(new URL('../testing/iptables-restore-1.8.9.json', import.meta.url), 'utf8')) as readonly Golden[];

/** The tables of an imagined host. */
class Tables {
  readonly #tables = new Map<TableName, TableEdit>();

  find(table: TableName): TableEdit {
    return this.#tables.get(table) ?? new TableEdit('ipv4', table, []);
  }

  restore(text: string, words: readonly string[]): { exit: number; out: string; err: string } {
    const has = (...names: string[]): boolean => names.some((name) => words.includes(name));
    const options: RestoreOptions = {
      family: 'ipv4',
      program: 'iptables-restore',
      noflush: has('-n', '--noflush'),
      counters: has('-c', '--counters'),
      test: has('-t', '--test'),
      verbose: has('-v'),
      table: has('-T') ? words[words.indexOf('-T') + 1] : undefined,
    };
    const { out, err, exitCode, tables } = restoreText(
      text,
      options,
      (table) => this.find(table),
      () => undefined,
    );
    for (const table of tables) this.#tables.set(table.table, table);
    return { exit: exitCode, out, err };
  }

  /** The filter table as `iptables-save -c` has it; nothing while nobody has written to it. */
  save(): string[] {
    const edit = this.#tables.get('filter');
    if (edit === undefined) return [];
    const lines = ['*filter'];
    const numbers = (counters: readonly [number, number]): string => `[${counters[0]}:${counters[1]}]`;
    for (const chain of edit.chains()) lines.push(`:${chain.name} ${chain.policy ?? '-'} ${numbers(chain.policyCounted ? chain.policyCounters : [0, 0])}`);
    for (const chain of edit.chains()) for (const one of chain.rules) lines.push(`${numbers(one.counters)} -A ${chain.name} ${one.rule.text}`.trimEnd());
    return [...lines, 'COMMIT'];
  }
}

describe('iptables-restore does and says what the real one did', () => {
  it.each(GOLDEN.map((g) => [JSON.stringify([...g.options, g.text, ...(g.before === '' ? [] : ['after', g.before])]), g] as const))('%s', (_, golden) => {
    const tables = new Tables();
    if (golden.before !== '') expect(tables.restore(golden.before, [])).toEqual({ exit: 0, out: '', err: '' });
    expect(tables.restore(golden.text, golden.options)).toEqual({ exit: golden.exit, out: golden.out, err: golden.err });
    // A table that was only looked at comes into being in the real one.
    if (golden.save.length > 0 && tables.save().length > 0) expect(tables.save()).toEqual(golden.save);
  });
});

describe('iptables-restore', () => {
  it('of what iptables-save wrote gives the very text again, counters included', () => {
    fc.assert(
      fc.property(ruleset, (made) => {
        const text = textOf(made);
        const tables = new Tables();
        expect(tables.restore(`${text}\n`, ['-c'])).toEqual({ exit: 0, out: '', err: '' });
        expect(tables.save().join('\n')).toBe(text);
      }),
    );
  });

  it('changes nothing when any line of a block is wrong', () => {
    const wrong = fc.constantFrom(
      '-A INPUT --nosuch',
      '-A INPUT -j NOWHERE',
      '-A NOWHERE -j ACCEPT',
      'garbage',
      '-A INPUT -p tcp --dport x',
      '-A INPUT -j SNAT --to-source 1.1.1.1',
    );
    fc.assert(
      fc.property(ruleset, ruleset, wrong, fc.nat(), (first, second, line, at) => {
        const tables = new Tables();
        tables.restore(`${textOf(first)}\n`, ['-c']);
        const before = tables.save();
        const lines = textOf(second).split('\n');
        lines.splice(1 + (at % (lines.length - 1)), 0, line);
        expect(tables.restore(`${lines.join('\n')}\n`, ['-c']).exit).not.toBe(0);
        expect(tables.save()).toEqual(before);
      }),
    );
  });

  it('never throws, whatever the text', () => {
    const word = fc.oneof(
      fc.constantFrom(
        '*filter',
        'COMMIT',
        '-A',
        'INPUT',
        '-j',
        'ACCEPT',
        ':INPUT',
        '[1:2]',
        '!',
        '"',
        '-p',
        'tcp',
        '--dport',
        '-I',
        '-R',
        '0',
        '-Z',
        '-X',
        '-E',
      ),
      fc.string({ maxLength: 6 }),
    );
    const text = fc
      .array(
        fc.array(word, { maxLength: 6 }).map((words) => words.join(' ')),
        { maxLength: 8 },
      )
      .map((lines) => lines.join('\n'));
    fc.assert(fc.property(text, (made) => typeof new Tables().restore(made, ['-c']).exit === 'number'));
  });

  it('says where the mistake is: the line, and the column of the word', () => {
    const restored = restoreText(
      '*nat\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -p tcp --nosuch 1 -j ACCEPT\nCOMMIT\n',
      { family: 'ipv4', program: 'iptables-restore', noflush: false, counters: false, test: false, verbose: false, table: undefined },
      (table) => new TableEdit('ipv4', table, []),
      () => undefined,
    );
    expect(restored.at).toEqual({ line: 3, column: 22 });
  });

  it('takes the rules of 20,000 services in bounded time', () => {
    const lines = ['*nat', ':KUBE-SERVICES - [0:0]'];
    for (let i = 0; i < 20_000; i += 1) lines.push(`:KUBE-SVC-${i} - [0:0]`);
    for (let i = 0; i < 20_000; i += 1) {
      lines.push(
        `-A KUBE-SERVICES -d 10.${96 + (i >> 16)}.${(i >> 8) & 255}.${i & 255}/32 -p tcp -m comment --comment "ns/svc${i}:http cluster IP" -m tcp --dport 80 -j KUBE-SVC-${i}`,
      );
      lines.push(`-A KUBE-SVC-${i} -p tcp -m tcp -j DNAT --to-destination 10.244.0.5:8080`);
    }
    lines.push('-A PREROUTING -j KUBE-SERVICES', 'COMMIT', '');
    const tables = new Tables();
    expect(tables.restore(lines.join('\n'), ['-n'])).toEqual({ exit: 0, out: '', err: '' });
    const parsed = parseCommand(['-t', 'nat', '-S', 'KUBE-SERVICES'], 'ipv4');
    expect(parsed.kind === 'command' && printTable(tables.find('nat'), parsed).split('\n').length).toBe(20_002);
  }, 20_000);
});
