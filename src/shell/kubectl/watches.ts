/** Waits of kubectl that end when objects change: `get -w`, `wait`, `rollout status`. */
import type { KubeObject } from '../../objects/types.ts';
import type { Watch } from '../command.ts';
import { at, list, text } from '../json.ts';
import { parseSelector } from './client.ts';
import { type TableOptions, tableRows } from './get.ts';
import { rolloutStatus } from './rollout-status.ts';

export interface GetWatchState {
  readonly kind: string;
  /** '' for all. */
  readonly namespace: string;
  readonly name: string;
  readonly selector: string;
  readonly options: TableOptions;
  widths: number[];
  headerPrinted: boolean;
  readonly seen: Map<string, string>;
}

export const getWatch: Watch = {
  look: (state: GetWatchState, io) => {
    const invocation = io.invocation();
    const { api } = invocation.host;
    const kind = api.findKind(state.kind);
    if (kind === undefined) return 1;
    const matches = parseSelector(state.selector, kind);
    const objects = (state.namespace === '' ? api.view.list(state.kind) : api.view.list(state.kind, state.namespace)).filter(
      (object) => (state.name === '' || object.metadata.name === state.name) && matches(object.metadata.labels ?? {}),
    );
    const changed = objects.filter((object) => state.seen.get(keyOf(object)) !== (object.metadata.resourceVersion ?? ''));
    const present = new Set(objects.map(keyOf));
    for (const key of [...state.seen.keys()]) if (!present.has(key)) state.seen.delete(key);
    for (const object of changed) state.seen.set(keyOf(object), object.metadata.resourceVersion ?? '');
    if (changed.length === 0) return undefined;
    const { header, rows } = tableRows({ invocation }, kind, changed, state.options);
    const lines = state.headerPrinted || !state.options.headers ? rows : [header, ...rows];
    state.headerPrinted = true;
    // The writer remembers how wide its columns have become.
    for (const row of lines) for (const [column, cell] of row.entries()) state.widths[column] = Math.max(state.widths[column] ?? 6, cell.length + 3);
    for (const row of lines) io.out(`${row.map((cell, column) => (column < row.length - 1 ? cell.padEnd(state.widths[column] ?? 0) : cell)).join('')}\n`);
    return undefined;
  },
};

function keyOf(object: KubeObject): string {
  return `${object.metadata.namespace ?? ''}/${object.metadata.name}`;
}

export type WaitCondition =
  | { readonly kind: 'condition'; readonly type: string; readonly value: string }
  | { readonly kind: 'delete' | 'create' }
  | { readonly kind: 'jsonpath'; readonly path: readonly string[]; readonly value: string | undefined }
  | { readonly kind: 'rollout' };

export interface WaitState {
  /** What is waited for: keys, with the name kubectl prints. */
  /** With `uid`: that very object, not another of its name; without `title` its end is not told. */
  readonly waiting: { readonly key: string; readonly title: string; readonly uid?: string }[];
  readonly condition: WaitCondition;
  /** The last progress line of a rollout. */
  lastLine: string;
}

export function conditionHolds(object: KubeObject | undefined, condition: WaitCondition): boolean {
  if (condition.kind === 'delete') return object === undefined;
  if (object === undefined) return false;
  switch (condition.kind) {
    case 'create':
      return true;
    case 'condition':
      return list(at(object, 'status', 'conditions')).some(
        (entry) =>
          text(at(entry, 'type')).toLowerCase() === condition.type.toLowerCase() && text(at(entry, 'status')).toLowerCase() === condition.value.toLowerCase(),
      );
    case 'jsonpath': {
      const value = text(at(object, ...condition.path));
      return condition.value === undefined ? value !== '' : value === condition.value;
    }
    case 'rollout':
      return rolloutStatus(object).done;
  }
}

export const waitWatch: Watch = {
  look: (state: WaitState, io, expired) => {
    const { view } = io.invocation().host.api;
    for (const entry of [...state.waiting]) {
      const found = view.find(entry.key);
      const object = entry.uid === undefined || found?.metadata.uid === entry.uid ? found : undefined;
      if (state.condition.kind === 'rollout') {
        if (object === undefined) {
          io.err('error: object has been deleted\n');
          return 1;
        }
        const status = rolloutStatus(object);
        if (status.line !== state.lastLine) io.out(`${status.line}\n`);
        state.lastLine = status.line;
        if (status.failed) {
          io.err(`error: ${status.line}\n`);
          return 1;
        }
        if (status.done) state.waiting.splice(state.waiting.indexOf(entry), 1);
        continue;
      }
      if (!conditionHolds(object, state.condition)) continue;
      if (entry.title !== '') io.out(`${entry.title} ${state.condition.kind === 'delete' ? 'deleted' : 'condition met'}\n`);
      state.waiting.splice(state.waiting.indexOf(entry), 1);
    }
    if (state.waiting.length === 0) return 0;
    if (!expired) return undefined;
    for (const entry of state.waiting)
      io.err(
        state.condition.kind === 'rollout' || state.condition.kind === 'create'
          ? 'error: timed out waiting for the condition\n'
          : `error: timed out waiting for the condition on ${entry.title.replace(/^([^/.]+)(?:\.[^/]*)?\//, (_, kind: string) => `${plural(kind)}/`)}\n`,
      );
    return 1;
  },
};

function plural(kind: string): string {
  return kind.endsWith('s') ? `${kind}es` : kind.endsWith('y') ? `${kind.slice(0, -1)}ies` : `${kind}s`;
}
