/**
 * Memory while somebody plays for a long time: a loop of packets, requests that flow by themselves, commands, edits, filters, looks at boxes. Prints heaps after a collection, minute by minute,
 * and their slopes; what the log has grown by is told apart, since a log is kept. Takes as long as it says: `KUBEHOP_SOAK_MINUTES=30 node scripts/bench.mjs soak` (10 without the variable).
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type CDPSession, chromium, type Page } from '@playwright/test';
import { report } from './harness.ts';
import { serve } from './support/site.ts';

const MINUTES = Number(process.env.KUBEHOP_SOAK_MINUTES ?? 10);
/** Code is compiled and caches fill in the first of them: no part of a slope. */
const WARM_MINUTES = Math.min(3, MINUTES / 4);
/** A reader does something about so often. */
const ROUND_MS = 8_000;
const MEBIBYTE = 1024 * 1024;

interface Sample {
  readonly minute: number;
  readonly pageBytes: number;
  readonly workerBytes: number;
  readonly nodes: number;
  readonly listeners: number;
  /** Events in the log. */
  readonly events: number;
}

/** Notes how long the log is, as the worker tells it. */
function watchLog(): void {
  const state = globalThis as unknown as { kubehopHead: number };
  state.kubehopHead = 0;
  const Plain = Worker;
  globalThis.Worker = class extends Plain {
    constructor(address: string | URL, options?: WorkerOptions) {
      super(address, options);
      this.addEventListener('message', ({ data }: MessageEvent<{ readonly update?: { readonly headSeq: number } }>) => {
        if (data.update !== undefined) state.kubehopHead = data.update.headSeq;
      });
    }
  };
}

type Ask = (method: string) => Promise<Record<string, number>>;

/** A session of the simulation's worker, through the page's. */
async function workerSession(session: CDPSession): Promise<Ask> {
  const waiting = new Map<number, (result: Record<string, number>) => void>();
  const attached = new Promise<string>((resolve) => {
    session.on('Target.attachedToTarget', ({ sessionId, targetInfo }) => {
      if (targetInfo.type === 'worker' && targetInfo.url.includes('simulation')) resolve(sessionId);
    });
  });
  session.on('Target.receivedMessageFromTarget', ({ message }) => {
    const { id, result } = JSON.parse(message) as { readonly id?: number; readonly result?: Record<string, number> };
    if (id !== undefined) waiting.get(id)?.(result ?? {});
  });
  await session.send('Target.setAutoAttach', { autoAttach: true, waitForDebuggerOnStart: false, flatten: false });
  const sessionId = await attached;
  let next = 1;
  return (method) => {
    const id = next;
    next += 1;
    return new Promise((resolve) => {
      waiting.set(id, resolve);
      void session.send('Target.sendMessageToTarget', { sessionId, message: JSON.stringify({ id, method, params: {} }) });
    });
  };
}

async function command(page: Page, line: string): Promise<void> {
  const prompt = page.getByRole('textbox', { name: /^Command line of / });
  await prompt.fill(line);
  await prompt.press('Enter');
  await page.waitForFunction(
    () => document.querySelector('input[aria-label^="Command line of"]')?.getAttribute('placeholder')?.startsWith('running') === false,
    undefined,
    { timeout: 60_000 },
  );
}

async function edit(page: Page, from: string, to: string): Promise<void> {
  await page.getByRole('textbox', { name: /^YAML editor/ }).focus();
  await page.keyboard.press('ControlOrMeta+Home');
  await page.keyboard.press('ControlOrMeta+f');
  await page.keyboard.type(from);
  await page.keyboard.press('Escape');
  await page.keyboard.insertText(to);
}

/** What one reader does in a few seconds. */
async function act(page: Page, round: number): Promise<void> {
  const timeline = page.getByRole('region', { name: 'Timeline' });
  switch (round % 6) {
    case 0:
      await command(page, 'kubectl exec client -- curl -s web-service');
      break;
    case 1:
      await edit(page, round % 12 === 1 ? 'replicas: 3' : 'replicas: 4', round % 12 === 1 ? 'replicas: 4' : 'replicas: 3');
      break;
    case 2:
      await command(page, 'kubectl get pods -o wide');
      break;
    case 3:
      await page.getByRole('searchbox', { name: 'Filter hops' }).fill(round % 12 === 3 ? 'tcp.port == 80' : '');
      break;
    case 4:
      await timeline.getByRole('button', { name: 'First hop' }).click();
      for (let step = 0; step < 10; step += 1)
        await timeline
          .getByRole('button', { name: /^Step forward/ })
          .first()
          .click();
      break;
    default: {
      const box = await page.getByTestId('canvas').boundingBox();
      if (box !== null) await page.mouse.click(box.x + box.width * (0.3 + (round % 5) / 10), box.y + box.height * 0.5);
    }
  }
  const play = timeline.getByRole('button', { name: 'Play', exact: true });
  if (await play.isVisible()) await play.click();
}

/** Bytes (or pieces) a minute, by least squares. */
function slope(samples: readonly Sample[], value: (sample: Sample) => number): number {
  const middle = (pick: (sample: Sample) => number) => samples.reduce((sum, sample) => sum + pick(sample), 0) / samples.length;
  const [x, y] = [middle((sample) => sample.minute), middle(value)];
  const above = samples.reduce((sum, sample) => sum + (sample.minute - x) * (value(sample) - y), 0);
  return above / samples.reduce((sum, sample) => sum + (sample.minute - x) ** 2, 0);
}

async function main(): Promise<void> {
  const root = process.cwd();
  const found = join(root, 'node_modules', '.cache', 'kubehop', 'chromium.json');
  const executablePath = existsSync(found) ? (JSON.parse(readFileSync(found, 'utf8')) as { path: string }).path : undefined;
  const site = await serve(process.env.KUBEHOP_DIST ?? join(root, 'dist'));
  const browser = await chromium.launch({
    ...(executablePath === undefined ? {} : { executablePath }),
    args: [...(process.getuid?.() === 0 ? ['--no-sandbox'] : []), '--disable-gpu'],
  });
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 } });
  const page = await context.newPage();
  const session = await context.newCDPSession(page);
  await page.addInitScript(watchLog);
  const worker = workerSession(session);
  await page.goto(site.url);
  await page.getByRole('region', { name: 'Timeline' }).getByRole('button', { name: 'Pause' }).waitFor();
  const ask = await worker;
  await session.send('HeapProfiler.enable');
  await session.send('Performance.enable');
  // Requests that flow by themselves, as in a cluster that is in use.
  await command(page, `kubectl annotate pod client 'kubehop.dev/rate=http://web-service/ 1/s'`);
  await page.getByRole('region', { name: 'Editor' }).hover();
  await page.getByRole('textbox', { name: /^YAML editor/ }).waitFor({ state: 'attached' });

  const sample = async (minute: number): Promise<Sample> => {
    await session.send('HeapProfiler.collectGarbage');
    await ask('HeapProfiler.collectGarbage');
    const heap = await session.send('Runtime.getHeapUsage');
    const own = await ask('Runtime.getHeapUsage');
    const { metrics } = await session.send('Performance.getMetrics');
    const metric = (name: string) => metrics.find((one) => one.name === name)?.value ?? Number.NaN;
    const events = await page.evaluate(() => (globalThis as unknown as { kubehopHead: number }).kubehopHead);
    // Typed arrays and strings of the embedder count where the protocol tells of them.
    const bytes = (one: Record<string, number>) => (one.usedSize ?? Number.NaN) + (one.backingStorageSize ?? 0);
    return {
      minute,
      pageBytes: bytes(heap as unknown as Record<string, number>),
      workerBytes: bytes(own),
      nodes: metric('Nodes'),
      listeners: metric('JSEventListeners'),
      events,
    };
  };

  const samples: Sample[] = [];
  const startMs = performance.now();
  let nextMinute = 0;
  for (let round = 0; ; round += 1) {
    const minute = (performance.now() - startMs) / 60_000;
    if (minute >= nextMinute) {
      const one = await sample(minute);
      samples.push(one);
      nextMinute += 1;
      console.log(
        `${minute.toFixed(1)} min: page ${(one.pageBytes / MEBIBYTE).toFixed(1)} MB, worker ${(one.workerBytes / MEBIBYTE).toFixed(1)} MB, ${one.nodes} nodes, ${one.listeners} listeners, ${one.events} events`,
      );
    }
    if (minute >= MINUTES) break;
    await act(page, round);
    await page.waitForTimeout(ROUND_MS);
  }
  await browser.close();
  site.close();

  const steady = samples.filter((one) => one.minute >= WARM_MINUTES);
  const perEvent =
    slope(steady, (one) => one.workerBytes) /
    Math.max(
      1,
      slope(steady, (one) => one.events),
    );
  const name = `${MINUTES} minutes of play`;
  report([
    { name: `${name}: growth of the page's heap a minute`, value: slope(steady, (one) => one.pageBytes), unit: 'bytes' },
    { name: `${name}: growth of the worker's heap a minute`, value: slope(steady, (one) => one.workerBytes), unit: 'bytes' },
    { name: `${name}: growth of the worker's heap for an event of its log`, value: perEvent, unit: 'bytes' },
  ]);
}

await main();
process.exit(0);
