/** `kubehop compare A B -c COMMAND`: the same command in two worlds, its packets side by side. */
import { formatTable } from '../shell/index.ts';
import { alignJourneys } from '../world/align-journeys.ts';
import { factRows, roadFacts } from '../world/road-facts.ts';
import type { HopView, Topology } from '../world/views.ts';

export interface ComparedRun {
  readonly name: string;
  /** Of the command, without background. */
  readonly hops: readonly HopView[];
  readonly topology: Topology;
}

const MARKS = { 'only-left': '<', 'only-right': '>', outcome: '!', decision: '|', headers: '~' } as const;

const stop = (hop: HopView | undefined): string => (hop === undefined ? '' : `${hop.where}: ${hop.summary}`);
const bytes = (hop: HopView | undefined): string => (hop === undefined ? '' : String(hop.lengthBytes));

/** Two tables: the facts, and each packet's stops with marks between as `diff -y` has them (`~`: the same decision about other addresses or lengths, `!`: another end). */
export function compareText(left: ComparedRun, right: ComparedRun): string {
  const facts = factRows([roadFacts(left.hops, left.topology), roadFacts(right.hops, right.topology)]);
  const alignment = alignJourneys(left.hops, right.hops);
  const rows: (readonly string[])[] = [['BYTES', left.name, '', 'BYTES', right.name]];
  for (const packet of alignment.packets) {
    rows.push(['', `— ${packet.label}`, packet.left === undefined ? '>' : packet.right === undefined ? '<' : '', '', '']);
    for (const row of packet.hops) {
      const a = row.left === undefined ? undefined : left.hops[row.left];
      const b = row.right === undefined ? undefined : right.hops[row.right];
      rows.push([bytes(a), stop(a), row.difference === undefined ? '' : MARKS[row.difference], bytes(b), stop(b)]);
    }
  }
  return `${formatTable([['', left.name, right.name], ...facts])}\n${formatTable(rows)}`;
}
