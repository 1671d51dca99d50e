/** What can stand beside what in one document: its runs, futures that were left for others, and a run as it would have been without the edits before it. */
import type { PlaygroundClient } from '../../worker/protocol.ts';
import type { DocumentInput, Future, WorldDocument } from '../../world/document.ts';
import type { HopView, TerminalEntry } from '../../world/views.ts';
import { clusterFiles } from '../state/examples.ts';
import type { Run } from '../state/session.ts';
import { runRoad } from './run-road.ts';

/** A longer span is cut at its end: nobody reads so many rows beside each other. */
export const MAX_EVENTS = 10_000;
const EVENTS_PER_CALL = 2_500;
const MAX_RUNS = 20;

export type Side =
  | { readonly kind: 'run'; readonly id: string; readonly title: string; readonly run: Run }
  /** What came in the present future after the moment at which `future` parts from it. */
  | { readonly kind: 'since'; readonly id: string; readonly title: string; readonly future: Future }
  | { readonly kind: 'future'; readonly id: string; readonly title: string; readonly future: Future }
  /** The run of `line` in a world with these inputs. */
  | {
      readonly kind: 'without';
      readonly id: string;
      readonly title: string;
      readonly inputs: readonly DocumentInput[];
      readonly line: string;
      readonly run: Run;
    };

/** The `count`-th typed line is input number … */
function commandAt(inputs: readonly DocumentInput[], count: number): number {
  let seen = 0;
  return inputs.findIndex((input) => {
    if (input.kind === 'command') seen += 1;
    return seen === count;
  });
}

/** The inputs of a run without the edits since the line before it; undefined where there were none. */
export function withoutEdits(
  inputs: readonly DocumentInput[],
  terminal: readonly TerminalEntry[],
  run: Run,
): { readonly inputs: readonly DocumentInput[]; readonly paths: readonly string[]; readonly line: string } | undefined {
  const lines = terminal.filter((entry) => entry.kind === 'command');
  const count = lines.findLastIndex((entry) => entry.seq <= run.fromSeq && entry.text.trim() === run.label) + 1;
  const at = count === 0 ? -1 : commandAt(inputs, count);
  const command = inputs[at];
  if (command?.kind !== 'command') return undefined;
  const from = inputs.findLastIndex((input, index) => index < at && input.kind === 'command') + 1;
  const edits = inputs.slice(from, at).flatMap((input) => (input.kind === 'edit' ? [input.path] : []));
  if (edits.length === 0) return undefined;
  return {
    inputs: [...inputs.slice(0, from), ...inputs.slice(from, at).filter((input) => input.kind !== 'edit')],
    paths: [...new Set(edits)],
    line: command.line,
  };
}

export interface SidesOf {
  readonly runs: readonly Run[];
  readonly futures: readonly Future[];
  readonly inputs: readonly DocumentInput[];
  readonly terminal: readonly TerminalEntry[];
}

/** All that can be chosen, the newest run last among the runs. */
export function sidesOf({ runs, futures, inputs, terminal }: SidesOf): readonly Side[] {
  const shown = runs.slice(-MAX_RUNS);
  return [
    ...shown.map((run, index): Side => ({ kind: 'run', id: `run ${run.fromSeq}`, title: `${runs.length - shown.length + index + 1}. ${run.label}`, run })),
    ...shown.flatMap((run): readonly Side[] => {
      const without = withoutEdits(inputs, terminal, run);
      if (without === undefined) return [];
      const { paths, line, inputs: left } = without;
      return [{ kind: 'without', id: `without ${run.fromSeq}`, title: `Without the edit of ${paths.join(' and ')}: ${run.label}`, inputs: left, line, run }];
    }),
    ...futures.flatMap((future, index): readonly Side[] => [
      { kind: 'future', id: `future ${index}`, title: `The other future: ${future.name}`, future },
      { kind: 'since', id: `since ${index}`, title: `This future, since it parted from: ${future.name}`, future },
    ]),
  ];
}

/** What one most likely wants to see side by side: what would have been without the edit (all chance falls the same way there), else the same line before, else another future, else the run before. */
export function firstPair(sides: readonly Side[], run: Run | undefined): readonly [left: string, right: string] | undefined {
  const runs = sides.flatMap((side) => (side.kind === 'run' ? [side] : []));
  const right = runs.find((side) => side.run === run) ?? runs.at(-1);
  if (right === undefined) return undefined;
  const before = runs.slice(0, runs.indexOf(right));
  const without = sides.find((side) => side.kind === 'without' && side.run === right.run);
  const other = sides.find((side) => side.kind === 'future');
  const left = without ?? before.findLast((side) => side.run.label === right.run.label);
  if (left !== undefined) return [left.id, right.id];
  if (other !== undefined) return [other.id, other.id.replace('future', 'since')];
  const last = before.at(-1);
  return last === undefined ? undefined : [last.id, right.id];
}

async function hopsBetween(client: PlaygroundClient, from: number, to: number): Promise<readonly HopView[]> {
  const hops: HopView[] = [];
  const end = Math.min(to, from + MAX_EVENTS);
  for (let start = from; start < end; start += EVENTS_PER_CALL) hops.push(...(await client.call('hops', start, Math.min(end, start + EVENTS_PER_CALL))));
  return hops.filter((hop) => !hop.background && hop.event.packetId >= 0);
}

/** Both futures are told from the last line typed that they have in common: what it did may have been cut in two. */
function commonLines(one: readonly DocumentInput[], other: readonly DocumentInput[]): number {
  let count = 0;
  for (const [index, input] of one.entries()) {
    if (JSON.stringify(input) !== JSON.stringify(other[index])) break;
    if (input.kind === 'command') count += 1;
  }
  return count;
}

const seqOfLine = (terminal: readonly TerminalEntry[], count: number): number =>
  count === 0 ? 0 : (terminal.filter((entry) => entry.kind === 'command')[count - 1]?.seq ?? 0);

export interface SideSource {
  readonly client: PlaygroundClient;
  /** Another worker; the caller of `loadSide` does not close it. */
  readonly other: () => PlaygroundClient;
  readonly document: WorldDocument;
  readonly terminal: readonly TerminalEntry[];
  readonly headSeq: number;
}

/**
 * The hops of a side, without those beside the story.
 * @throws {Error} when its world cannot be run
 */
export async function loadSide(side: Side, source: SideSource): Promise<readonly HopView[]> {
  const { client, document, terminal, headSeq } = source;
  switch (side.kind) {
    case 'run':
      return hopsBetween(client, side.run.fromSeq, side.run.toSeq);
    case 'since':
      return hopsBetween(client, seqOfLine(terminal, commonLines(document.inputs, side.future.inputs)), headSeq);
    case 'without':
      return (await runRoad(source.other(), side.title, { ...document, inputs: side.inputs, futures: [] }, side.line)).hops;
    case 'future': {
      const other = source.other();
      let head = 0;
      const lines: TerminalEntry[] = [];
      const stop = other.subscribe((update) => {
        head = update.headSeq;
        if (update.terminalReset === true) lines.length = 0;
        lines.push(...(update.terminal ?? []));
      });
      try {
        await other.call('open', { ...document, inputs: side.future.inputs, futures: [] }, clusterFiles);
        // The update that goes with an answer comes before it.
        return await hopsBetween(other, seqOfLine(lines, commonLines(document.inputs, side.future.inputs)), head);
      } finally {
        stop();
      }
    }
  }
}
