import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { articleTopology, curlHops } from '../canvas/testing/article.ts';
import { createFakeClient, type FakeClient } from '../testing/fake-client.ts';
import { MAX_FILE_LENGTH } from './check-document.ts';
import { loadDocument } from './document-store.ts';
import { FIRST_COMMAND, Playground } from './playground.ts';
import { defaultPreferences } from './session.ts';
import { openingOf } from './start.ts';
import { memoryStorage, type Storage } from './storage.ts';

const files = [
  { path: 'web.yaml', text: 'replicas: 3' },
  { path: 'client.yaml', text: 'kind: Pod' },
];
const document = { version: 1, seed: 1, title: 'test', files, inputs: [], positions: {} } as const;

let client: FakeClient;
let storage: Storage;
let owned: number;

function createPlayground(): Playground {
  return new Playground({
    client,
    storage,
    preferences: defaultPreferences,
    now: () => 1000,
    onOwned: () => {
      owned += 1;
    },
  });
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  // Frames that never come: playback stands where it is put.
  vi.stubGlobal('requestAnimationFrame', () => 1);
  vi.stubGlobal('cancelAnimationFrame', () => undefined);
  client = createFakeClient({ topology: articleTopology(), hops: curlHops(), output: () => 'Hello\n', inspect: () => null });
  storage = { ...memoryStorage(), persistent: true };
  owned = 0;
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

describe('the first minute', () => {
  it('runs the curl by itself, plays its packets, and saves nothing', async () => {
    const playground = createPlayground();
    await playground.open(openingOf('d', document, 'shared'));
    expect(playground.session.getState().run?.label).toBe(FIRST_COMMAND);
    expect(playground.playback.hops()).toHaveLength(curlHops().length);
    expect(playground.playback.playing).toBe(true);
    expect(playground.mirror.getState().terminal.map((entry) => entry.text)).toEqual(['controlplane:~$ ', FIRST_COMMAND, 'Hello\n']);
    await vi.advanceTimersByTimeAsync(3_000);
    expect(await storage.keys()).toEqual([]);
    expect(owned).toBe(0);
  });
});

describe('a shared document', () => {
  it('is opened paused at its moment, and becomes an own one with the first change', async () => {
    const playground = createPlayground();
    await playground.open({ ...openingOf('d', document, 'shared'), firstMinute: false });
    expect(playground.playback.playing).toBe(false);
    playground.edits.setText('web.yaml', 'replicas: 5');
    expect(owned).toBe(1);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(playground.document.getState()).toMatchObject({ origin: 'own', applying: 'applied' });
    expect((await loadDocument(storage, 'd'))?.texts[0]).toEqual({ path: 'web.yaml', text: 'replicas: 5' });
  });
});

describe('an edit', () => {
  it('is applied once the typing pauses, and a refused one is kept and saved', async () => {
    const playground = createPlayground();
    await playground.open({ ...openingOf('d', document, 'own'), firstMinute: false });
    playground.edits.setText('web.yaml', 'replicas: B', 'typing');
    await vi.advanceTimersByTimeAsync(100);
    playground.edits.setText('web.yaml', 'replicas: BROKEN', 'typing');
    expect(playground.document.getState().applying).toBe('pending');
    await vi.advanceTimersByTimeAsync(300);
    expect(client.calls.filter((name) => name === 'edit')).toHaveLength(1);
    expect(playground.document.getState().applying).toBe('refused');
    await vi.advanceTimersByTimeAsync(1_000);
    const saved = await loadDocument(storage, 'd');
    expect(saved?.texts[0]?.text).toBe('replicas: BROKEN');
    // The next visit shows it again, and asks the world again.
    const next = createPlayground();
    await next.open({ ...openingOf('d', saved?.document ?? document, 'own'), texts: saved?.texts ?? [], revision: saved?.revision ?? 0, firstMinute: false });
    expect(next.document.getState().texts[0]?.text).toBe('replicas: BROKEN');
  });

  it('too large for the world is refused in words and takes nothing away', async () => {
    const playground = createPlayground();
    await playground.open({ ...openingOf('d', document, 'own'), firstMinute: false });
    expect(playground.edits.setText('web.yaml', 'x'.repeat(MAX_FILE_LENGTH + 1))).toMatch(/at most 256 kB/);
    expect(playground.document.getState().texts).toEqual(files);
  });

  it('of the names of files keeps their order, and never leaves the cluster without an object in between', async () => {
    const playground = createPlayground();
    await playground.open({ ...openingOf('d', document, 'own'), firstMinute: false });
    expect(playground.edits.renameFile('web.yaml', 'client.yaml')).toMatch(/already/);
    expect(playground.edits.renameFile('web.yaml', '../x')).toMatch(/letters/);
    expect(playground.edits.renameFile('web.yaml', 'app.yaml')).toBeUndefined();
    await vi.advanceTimersByTimeAsync(300);
    expect(playground.document.getState().texts.map((file) => file.path)).toEqual(['app.yaml', 'client.yaml']);
    const edits = (await client.call('document')).inputs.flatMap((input) => (input.kind === 'edit' ? [[input.path, input.text]] : []));
    expect(edits).toEqual([
      ['app.yaml', 'replicas: 3'],
      ['web.yaml', null],
    ]);
  });
});

describe('commands', () => {
  it('of one session wait for each other, and each with packets becomes a run', async () => {
    const playground = createPlayground();
    await playground.open({ ...openingOf('d', document, 'own'), firstMinute: false });
    await Promise.all([playground.run('main', 'curl a'), playground.run('main', 'hostname'), playground.run('main', 'curl b')]);
    const length = curlHops().length;
    expect(playground.session.getState().runs.map((run) => [run.label, run.fromSeq, run.toSeq])).toEqual([
      ['curl a', 0, length],
      ['curl b', length, 2 * length],
    ]);
    expect(playground.session.getState().run?.label).toBe('curl b');
  });

  it('after a reload are found again in the terminal, paused at the end of the last one', async () => {
    const playground = createPlayground();
    const inputs = ['curl a', 'hostname', 'curl b'].map((line, index) => ({ kind: 'command', timeNs: index, session: 'main', line }) as const);
    await playground.open(openingOf('d', { ...document, inputs }, 'own'));
    const length = curlHops().length;
    expect(playground.session.getState().runs.map((run) => run.label)).toEqual(['curl a', 'curl b']);
    expect(playground.playback.playing).toBe(false);
    expect(playground.playback.hop?.event.seq).toBe(2 * length - 1);
    await playground.open({ ...openingOf('d', { ...document, inputs }, 'shared'), moment: { seq: 4, lens: 'services' }, firstMinute: false });
    expect(playground.playback.hop?.event.seq).toBe(4);
    expect(playground.session.getState()).toMatchObject({ lens: 'services', run: { label: 'curl a' } });
  });
});

describe('a program that does not end', () => {
  it('shows its packets as they come, and ARP alone is no news', async () => {
    const playground = createPlayground();
    await playground.open({ ...openingOf('d', document, 'own'), firstMinute: false });
    await playground.run('main', 'ping 10.244.1.4');
    expect(playground.session.getState().run).toBeUndefined();
    client.happen(
      curlHops()
        .slice(0, 3)
        .map((hop) => ({ ...hop, background: true })),
    );
    await vi.advanceTimersByTimeAsync(600);
    expect(playground.session.getState().run).toBeUndefined();
    client.happen(curlHops().slice(0, 5));
    await vi.advanceTimersByTimeAsync(600);
    expect(playground.session.getState().run).toMatchObject({ label: 'ping 10.244.1.4', fromSeq: 0, toSeq: 8 });
    expect(playground.playback.playing).toBe(true);
    // Paused in the middle: time stands still, until the reader goes on.
    playground.playback.seek(2);
    expect(client.calls.at(-1)).toBe('hold');
    client.happen(curlHops().slice(5, 9));
    await vi.advanceTimersByTimeAsync(600);
    expect(playground.playback.hops()).toHaveLength(12);
    expect(playground.playback.getSnapshot().index).toBe(2);
    await playground.interrupt('main');
    await vi.advanceTimersByTimeAsync(600);
    expect(playground.session.getState().runs).toHaveLength(1);
  });
});
