/** The channel between page and worker: calls are answered, updates carry only what changed, an endless program follows the wall clock, a hung worker is replaced. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { articleFiles } from '../world/testing/article.ts';
import type { WorldUpdate } from '../world/views.ts';
import { createPlaygroundClient, type TransportFactory } from './client.ts';
import { firstEquipment } from './first-equipment.ts';
import { fullEquipment } from './full-equipment.ts';
import { mainThreadTransport } from './main-thread.ts';
import type { FromWorker, ToWorker } from './protocol.ts';
import { PlaygroundServer } from './server.ts';

const document = { version: 1, seed: 1, files: articleFiles(), inputs: [], positions: {} } as const;
const base = articleFiles().filter((file) => file.path !== 'web.yaml' && file.path !== 'client.yaml');

async function opened() {
  const client = createPlaygroundClient({ transports: [mainThreadTransport] });
  const updates: WorldUpdate[] = [];
  client.subscribe((update) => updates.push(update));
  await client.call('open', document, base);
  return { client, updates };
}

const said = (updates: readonly WorldUpdate[], session = 'main') =>
  updates
    .flatMap((update) => update.terminal ?? [])
    .filter((entry) => entry.session === session && entry.kind === 'stdout')
    .map((entry) => entry.text)
    .join('');

describe('a playground behind the channel', () => {
  it('sends everything once after open, then only what changed', async () => {
    const { client, updates } = await opened();
    expect(updates[0]).toMatchObject({ revision: 1, terminalReset: true });
    expect(updates[0]?.topology?.netnses.length).toBeGreaterThan(5);
    await client.call('run', 'main', 'kubectl exec client -- curl -s web-service');
    expect(said(updates)).toMatch(/^Hello from web-/);
    expect(updates.slice(1).every((update) => update.topology === undefined && update.files === undefined)).toBe(true);
    await client.call('edit', 'web.yaml', document.files[0]?.text.replace(/^ {2}replicas: 3$/m, '  replicas: 4') ?? '');
    expect(updates.at(-1)?.topology?.netnses.filter((netns) => netns.title.startsWith('web-'))).toHaveLength(4);
    client.close();
  });

  it('answers a mistake of ours with an error and lives on', async () => {
    const client = createPlaygroundClient({ transports: [mainThreadTransport] });
    await expect(client.call('document')).rejects.toThrow('no world is open');
    await client.call('open', document, base);
    expect((await client.call('document')).files).toHaveLength(document.files.length);
    client.close();
  });

  it('lets an endless program run with the wall clock until Ctrl-C, and not while it is held', async () => {
    const { client, updates } = await opened();
    await client.call('run', 'main', 'kubectl exec client -- ping 10.244.1.3');
    await vi.waitFor(() => expect(said(updates).match(/icmp_seq/g)?.length ?? 0).toBeGreaterThanOrEqual(2), { timeout: 6_000 });
    await client.call('hold', true);
    const heard = said(updates).length;
    await new Promise((resolve) => setTimeout(resolve, 1_300));
    expect(said(updates).length).toBe(heard);
    await client.call('interrupt', 'main');
    expect(said(updates)).toMatch(/packets transmitted/);
    client.close();
  });

  it('remembers where a second terminal was opened', async () => {
    const { client } = await opened();
    await client.call('openSession', 't2', { host: 'node01' });
    await client.call('run', 't2', 'hostname');
    const saved = await client.call('document');
    const again = createPlaygroundClient({ transports: [mainThreadTransport] });
    const updates: WorldUpdate[] = [];
    again.subscribe((update) => updates.push(update));
    await again.call('open', saved, base);
    expect(said(updates, 't2')).toBe('node01\n');
    client.close();
    again.close();
  });
});

describe('a worker whose tools come later', () => {
  /** A server as the page's worker has it; `arrive` is the moment when the second chunk has been loaded. */
  function slow() {
    let arrive = () => {};
    const arrived = new Promise<void>((resolve) => {
      arrive = resolve;
    });
    const posted: FromWorker[] = [];
    const server = new PlaygroundServer({
      equipment: firstEquipment(),
      isApart: true,
      loadRest: () => arrived.then(() => fullEquipment),
      post: (message) => posted.push(structuredClone(message)),
      now: () => performance.now(),
      later: (task, delayMs) => setTimeout(task, delayMs) as unknown as number,
      cancel: (handle) => clearTimeout(handle),
    });
    let id = 0;
    const ask = (name: ToWorker['name'], ...args: readonly unknown[]) => {
      id += 1;
      return server.receive({ id, name, args });
    };
    const printed = () => posted.flatMap((message) => (message.type === 'update' ? (message.update.terminal ?? []) : [])).map(({ text }) => text);
    const answers = () => posted.flatMap((message) => (message.type === 'answer' ? [message.ok] : []));
    const pictures = () => posted.flatMap((message) => (message.type === 'update' && message.change?.hosts !== undefined ? [message.update] : []));
    return { ask, arrive, printed, answers, pictures };
  }

  it('answers the first request without them, and holds what needs them until they are there', async () => {
    const { ask, arrive, printed } = slow();
    await ask('open', document, base);
    await ask('run', 'main', 'kubectl exec client -- curl -s web-service');
    expect(printed().join('')).toMatch(/Hello from web-/);
    const waiting = ask('run', 'main', 'kubectl describe svc web-service');
    // In order, although this one alone would not have to wait.
    const behind = ask('run', 'main', 'kubectl exec client -- curl -s web-service/second');
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(printed().join('')).not.toMatch(/second/);
    arrive();
    await Promise.all([waiting, behind]);
    expect(printed().join('')).toMatch(/Endpoints:[\s\S]*second/);
  });

  it('shows a cluster while the commands that were typed in it wait', async () => {
    const { ask, arrive, answers, printed, pictures } = slow();
    const made = { ...document, inputs: [{ timeNs: 900_000_000_000, session: 'main', kind: 'command', line: 'kubectl create deployment two --image=nginx' }] };
    const opening = ask('open', made, base);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(answers()).toEqual([]);
    expect(pictures().map(({ coming }) => coming)).toEqual([true]);
    arrive();
    await opening;
    expect(printed().join('')).toContain('deployment.apps/two created');
  });

  it('opens without them a link whose commands are those of most links', async () => {
    const { ask, answers, printed } = slow();
    const lines = ['kubectl scale deployment web --replicas=4', 'kubectl delete pod client', 'kubectl get deployment web'];
    const inputs = lines.map((line, at) => ({ timeNs: 900_000_000_000 + at * 60_000_000_000, session: 'main', kind: 'command', line }));
    await ask('open', { ...document, inputs }, base);
    expect(answers()).toEqual([true]);
    expect(printed().join('')).toMatch(/web scaled[\s\S]*pod "client" deleted[\s\S]*web {2,}4\/4/);
  });

  it('opens a world again whose containers want one at once', async () => {
    const { ask, arrive, answers, printed } = slow();
    const text =
      'apiVersion: v1\nkind: Pod\nmetadata: {name: counter}\nspec:\n  containers: [{name: c, image: busybox, command: [sh, -c, "seq 3 | wc -l; sleep 100"]}]\n';
    const opening = ask('open', { ...document, files: [...document.files, { path: 'counter.yaml', text }] }, base);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(answers()).toEqual([]);
    arrive();
    await opening;
    await ask('run', 'main', 'kubectl logs counter');
    expect(answers()).toEqual([true, true]);
    expect(printed().join('')).toContain('3\n');
  });
});

describe('a client whose worker fails', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] });
  });
  afterEach(() => {
    vi.restoreAllMocks();
    vi.useRealTimers();
  });

  it('uses the next transport when the first never starts, and sends again what waits', async () => {
    const broken: TransportFactory = (events) => {
      queueMicrotask(() => events.failed('workers are forbidden here'));
      return { send: () => undefined, close: () => undefined };
    };
    const client = createPlaygroundClient({ transports: [broken, mainThreadTransport] });
    await expect(client.call('open', document, base)).resolves.toMatchObject({ diagnostics: expect.anything() });
    client.close();
  });

  it('replaces a worker that hangs and opens the last document that worked', async () => {
    const starts: ToWorker[][] = [];
    const hanging: TransportFactory = (events) => {
      const heard: ToWorker[] = [];
      starts.push(heard);
      return {
        send: (message) => {
          heard.push(message);
          // Everything but `run` is answered; `run` never ends.
          if (message.name !== 'run') queueMicrotask(() => events.message({ type: 'answer', id: message.id, ok: true, value: null }));
        },
        close: () => undefined,
      };
    };
    const client = createPlaygroundClient({ transports: [hanging], hangMs: 5_000 });
    const crashes: string[] = [];
    client.onCrash((message) => crashes.push(message));
    await client.call('open', document, base);
    const lost = client.call('run', 'main', 'while true; do true; done');
    const failed = expect(lost).rejects.toThrow(/did not answer/);
    vi.advanceTimersByTime(9_000);
    await failed;
    expect(crashes).toHaveLength(1);
    expect(starts).toHaveLength(2);
    expect(starts[1]?.map((message) => message.name)).toContain('open');
    expect(starts[1]?.map((message) => message.name)).not.toContain('run');
    client.close();
  });

  const silence = (start: { silent: readonly string[] } | undefined, ...names: readonly string[]) => {
    if (start !== undefined) start.silent = names;
  };

  /** Answers all but the names in `silent`; `fail` is what the browser would say of the worker. */
  function obedient(silent: readonly string[]) {
    const starts: { fail(reason: string): void; readonly heard: string[]; silent: readonly string[] }[] = [];
    const factory: TransportFactory = (events) => {
      const self = { fail: (reason: string) => events.failed(reason), heard: [] as string[], silent };
      starts.push(self);
      return {
        send: (message) => {
          self.heard.push(message.name);
          if (!self.silent.includes(message.name)) queueMicrotask(() => events.message({ type: 'answer', id: message.id, ok: true, value: null }));
        },
        close: () => undefined,
      };
    };
    const crashes: [string, boolean][] = [];
    const client = createPlaygroundClient({ transports: [factory, mainThreadTransport], hangMs: 5_000, openHangMs: 20_000 });
    client.onCrash((message, restarted) => crashes.push([message, restarted]));
    return { starts, crashes, client };
  }

  it('stops, and never moves a world to the page’s own thread, when it fails again as it comes up', async () => {
    const { starts, crashes, client } = obedient([]);
    await client.call('open', document, base);
    starts[0]?.fail('out of memory');
    expect(starts[1]?.heard).toEqual(['ping', 'open']);
    starts[1]?.fail('out of memory');
    expect(crashes).toEqual([
      ['out of memory', true],
      ['out of memory', false],
    ]);
    await expect(client.call('run', 'main', 'hostname')).rejects.toThrow('out of memory');
    // Who opens a world again gets another worker.
    await client.call('open', document, base);
    expect(starts).toHaveLength(3);
    client.close();
  });

  it('gives up on a world that never comes up, later than on a call', async () => {
    const { starts, crashes, client } = obedient(['open']);
    const opening = expect(client.call('open', document, base)).rejects.toThrow(/did not answer for 20 seconds/);
    silence(starts[0], 'open', 'ping');
    for (let i = 0; i < 8; i += 1) await vi.advanceTimersByTimeAsync(2_000);
    expect(crashes).toEqual([]);
    for (let i = 0; i < 5; i += 1) await vi.advanceTimersByTimeAsync(2_000);
    await opening;
    expect(crashes.map(([, restarted]) => restarted)).toEqual([false]);
    client.close();
  });

  it('waits as long as it takes for a worker that waits for the network itself, or slept with the page', async () => {
    const { starts, crashes, client } = obedient(['run']);
    await client.call('open', document, base);
    const waiting = client.call('run', 'main', 'dig web-service').catch(() => undefined);
    for (let i = 0; i < 20; i += 1) await vi.advanceTimersByTimeAsync(2_000);
    expect(crashes).toEqual([]);
    silence(starts[0], 'run', 'ping');
    await vi.advanceTimersByTimeAsync(2_000);
    // The lid was closed for an hour: one beat, an hour late.
    const now = performance.now();
    vi.spyOn(performance, 'now').mockReturnValue(now + 3_600_000);
    await vi.advanceTimersByTimeAsync(2_000);
    expect(crashes).toEqual([]);
    client.close();
    await waiting;
  });
});
