import { describe, expect, it } from 'vitest';
import type { PolicyLensView } from '../../../world/reach/reach-views.ts';
import { changesOf, columnsOf, linesOf, stateOf } from './lens-model.ts';

const group = (title: string, namespace = 'shop') => ({ id: `${namespace} ${title}`, title, namespace, pods: [title], first: `pod/${namespace}/${title}` });
const view = (webToDb: number): PolicyLensView => ({
  sentence: '',
  enforced: true,
  openConnections: [],
  policies: 1,
  dialects: 0,
  by: 'label',
  groups: [group('web'), group('db'), group('metrics', 'kube-system')],
  edges: [
    {
      from: 0,
      to: 1,
      ways: [
        { port: '5432/TCP', open: webToDb, pairs: 2 },
        { port: '53/UDP', open: 2, pairs: 2 },
      ],
    },
    { from: 2, to: 1, ways: [{ port: '5432/TCP', open: 0, pairs: 1 }] },
    { from: 1, to: 1, ways: [{ port: '5432/TCP', open: 2, pairs: 2 }] },
  ],
  beyond: 0,
});
const none = changesOf(undefined, view(0));

describe('the Policy lens between groups', () => {
  it('draws a line for what is open and one for what is closed, per pair, with their ports, and none to itself', () => {
    const lines = linesOf(view(0), { shown: 'both', system: false, change: none });
    expect(lines.map(({ from, to, state, label }) => [from, to, state, label])).toEqual([
      [0, 1, 'open', '53/UDP'],
      [0, 1, 'closed', '5432'],
    ]);
    expect(linesOf(view(0), { shown: 'open', system: false, change: none })).toHaveLength(1);
    expect(linesOf(view(0), { shown: 'both', system: false, of: 2, change: none }).map((one) => one.state)).toEqual(['closed']);
    expect(stateOf({ port: '', open: 1, pairs: 2 })).toBe('mixed');
  });
  it('has a column for each port of each group that is shown', () => {
    expect(columnsOf(view(0), false)).toEqual(
      [
        { group: 1, port: '53/UDP' },
        { group: 1, port: '5432/TCP' },
      ].sort((a, b) => (a.port < b.port ? -1 : 1)),
    );
  });
  it('says what a change has opened and closed, by shares, so that another replica changes nothing', () => {
    expect(changesOf(view(2), view(0))).toMatchObject({ opened: 0, closed: 1 });
    expect(changesOf(view(0), view(1))).toMatchObject({ opened: 1, closed: 0 });
    const more = { ...view(2), edges: [{ from: 0, to: 1, ways: [{ port: '5432/TCP', open: 4, pairs: 4 }] }] };
    expect(changesOf(view(2), more)).toMatchObject({ opened: 0, closed: 0 });
  });
});
