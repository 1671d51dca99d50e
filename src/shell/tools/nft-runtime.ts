/** What nft's commands do to the running kernel beside records: elements that packets made, counters set to zero. */
import type { Command, Element, Expr } from '../../net/nft/ast.ts';
import type { NftValue } from '../../net/nft/datatype.ts';
import { boundsOf } from '../../net/nft/interval.ts';
import type { SetState } from '../../net/nft/set-state.ts';
import type { NftTables } from '../../net/nft/tables.ts';
import type { RuntimeChange } from '../../net/nft/transaction.ts';

function valuesOf(key: Expr): NftValue[] {
  if (key.k === 'concat') return key.parts.flatMap(valuesOf);
  if (key.k === 'value') return [key.v];
  const bounds = boundsOf(key);
  return bounds === undefined ? [] : [bounds[0]];
}

function setOf(live: NftTables | undefined, id: string): SetState | undefined {
  for (const table of live?.tables.values() ?? []) for (const set of table.sets.values()) if (set.record.id === id) return set;
  return undefined;
}

export function dynamicFinder(live: NftTables | undefined, nowNs: number): (setId: string, element: Element) => boolean {
  return (setId, element) => {
    const wanted = valuesOf(element.key).join('|');
    return (
      setOf(live, setId)
        ?.dynamic(nowNs)
        .some((d) => d.key.join('|') === wanted) === true
    );
  };
}

export function applyRuntime(live: NftTables | undefined, changes: readonly RuntimeChange[]): void {
  for (const change of changes) {
    const set = setOf(live, change.id);
    if (set === undefined) continue;
    if (change.kind === 'clear-set') set.clear();
    else for (const element of change.elements) set.remove(valuesOf(element.key));
  }
}

/** `nft reset counters` and the like: what was counted is zero from now on. */
export function reset(live: NftTables, command: Extract<Command, { c: 'list' }>): void {
  for (const table of live.tables.values()) {
    if (command.family !== undefined && table.family !== command.family) continue;
    if (command.table !== undefined && table.name !== command.table.text) continue;
    for (const object of table.objects.values()) {
      const { type, name } = object.record;
      if (command.what !== `${type}s` && (command.what !== type || command.name?.text !== name)) continue;
      object.numbers[0] = 0;
      object.numbers[1] = 0;
    }
    if (command.what !== 'rules' && command.what !== 'ruleset' && command.what !== 'table') continue;
    for (const chain of table.chains.values()) for (const rule of chain.rules) rule.numbers.fill(0);
  }
}
