/** The page's side of the channel: typed calls, updates, a heartbeat, and a restart from the last document when the worker dies or hangs. */
import type { DocumentFile, WorldDocument } from '../world/document.ts';
import type { Topology, WorldUpdate } from '../world/views.ts';
import type { CrashListener, FromWorker, PlaygroundClient, RequestName, Requests, ToWorker } from './protocol.ts';
import { changedTopology } from './topology-change.ts';

/** A way to reach a server: a worker, an inline worker, or this very thread. */
export interface Transport {
  send(message: ToWorker): void;
  close(): void;
}
export interface TransportEvents {
  message(message: FromWorker): void;
  /** The other side is gone for good. */
  failed(reason: string): void;
}
/** May fail by throwing or by calling `failed` later; the client then tries the next transport. */
export type TransportFactory = (events: TransportEvents) => Transport;

export interface ClientOptions {
  /** Tried in order until one starts. */
  readonly transports: readonly TransportFactory[];
  /** A call without an answer for so long, and nothing heard meanwhile, means that the worker hangs. */
  readonly hangMs?: number;
  /** The same while a world is opened: a large one on a slow device takes its time. */
  readonly openHangMs?: number;
}

interface Pending {
  readonly message: ToWorker;
  resolve(value: unknown): void;
  reject(error: Error): void;
}

const HEARTBEAT_MS = 2_000;

class Client implements PlaygroundClient {
  readonly #options: ClientOptions;
  readonly #listeners = new Set<(update: WorldUpdate) => void>();
  readonly #crashListeners = new Set<CrashListener>();
  readonly #pending = new Map<number, Pending>();
  #transport: Transport | undefined;
  #transportIndex = 0;
  #started = false;
  /** This transport has been up before: when it fails now, it is not because it is forbidden. */
  #worked = false;
  /** The world that ran is being opened again; a second failure would only be followed by a third. */
  #reopening = false;
  #nextId = 1;
  #document: WorldDocument | undefined;
  #topology: Topology | undefined;
  #baseFiles: readonly DocumentFile[] = [];
  /** Why there is no transport. */
  #stopped = 'the simulation is not running';
  #lastHeardMs = 0;
  #lastBeatMs = 0;
  #heartbeat: ReturnType<typeof setInterval> | undefined;
  #closed = false;

  constructor(options: ClientOptions) {
    this.#options = options;
    this.#lastBeatMs = performance.now();
    this.#connect();
    this.#heartbeat = setInterval(() => this.#beat(), HEARTBEAT_MS);
  }

  call<N extends RequestName>(name: N, ...args: Parameters<Requests[N]>): Promise<ReturnType<Requests[N]>> {
    if (name === 'open') {
      this.#document = args[0] as WorldDocument;
      this.#baseFiles = args[1] as readonly DocumentFile[];
      this.#reopening = false;
      if (this.#transport === undefined && !this.#closed) this.#connect();
    }
    return this.#send(name, args) as Promise<ReturnType<Requests[N]>>;
  }

  subscribe(listener: (update: WorldUpdate) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  lastDocument(): WorldDocument | undefined {
    return this.#document;
  }

  onCrash(listener: CrashListener): () => void {
    this.#crashListeners.add(listener);
    return () => this.#crashListeners.delete(listener);
  }

  close(): void {
    this.#closed = true;
    clearInterval(this.#heartbeat);
    this.#transport?.close();
    this.#rejectAll('the playground was closed');
  }

  #send(name: RequestName, args: readonly unknown[]): Promise<unknown> {
    const message: ToWorker = { id: this.#nextId, name, args };
    this.#nextId += 1;
    if (this.#transport === undefined) return Promise.reject(new Error(this.#stopped));
    return new Promise((resolve, reject) => {
      this.#pending.set(message.id, { message, resolve, reject });
      this.#transport?.send(message);
    });
  }

  #connect(): void {
    const { transports } = this.#options;
    while (this.#transportIndex < transports.length) {
      const index = this.#transportIndex;
      const factory = transports[index] as TransportFactory;
      try {
        this.#started = false;
        this.#lastHeardMs = performance.now();
        this.#transport = factory({
          message: (message) => this.#received(message),
          failed: (reason) => {
            if (this.#closed || index !== this.#transportIndex) return;
            if (this.#started || this.#worked) this.#restart(reason);
            else this.#tryNext();
          },
        });
        // Its answer says that the worker is up, also when the world it is given then takes long.
        this.#send('ping', []).catch(() => undefined);
        return;
      } catch {
        this.#transportIndex += 1;
      }
    }
    this.#transport = undefined;
    this.#stop('No worker could be started in this browser.');
  }

  /** Nothing runs until a world is opened by somebody. */
  #stop(reason: string): void {
    this.#transport?.close();
    this.#transport = undefined;
    this.#stopped = reason;
    this.#rejectAll(reason);
    for (const listener of this.#crashListeners) listener(reason, false);
  }

  /** The transport never came up (a sandbox forbids workers): use the next and send again what waits. */
  #tryNext(): void {
    this.#transport?.close();
    this.#transportIndex += 1;
    this.#worked = false;
    this.#connect();
    for (const { message } of this.#pending.values()) this.#transport?.send(message);
  }

  #received(message: FromWorker): void {
    this.#started = true;
    this.#worked = true;
    this.#lastHeardMs = performance.now();
    if (message.type === 'part') {
      this.#topology = changedTopology(this.#topology, message.change);
      return;
    }
    if (message.type === 'update') {
      this.#document = message.document;
      const { update, change } = message;
      if (change !== undefined) this.#topology = changedTopology(this.#topology, change);
      const told = change === undefined || this.#topology === undefined ? update : { ...update, topology: this.#topology };
      for (const listener of this.#listeners) listener(told);
      return;
    }
    const pending = this.#pending.get(message.id);
    if (pending === undefined) return;
    this.#pending.delete(message.id);
    if (message.ok) pending.resolve(message.value);
    else pending.reject(new Error(message.error));
  }

  #beat(): void {
    if (this.#closed || this.#transport === undefined) return;
    const nowMs = performance.now();
    // The whole page slept (a closed laptop): the worker did too, and is no more late than we are.
    if (nowMs - this.#lastBeatMs > 3 * HEARTBEAT_MS) this.#lastHeardMs = nowMs;
    this.#lastBeatMs = nowMs;
    const opening = [...this.#pending.values()].some(({ message }) => message.name === 'open');
    const hangMs = opening ? (this.#options.openHangMs ?? 60_000) : (this.#options.hangMs ?? 10_000);
    const waiting = this.#pending.size > 0;
    if (waiting && this.#started && nowMs - this.#lastHeardMs > hangMs)
      this.#restart(`The simulation did not answer for ${Math.round(hangMs / 1000)} seconds.`);
    // Also while something waits: a worker that waits for the network itself answers, one that hangs does not.
    else if (![...this.#pending.values()].some(({ message }) => message.name === 'ping')) this.#send('ping', []).catch(() => undefined);
  }

  /** Starts a new worker from the last document that worked; the call that hung is not part of it. */
  #restart(reason: string): void {
    const opening = [...this.#pending.values()].some(({ message }) => message.name === 'open');
    // What fails while a world comes up would fail so again.
    if (this.#reopening || opening || this.#document === undefined) {
      this.#reopening = false;
      this.#stop(reason);
      return;
    }
    this.#transport?.close();
    this.#rejectAll(reason);
    this.#connect();
    this.#reopening = true;
    const done = () => {
      this.#reopening = false;
    };
    this.#send('open', [this.#document, this.#baseFiles]).then(done, () => undefined);
    for (const listener of this.#crashListeners) listener(reason, true);
  }

  #rejectAll(reason: string): void {
    for (const pending of this.#pending.values()) pending.reject(new Error(reason));
    this.#pending.clear();
  }
}

export function createPlaygroundClient(options: ClientOptions): PlaygroundClient {
  return new Client(options);
}

/** Wraps a Worker (module or inline) as a transport. */
export function workerTransport(start: () => Worker): TransportFactory {
  return (events) => {
    const worker = start();
    worker.onmessage = (event: MessageEvent<FromWorker>) => events.message(event.data);
    worker.onerror = (event) => {
      event.preventDefault();
      events.failed(event.message || 'The simulation worker stopped.');
    };
    return { send: (message) => worker.postMessage(message), close: () => worker.terminate() };
  };
}
