/** The colour rules of the packet list, in order: the first that fits a row marks it. */
import { useState } from 'react';
import { Dialog } from '../../shell/Dialog.tsx';
import { usePlayground, useSession } from '../../state/context.ts';
import { type ColourRule, defaultRules, INKS, type Ink } from './colour-rules.ts';
import styles from './Dialogs.module.css';
import { changePacketList, defaultPacketList } from './settings.ts';
import { useLanguage } from './use-rows.ts';

const INK_WORDS: Readonly<Record<Ink, string>> = {
  drop: 'red: loss',
  l2: 'amber: frames',
  l3: 'blue: addresses',
  l4: 'violet: ports',
  l7: 'green: words',
  tunnel: 'teal: tunnels',
  plain: 'none',
};

/** @param filter a rule to begin with; '' for none */
export function RulesDialog({ filter, onClose }: { readonly filter: string; readonly onClose: () => void }) {
  const playground = usePlayground();
  const settings = useSession((state) => state.packetList) ?? defaultPacketList;
  const language = useLanguage();
  // What is being typed is seen at once in the rows behind; keys are places, since names repeat.
  const [rules, setRules] = useState<readonly (ColourRule & { readonly key: number })[]>(() => {
    const first: readonly ColourRule[] = filter === '' ? [] : [{ name: 'Mine', filter, ink: 'l3', mark: '★', on: true }];
    return [...first, ...settings.rules].map((rule, key) => ({ ...rule, key }));
  });
  const set = (next: typeof rules) => {
    setRules(next);
    changePacketList(playground, { rules: next.map(({ key: _, ...rule }) => rule) });
  };
  const change = (key: number, part: Partial<ColourRule>) => set(rules.map((rule) => (rule.key === key ? { ...rule, ...part } : rule)));
  const swap = (at: number, other: number) => {
    const next = [...rules];
    const [one, two] = [next[at], next[other]];
    if (one === undefined || two === undefined) return;
    next[at] = two;
    next[other] = one;
    set(next);
  };
  const add = () => {
    const key = Math.max(-1, ...rules.map((rule) => rule.key)) + 1;
    set([{ key, name: 'Mine', filter: '', ink: 'l3', mark: '★', on: true }, ...rules]);
  };
  return (
    <Dialog title="Colour rules" onClose={onClose} wide>
      <p className={styles.note}>The first rule that fits a row marks it with its sign and ink. Rules are kept in this browser.</p>
      <div className={styles.form}>
        <label className={styles.check}>
          <input type="checkbox" checked={settings.coloured} onChange={(event) => changePacketList(playground, { coloured: event.target.checked })} />
          Mark rows
        </label>
        <button type="button" onClick={add}>
          New rule
        </button>
        <button type="button" onClick={() => set(defaultRules.map((rule, key) => ({ ...rule, key: key + rules.length })))}>
          As at first
        </button>
      </div>
      <ol className={styles.list}>
        {rules.map((rule, at) => {
          const problem = language?.ruleProblem(rule.filter);
          const name = rule.name === '' ? `rule ${at + 1}` : rule.name;
          return (
            <li key={rule.key} className={styles.rule} data-ink={rule.on && problem === undefined ? rule.ink : 'plain'}>
              <input type="checkbox" aria-label={`${name} is on`} checked={rule.on} onChange={(event) => change(rule.key, { on: event.target.checked })} />
              <input
                className={styles.sign}
                aria-label={`Sign of ${name}`}
                value={rule.mark}
                maxLength={2}
                onChange={(event) => change(rule.key, { mark: event.target.value })}
              />
              <input
                className={styles.ruleName}
                aria-label={`Name of rule ${at + 1}`}
                value={rule.name}
                maxLength={40}
                onChange={(event) => change(rule.key, { name: event.target.value })}
              />
              <input
                className={styles.ruleFilter}
                aria-label={`Filter of ${name}`}
                aria-invalid={problem !== undefined}
                value={rule.filter}
                maxLength={400}
                spellCheck={false}
                autoComplete="off"
                placeholder="ip.addr == 10.244.1.3"
                onChange={(event) => change(rule.key, { filter: event.target.value })}
              />
              <select
                aria-label={`Ink of ${name}`}
                value={rule.ink}
                onChange={(event) => change(rule.key, { ink: INKS.find((ink) => ink === event.target.value) ?? 'plain' })}
              >
                {INKS.map((ink) => (
                  <option key={ink} value={ink}>
                    {INK_WORDS[ink]}
                  </option>
                ))}
              </select>
              <button type="button" disabled={at === 0} aria-label={`${name}: earlier`} onClick={() => swap(at, at - 1)}>
                ↑
              </button>
              <button type="button" disabled={at === rules.length - 1} aria-label={`${name}: later`} onClick={() => swap(at, at + 1)}>
                ↓
              </button>
              <button type="button" aria-label={`Remove ${name}`} onClick={() => set(rules.filter((one) => one.key !== rule.key))}>
                Remove
              </button>
              {problem === undefined ? null : <p className={styles.problem}>{problem}</p>}
            </li>
          );
        })}
      </ol>
    </Dialog>
  );
}
