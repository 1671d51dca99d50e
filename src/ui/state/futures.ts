/** Other futures and named moments: what the page does with them, loaded when somebody first does. */
import type { DocumentInput, Future, WorldDocument } from '../../world/document.ts';
import type { HopView } from '../../world/views.ts';
import { foldEdits, MAX_BOOKMARKS, MAX_FUTURES } from './check-document.ts';
import type { Playground } from './playground.ts';
import type { Run } from './session.ts';

/** A future is called by the first thing in it that the one that stays does not have. */
function futureName(inputs: readonly DocumentInput[], kept: number, run: string): string {
  const next = inputs[kept];
  const what =
    next === undefined ? `the rest of ${run}` : next.kind === 'command' ? next.line : next.kind === 'edit' ? `an edit of ${next.path}` : 'what came later';
  return what.slice(0, 160);
}

export async function branch(playground: Playground): Promise<boolean> {
  const { client, document, session } = playground;
  const { seq } = playground.moments.store.getState();
  const { run, writable } = session.getState();
  if (seq === undefined || run === undefined || !writable) return false;
  const whole = await playground.exactDocument();
  const { headSeq, files } = await client.call('branch', seq);
  const rest = (await client.call('document')).inputs;
  const left: Future = { name: futureName(whole.inputs, rest.length, run.label), seq, inputs: whole.inputs, bookmarks: whole.bookmarks ?? [] };
  document.setState((open) => ({
    texts: files,
    applying: 'applied',
    bookmarks: open.bookmarks.filter((one) => one.seq < headSeq),
    futures: [...open.futures, left].slice(-MAX_FUTURES),
  }));
  const runs = session
    .getState()
    .runs.filter((one) => one.fromSeq < headSeq)
    .map((one) => (one.toSeq <= headSeq ? one : { ...one, toSeq: headSeq }));
  await playground.stopAt(runs);
  playground.notify(`Time stands still here. The other future (${left.name}) is kept under “Bookmarks and other futures”.`);
  return true;
}

/** `revision`: the last that storage has, once all is written. */
export async function openFuture(playground: Playground, index: number, revision: () => number): Promise<void> {
  const { id, origin, futures } = playground.document.getState();
  const wanted = futures[index];
  if (wanted === undefined || !playground.session.getState().writable) return;
  const whole = await playground.exactDocument();
  const same = wanted.inputs.findIndex((input, at) => JSON.stringify(input) !== JSON.stringify(whole.inputs[at]));
  const name = futureName(whole.inputs, same < 0 ? wanted.inputs.length : same, whole.title ?? '');
  const left: Future = { name, seq: playground.mirror.getState().headSeq, inputs: whole.inputs, bookmarks: whole.bookmarks ?? [] };
  const document: WorldDocument = {
    ...whole,
    inputs: wanted.inputs,
    bookmarks: wanted.bookmarks,
    futures: futures.map((one, at) => (at === index ? left : one)),
  };
  await playground.flush();
  const texts = foldEdits(document).files;
  await playground.open({ id, origin, document, texts, revision: revision(), moment: {}, firstMinute: false });
}

export function addBookmark(playground: Playground, hop: HopView): void {
  const { bookmarks } = playground.document.getState();
  if (bookmarks.some((one) => one.seq === hop.event.seq)) return;
  if (bookmarks.length >= MAX_BOOKMARKS) {
    playground.notify(`A document has at most ${MAX_BOOKMARKS} bookmarks.`, 'problem');
    return;
  }
  const mark = { name: `${hop.where}: ${hop.title}`.slice(0, 120), seq: hop.event.seq };
  playground.keep({ bookmarks: [...bookmarks, mark].sort((a, b) => a.seq - b.seq) });
  playground.notify(`Bookmarked: ${mark.name}`);
}

/** `name` undefined: it is removed. */
export function renameBookmark(playground: Playground, seq: number, name: string | undefined): void {
  const { bookmarks } = playground.document.getState();
  const words = name?.trim().slice(0, 120);
  playground.keep({
    bookmarks:
      words === undefined
        ? bookmarks.filter((one) => one.seq !== seq)
        : bookmarks.map((one) => (one.seq === seq && words !== '' ? { ...one, name: words } : one)),
  });
}

export async function goTo(playground: Playground, seq: number): Promise<void> {
  const { runs, run } = playground.session.getState();
  const holds = (one: Run | undefined) => one !== undefined && seq >= one.fromSeq && seq < one.toSeq;
  const wanted = holds(run) ? run : runs.find(holds);
  if (wanted === undefined) {
    playground.notify('This moment lies in no run that can be played.');
    return;
  }
  if (wanted !== run) await playground.showRun(wanted, { play: false });
  playground.playback.seekToSeq(seq);
}

/** Another terminal on the same machine; its id. */
export async function terminalBeside(playground: Playground, session: string): Promise<string> {
  const { sessions } = playground.mirror.getState();
  let number = 2;
  while (sessions.some((one) => one.id === `t${number}`)) number += 1;
  const id = `t${number}`;
  const host = sessions.find((one) => one.id === session)?.netns.split('/')[0] ?? 'controlplane';
  await playground.client.call('openSession', id, { host });
  playground.session.setState({ terminalSession: id });
  return id;
}
