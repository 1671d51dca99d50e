/** The worker's side of the channel: answers requests on one world, lets virtual time follow the wall clock while something goes on, and sends what changed. */

import { createShell } from '../shell/index.ts';
import { capture } from '../world/capture.ts';
import type { WorldDocument } from '../world/document.ts';
import type { WorldUpdate } from '../world/views.ts';
import { World } from '../world/world.ts';
import type { FromWorker, RequestName, Requests, ToWorker } from './protocol.ts';

/** Engine events between two looks at the message queue: about 50 ms of work. */
const SLICE_EVENTS = 50_000;
/** Wall time between two advances of virtual time while tcpdump, ping and the like run. */
const TICK_MS = 50;
const MAX_HOPS = 5_000;

type Handlers = { readonly [N in RequestName]: (...args: Parameters<Requests[N]>) => ReturnType<Requests[N]> | Promise<ReturnType<Requests[N]>> };

export interface ServerEnvironment {
  post(message: FromWorker): void;
  /** Milliseconds, monotonic. */
  now(): number;
  /** Runs `task` after `delayMs`; returns what `cancel` takes. */
  later(task: () => void, delayMs: number): number;
  cancel(handle: number): void;
}

/** One world behind a message channel. */
export class PlaygroundServer {
  readonly #environment: ServerEnvironment;
  readonly #handlers: Handlers;
  #world: World | undefined;
  #revision = 0;
  #held = false;
  #lastActivityMs: number;
  #tick: number | undefined;
  #sent = { headSeq: -1, topology: -1, diagnostics: -1, terminal: 0, terminalEpoch: -1, sessions: '', files: -1, deliveries: '[]' };

  constructor(environment: ServerEnvironment) {
    this.#environment = environment;
    this.#lastActivityMs = environment.now();
    this.#handlers = {
      open: (document, baseFiles) => this.#open(document, baseFiles),
      edit: (path, text) => {
        this.#catchUp();
        return this.#get().edit(path, text);
      },
      run: (session, line) => this.#run(session, line),
      interrupt: (session) => {
        this.#catchUp();
        this.#get().interrupt(session);
        return null;
      },
      edited: (session, text) => {
        this.#catchUp();
        this.#get().edited(session, text ?? undefined);
        return null;
      },
      openSession: (session, at) => {
        this.#get().openSession(session, at);
        return null;
      },
      closeSession: (session) => {
        this.#get().closeSession(session);
        return null;
      },
      complete: (session, line, cursor) => this.#get().complete(session, line, cursor),
      hops: (from, to) => this.#get().hops(from, Math.min(to, from + MAX_HOPS)),
      packets: (from, to) => this.#get().packets(from, to),
      inspect: (target, atSeq) => this.#get().inspect(target, atSeq),
      yamlComplete: (path, text, offset) => this.#get().yamlComplete(path, text, offset),
      yamlHover: (path, text, offset) => this.#get().yamlHover(path, text, offset),
      objectAt: (path, offset) => this.#get().objectAt(path, offset),
      capture: (from, to, filter) => capture(this.#get(), { interfaces: ['any'], filter, from, to }),
      bring: (session, path, base64) => this.#get().bring(session, path, base64) ?? null,
      document: () => this.#get().document(),
      hold: (held) => {
        this.#catchUp();
        this.#held = held;
        this.#pace();
        return null;
      },
      ping: () => null,
    };
  }

  /** Answers one message; failures of ours come back as errors and never kill the worker. */
  async receive(message: ToWorker): Promise<void> {
    const { id, name, args } = message;
    try {
      const handler = this.#handlers[name] as (...args: readonly unknown[]) => unknown;
      const value = await handler(...args);
      if (name !== 'ping') this.#sendUpdate();
      this.#environment.post({ type: 'answer', id, ok: true, value });
    } catch (error) {
      this.#environment.post({ type: 'answer', id, ok: false, error: error instanceof Error ? `${error.message}\n${error.stack ?? ''}` : String(error) });
    }
  }

  #get(): World {
    if (this.#world === undefined) throw new Error('no world is open');
    return this.#world;
  }

  #open(document: WorldDocument, baseFiles: Parameters<Requests['open']>[1]): ReturnType<Requests['open']> {
    this.#world = World.open({ document, baseFiles, createShell, editor: true });
    this.#sent = { headSeq: -1, topology: -1, diagnostics: -1, terminal: 0, terminalEpoch: -1, sessions: '', files: -1, deliveries: '[]' };
    this.#lastActivityMs = this.#environment.now();
    this.#pace();
    return { diagnostics: this.#world.diagnostics };
  }

  async #run(session: string, line: string): Promise<ReturnType<Requests['run']>> {
    this.#catchUp();
    const world = this.#get();
    const firstSeq = world.headSeq;
    world.input(session, line);
    while (world.pump(SLICE_EVENTS) === 'more' && this.#world === world) {
      this.#sendUpdate();
      await new Promise<void>((resolve) => this.#environment.later(resolve, 0));
    }
    this.#lastActivityMs = this.#environment.now();
    this.#pace();
    return { exitCode: world.exitCode(session), firstSeq, lastSeq: world.headSeq };
  }

  /** Lets virtual time pass as much as wall time did since the last activity, so that ages and ARP states are those of a living cluster. */
  #catchUp(): void {
    const now = this.#environment.now();
    const elapsedMs = Math.floor(now - this.#lastActivityMs);
    if (elapsedMs <= 0 || this.#world === undefined) return;
    this.#lastActivityMs = now;
    if (!this.#held) this.#world.elapse(elapsedMs);
  }

  /** Something goes on without anybody typing: an endless program, a job in the background. */
  #moves(): boolean {
    const world = this.#world;
    return world !== undefined && (world.hasEndless || world.hasPending || world.deliveries.some((one) => one.arrivesNs !== undefined));
  }

  #pace(): void {
    const wanted = this.#moves() && !this.#held;
    if (wanted && this.#tick === undefined) {
      const step = () => {
        this.#tick = this.#environment.later(step, TICK_MS);
        this.#catchUp();
        this.#sendUpdate();
        if (!this.#moves() || this.#held) this.#pace();
      };
      this.#tick = this.#environment.later(step, TICK_MS);
    } else if (!wanted && this.#tick !== undefined) {
      this.#environment.cancel(this.#tick);
      this.#tick = undefined;
    }
  }

  #sendUpdate(): void {
    const world = this.#world;
    if (world === undefined) return;
    const sent = this.#sent;
    const reset = sent.terminalEpoch !== world.terminalEpoch;
    const sessions = world.sessions();
    const sessionsText = JSON.stringify(sessions);
    const deliveries = world.deliveries;
    const deliveriesText = JSON.stringify(deliveries);
    const entries = world.terminalFrom(reset ? 0 : sent.terminal);
    const changedTopology = sent.topology !== world.topologyVersion;
    const changedDiagnostics = sent.diagnostics !== world.diagnosticsVersion;
    const changedFiles = sent.files !== world.filesVersion;
    if (
      !reset &&
      entries.length === 0 &&
      sent.headSeq === world.headSeq &&
      !changedTopology &&
      !changedDiagnostics &&
      !changedFiles &&
      sent.deliveries === deliveriesText &&
      sent.sessions === sessionsText
    )
      return;
    this.#revision += 1;
    const update: WorldUpdate = {
      revision: this.#revision,
      nowNs: world.nowNs,
      headSeq: world.headSeq,
      ...(changedTopology ? { topology: world.topology() } : {}),
      ...(changedDiagnostics ? { diagnostics: world.diagnostics } : {}),
      ...(changedFiles ? { files: world.files } : {}),
      ...(entries.length > 0 ? { terminal: entries } : {}),
      ...(reset ? { terminalReset: true } : {}),
      ...(sent.sessions === sessionsText ? {} : { sessions }),
      ...(sent.deliveries === deliveriesText ? {} : { deliveries }),
    };
    this.#sent = {
      headSeq: world.headSeq,
      topology: world.topologyVersion,
      diagnostics: world.diagnosticsVersion,
      terminal: world.terminalLength,
      terminalEpoch: world.terminalEpoch,
      sessions: sessionsText,
      deliveries: deliveriesText,
      files: world.filesVersion,
    };
    this.#environment.post({ type: 'update', update, document: world.document() });
    this.#pace();
  }
}
