/** What stands beside what in one document, on worlds of the real engine in place of workers. */
import { describe, expect, it } from 'vitest';
import type { PlaygroundClient } from '../../worker/protocol.ts';
import { alignJourneys } from '../../world/align-journeys.ts';
import type { DocumentInput, Future, WorldDocument } from '../../world/document.ts';
import { articleFiles, openArticle } from '../../world/testing/article.ts';
import type { WorldUpdate } from '../../world/views.ts';
import type { World } from '../../world/world.ts';
import type { Run } from '../state/session.ts';
import { firstPair, loadSide, type Side, type SideSource, sidesOf } from './sides.ts';

const CURL = 'kubectl exec client -- curl -s web-service';

/** What the page asks of a worker here, answered by a world of this thread. */
function clientOf(first: World | undefined): PlaygroundClient {
  let world = first;
  let listener: (update: WorldUpdate) => void = () => undefined;
  const get = (): World => world as World;
  const tell = () =>
    listener({ revision: 1, nowNs: get().nowNs, headSeq: get().headSeq, terminal: get().terminalFrom(0), terminalReset: true, topology: get().topology() });
  const answers: Readonly<Record<string, (...args: never[]) => unknown>> = {
    open: (document: WorldDocument) => {
      world = openArticle({ files: document.files, inputs: document.inputs });
      tell();
      return { diagnostics: world.diagnostics };
    },
    run: (session: string, line: string) => {
      const firstSeq = get().headSeq;
      const exitCode = get().command(session, line);
      tell();
      return { exitCode, firstSeq, lastSeq: get().headSeq };
    },
    hops: (from: number, to: number) => get().hops(from, to),
  };
  const call = (name: string, ...args: never[]) => Promise.resolve(answers[name]?.(...args));
  return {
    call: call as PlaygroundClient['call'],
    subscribe: (next) => {
      listener = next;
      return () => undefined;
    },
    lastDocument: () => undefined,
    onCrash: () => () => undefined,
    close: () => undefined,
  };
}

function runOf(world: World, line: string): Run {
  const fromSeq = world.headSeq;
  world.command('main', line);
  return { label: line, session: 'main', fromSeq, toSeq: world.headSeq };
}

const sourceOf = (world: World): SideSource => ({
  client: clientOf(world),
  other: () => clientOf(undefined),
  document: world.document(),
  terminal: world.terminalFrom(0),
  headSeq: world.headSeq,
});
const byKind = (sides: readonly Side[], kind: Side['kind']): Side => sides.find((side) => side.kind === kind) as Side;

describe('two runs of one document', () => {
  const world = openArticle();
  const before = runOf(world, CURL);
  const web = articleFiles().find((file) => file.path === 'web.yaml')?.text ?? '';
  world.edit('web.yaml', web.replace('targetPort: 80', 'targetPort: 81'));
  const after = runOf(world, CURL);
  const source = sourceOf(world);
  const sides = sidesOf({ runs: [before, after], futures: [], inputs: source.document.inputs, terminal: source.terminal });

  it('part where the edit decides, and nowhere before: all chance falls the same way without it', async () => {
    expect(firstPair(sides, after)).toEqual([byKind(sides, 'without').id, `run ${after.fromSeq}`]);
    const [left, right] = [await loadSide(byKind(sides, 'without'), source), await loadSide(sides[1] as Side, source)];
    const { first } = alignJourneys(left, right);
    const [a, b] = [left[first?.left ?? -1], right[first?.right ?? -1]];
    expect([first?.difference, a?.event.step.kind, b?.event.step.kind]).toEqual(['decision', 'translated', 'translated']);
    expect([a?.summary, b?.summary]).toEqual([expect.stringMatching(/→ 10\.244\.1\.\d:80$/), expect.stringMatching(/→ 10\.244\.1\.\d:81$/)]);
    const upTo = right.slice(0, first?.right).map((hop) => hop.summary);
    expect(left.slice(0, first?.left).map((hop) => hop.summary)).toEqual(upTo);
  });

  it('name only edits that lie between two lines', () => {
    expect(sides.map((side) => side.title)).toEqual([`1. ${CURL}`, `2. ${CURL}`, `Without the edit of web.yaml: ${CURL}`]);
  });
});

describe('a future that was left', () => {
  it('stands beside the present one from the last line that both have', async () => {
    const world = openArticle();
    const run = runOf(world, CURL);
    const document = world.document();
    const drop: DocumentInput = { kind: 'command', timeNs: world.nowNs, session: 'main', line: 'iptables -I FORWARD -j DROP' };
    const again: DocumentInput = { kind: 'command', timeNs: world.nowNs, session: 'main', line: `${CURL} -m 1` };
    const future: Future = { name: 'iptables -I FORWARD -j DROP', seq: world.headSeq, inputs: [...document.inputs, drop, again], bookmarks: [] };
    runOf(world, `${CURL} -m 1`);
    const source = sourceOf(world);
    const sides = sidesOf({ runs: [run], futures: [future], inputs: source.document.inputs, terminal: source.terminal });
    expect(firstPair(sides, run)).toEqual(['future 0', 'since 0']);
    const [left, right] = [await loadSide(byKind(sides, 'future'), source), await loadSide(byKind(sides, 'since'), source)];
    const { first } = alignJourneys(left, right);
    expect(left[0]?.event, 'the line that both have').toEqual(right[0]?.event);
    expect(first?.left === undefined ? '' : left[first.left]?.event.step).toMatchObject({ kind: 'dropped', reason: 'NETFILTER_DROP' });
  });
});
