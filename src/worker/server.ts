/** The worker's side of the channel: answers requests on one world, lets virtual time follow the wall clock while something goes on, and sends what changed. */

import { NotLoaded } from '../base/not-loaded.ts';
import { isCoreLine } from '../shell/core-toolbox.ts';
import { ShellSessions } from '../shell/shell.ts';
import type { Toolbox } from '../shell/toolbox.ts';
import { capture, frameAt } from '../world/capture.ts';
import type { WorldDocument } from '../world/document.ts';
import { hopContext } from '../world/hop-context.ts';
import type { Language } from '../world/language/language.ts';
import type { LanguageRequestName } from '../world/language/requests.ts';
import type { LanguageSource } from '../world/language/text-index.ts';
import { traffic } from '../world/traffic.ts';
import type { Topology, WorldUpdate } from '../world/views.ts';
import { World } from '../world/world.ts';
import type { Equipment } from './equipment.ts';
import type { FromWorker, RequestName, Requests, ToWorker } from './protocol.ts';
import type { Reach } from './reach.ts';
import type { TopologyChange } from './topology-change.ts';
import { topologyChange } from './topology-difference.ts';
import { topologyParts } from './topology-parts.ts';

/** Engine events between two looks at the message queue: about 50 ms of work. */
const SLICE_EVENTS = 50_000;
/** Wall time between two advances of virtual time while tcpdump, ping and the like run. */
const TICK_MS = 50;
const MAX_HOPS = 5_000;
/** Longer than this a cluster may not take to come up to be shown before its commands can be done. */
const BEGINNING_MS = 800;
/** Between two pictures of a world that comes up; and so many times what a picture costs. */
const COMING_MS = 200;
/** The first one of a large world: its nodes, which say at once how large it is. */
const FIRST_COMING_MS = 50;
/** A page needs about so long for its own picture of so many boxes. */
const BOXES_A_MS = 40;
const COMING_SHARE = 8;
/** A world with fewer hosts and network namespaces is whole before its half could be drawn on a slow machine; after so long it is shown all the same. */
const MANY_BOXES = 60;
const PATIENCE_MS = 700;
/** As Requests.probe says. */
const MAX_PROBES = 400;
/** Namespaces whose groups the Policy lens shows. */
const MAX_OPENED = 20;
const MAX_CELLS = 20_000;

type Handlers = { readonly [N in RequestName]: (...args: Parameters<Requests[N]>) => ReturnType<Requests[N]> | Promise<ReturnType<Requests[N]>> };

export interface ServerEnvironment {
  /** What is here from the start. */
  readonly equipment: Equipment;
  /** Fetches everything, where that is not all. */
  loadRest?(): Promise<Equipment>;
  /** Fetches the editor's language service; without it the questions of an editor are refused. */
  loadLanguage?(): Promise<() => Language>;
  /** The page goes on while this works: pictures of a world that comes up are worth sending. */
  readonly isApart?: boolean;
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
  /** Grows in place, since the shell of a running world holds it. */
  readonly #tools: { readonly [K in keyof Toolbox]: Toolbox[K] extends ReadonlyMap<string, infer T> ? Map<string, T> : never };
  #equipment: Equipment;
  #restLoading: Promise<void> | undefined;
  #language: Promise<Language> | undefined;
  #hasAll: boolean;
  /** Requests that wait for the rest; later ones that change something wait behind them. */
  #waiting = 0;
  #baseFiles: Parameters<Requests['open']>[1] = [];
  #lastDocument: WorldDocument | undefined;
  #world: World | undefined;
  #revision = 0;
  /** Boxes as they were told last. */
  #told: Topology | undefined;
  #held = false;
  #lastActivityMs: number;
  #tick: number | undefined;
  #sent = { headSeq: -1, topology: -1, diagnostics: -1, terminal: 0, terminalEpoch: -1, sessions: '', files: -1, deliveries: '[]' };

  constructor(environment: ServerEnvironment) {
    this.#environment = environment;
    const { equipment } = environment;
    const { commands, filters, watches, hooks, programs, podFiles } = equipment.tools;
    this.#equipment = equipment;
    this.#tools = {
      commands: new Map(commands),
      filters: new Map(filters),
      watches: new Map(watches),
      hooks: new Map(hooks),
      programs: new Map(programs),
      podFiles: new Map(podFiles),
    };
    this.#hasAll = environment.loadRest === undefined;
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
      moment: (atSeq) => this.#get().moment(atSeq),
      branch: (atSeq) => {
        const world = this.#get();
        world.branch(atSeq);
        this.#held = true;
        this.#lastActivityMs = this.#environment.now();
        this.#pace();
        return { headSeq: world.headSeq, files: world.files };
      },
      yamlComplete: (...args) => this.#ask('yamlComplete', args),
      yamlHover: (...args) => this.#ask('yamlHover', args),
      yamlDefinition: (...args) => this.#ask('yamlDefinition', args),
      yamlReferences: (...args) => this.#ask('yamlReferences', args),
      yamlRename: (...args) => this.#ask('yamlRename', args),
      yamlOutline: (...args) => this.#ask('yamlOutline', args),
      yamlFormat: (...args) => this.#ask('yamlFormat', args),
      yamlFixes: (...args) => this.#ask('yamlFixes', args),
      yamlLint: (...args) => this.#ask('yamlLint', args),
      yamlApplied: (...args) => this.#ask('yamlApplied', args),
      yamlImport: (...args) => this.#ask('yamlImport', args),
      objectAt: (path, offset) => this.#get().objectAt(path, offset),
      capture: (from, to, filter) => capture(this.#get(), { interfaces: ['any'], filter, from, to }),
      bytes: (seq) => frameAt(this.#get(), seq) ?? null,
      bring: (session, path, base64) => this.#get().bring(session, path, base64) ?? null,
      reachPeers: async () => (await this.#reach()).reachPeers(this.#get()),
      probe: async (specs) => (await this.#reach()).probe(this.#get(), specs.slice(0, MAX_PROBES)),
      policyCells: async (specs) => (await this.#reach()).policyCells(this.#get(), specs.slice(0, MAX_CELLS)).map((cell) => cell ?? null),
      policyLens: async (opened) => (await this.#reach()).policyLens(this.#get(), opened.slice(0, MAX_OPENED)),
      placeOf: (key, path) => {
        const source = this.#get().sourceOf(key)?.source;
        return source === undefined ? null : { file: source.file, span: source.spanOf(path) };
      },
      ask: async (question) => {
        const { answer, policyAnswer } = await this.#reach();
        const policy = policyAnswer(this.#get(), question);
        return { ...answer(this.#get(), question), ...(policy === undefined ? {} : { policy }) };
      },
      fixes: async (question) => {
        const { answer, fixesFor } = await this.#reach();
        return fixesFor(this.#get(), answer(this.#get(), question));
      },
      questionAt: async (seq) => (await this.#reach()).questionAt(this.#get(), seq) ?? null,
      expectations: async () => (await this.#reach()).checkExpectations(this.#get()),
      flows: async () => (await this.#reach()).flows(this.#get()),
      traffic: (key) => traffic(this.#get(), key) ?? null,
      controlPlane: async (atSeq) => (await this.#reach()).controlPlane(this.#get(), atSeq),
      hopContext: (seq) => hopContext(this.#get(), seq) ?? null,
      plug: async (key) => (await this.#reach()).podPlugView(this.#get(), key) ?? null,
      actions: async (question) => (await this.#reach()).actionsFor(this.#get(), question),
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
    const { id, name } = message;
    try {
      if (!this.#hasAll && this.#needsRest(message)) {
        const rest = this.#awaitRest();
        if (name === 'open') this.#showBeginning(...(message.args as Parameters<Requests['open']>));
        await rest;
      }
      const value = await this.#handle(message);
      if (name !== 'ping') this.#sendUpdate();
      this.#environment.post({ type: 'answer', id, ok: true, value });
    } catch (error) {
      this.#environment.post({ type: 'answer', id, ok: false, error: error instanceof Error ? `${error.message}\n${error.stack ?? ''}` : String(error) });
    }
  }

  async #handle({ name, args }: ToWorker): Promise<unknown> {
    const handler = this.#handlers[name] as (...args: readonly unknown[]) => unknown;
    try {
      return await handler(...args);
    } catch (error) {
      // A cluster or a container's script wanted something that is still coming: as if nothing had happened, once it is here.
      if (!(error instanceof NotLoaded) || this.#hasAll) throw error;
      await this.#awaitRest();
      if (name !== 'open' && this.#lastDocument !== undefined) this.#open(this.#lastDocument, this.#baseFiles);
      return handler(...args);
    }
  }

  async #ask<N extends LanguageRequestName>(name: N, args: Parameters<Requests[N]>): Promise<ReturnType<Requests[N]>> {
    this.#language ??= (this.#environment.loadLanguage?.() ?? Promise.reject(new Error('there is no language service here'))).then((create) => create());
    const language = await this.#language.catch((error: unknown) => {
      // The next question tries again.
      this.#language = undefined;
      throw error;
    });
    const answer = language[name] as (source: LanguageSource, ...args: Parameters<Requests[N]>) => ReturnType<Requests[N]>;
    return answer(this.#get().languageSource, ...args);
  }

  #needsRest({ name, args }: ToWorker): boolean {
    if (name === 'run') return this.#waiting > 0 || !isCoreLine(String(args[1]));
    // What is replayed at once; that a container or an object wants more shows itself.
    if (name === 'open')
      return (args[0] as WorldDocument).inputs.some((input) => input.kind !== 'edit' && (input.kind !== 'command' || !isCoreLine(input.line)));
    return name === 'edit' || name === 'edited' || name === 'interrupt' || name === 'complete' || name === 'bring';
  }

  async #awaitRest(): Promise<void> {
    this.#waiting += 1;
    try {
      await this.#fetchRest();
    } finally {
      this.#waiting -= 1;
    }
  }

  #fetchRest(): Promise<void> {
    this.#restLoading ??= (this.#environment.loadRest?.() ?? Promise.reject(new Error('there is no more to load'))).then(
      (rest) => {
        this.#equipment.fill?.(rest);
        this.#equipment = rest;
        for (const kind of ['commands', 'filters', 'watches', 'hooks', 'programs', 'podFiles'] as const)
          for (const [name, tool] of rest.tools[kind]) (this.#tools[kind] as Map<string, unknown>).set(name, tool);
        this.#hasAll = true;
        this.#lastActivityMs = this.#environment.now();
        this.#pace();
      },
      (error: unknown) => {
        // The next request tries again.
        this.#restLoading = undefined;
        throw error;
      },
    );
    return this.#restLoading;
  }

  async #reach(): Promise<Reach> {
    if (!this.#hasAll) await this.#awaitRest();
    const { reach } = this.#equipment;
    if (reach === undefined) throw new Error('nothing here answers who reaches whom');
    return reach;
  }

  #get(): World {
    if (this.#world === undefined) throw new Error('no world is open');
    return this.#world;
  }

  #open(document: WorldDocument, baseFiles: Parameters<Requests['open']>[1]): ReturnType<Requests['open']> {
    if (!this.#hasAll) this.#fetchRest().catch(() => undefined);
    this.#told = undefined;
    this.#world = World.open({
      parts: this.#equipment.parts,
      document,
      baseFiles,
      createShell: (host) => new ShellSessions(host, this.#tools),
      editor: true,
      ...(this.#environment.isApart === true ? { onComing: this.#comingTo(document) } : {}),
    });
    this.#baseFiles = baseFiles;
    this.#lastDocument = document;
    this.#sent = { headSeq: -1, topology: -1, diagnostics: -1, terminal: 0, terminalEpoch: -1, sessions: '', files: -1, deliveries: '[]' };
    this.#lastActivityMs = this.#environment.now();
    this.#pace();
    return { diagnostics: this.#world.diagnostics };
  }

  /** Until the commands of a document can be done again, its cluster is shown as they found it. */
  #showBeginning(document: WorldDocument, baseFiles: Parameters<Requests['open']>[1]): void {
    const { now, post, isApart } = this.#environment;
    if (isApart !== true) return;
    const startMs = now();
    try {
      const world = World.open({
        parts: this.#equipment.parts,
        document: { ...document, inputs: [] },
        baseFiles,
        createShell: (host) => new ShellSessions(host, this.#tools),
        // A large one is not made twice.
        onComing: () => {
          if (now() - startMs > BEGINNING_MS) throw new Error('it takes too long');
        },
      });
      this.#told = undefined;
      const change = this.#changeTo(world.topology());
      this.#revision += 1;
      post({ type: 'update', update: { revision: this.#revision, nowNs: world.nowNs, headSeq: 0, coming: true }, change, document });
    } catch {
      // What is wrong with it is said when it is opened.
    }
  }

  /** Shows a large world while it comes up; what is sent leaves at once, though nothing is heard before the world stands. */
  #comingTo(document: WorldDocument): (boxes: () => Topology, nowNs: number) => void {
    const { now, post } = this.#environment;
    const beganMs = now();
    let nextMs = beganMs + FIRST_COMING_MS;
    return (boxes, nowNs) => {
      const startMs = now();
      if (startMs < nextMs) return;
      const topology = boxes();
      const many = topology.hosts.length + topology.netnses.length >= MANY_BOXES;
      if (topology.hosts.length > 0 && (many || startMs - beganMs > PATIENCE_MS)) {
        const change = this.#changeTo(topology);
        if (Object.keys(change).length > 0) {
          this.#revision += 1;
          post({ type: 'update', update: { revision: this.#revision, nowNs, headSeq: 0, coming: true }, change, document });
        }
      }
      const count = topology.netnses.length + topology.devices.length;
      nextMs = now() + Math.max(many ? COMING_MS : FIRST_COMING_MS, (now() - startMs) * COMING_SHARE, count / BOXES_A_MS);
    };
  }

  /** What is left to tell with an update: of very many boxes most are told here. */
  #changeTo(topology: Topology): TopologyChange {
    const parts = topologyParts(topologyChange(this.#told, topology));
    this.#told = topology;
    for (const change of parts.slice(0, -1)) this.#environment.post({ type: 'part', change });
    return parts.at(-1) ?? {};
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
    // Until all tools are here only requests move time: a script that wakes might want one.
    if (!this.#held && this.#hasAll) this.#world.elapse(elapsedMs);
  }

  /** Something goes on without anybody typing: an endless program, a job in the background. */
  #moves(): boolean {
    const world = this.#world;
    return world !== undefined && this.#hasAll && (world.hasEndless || world.hasPending || world.deliveries.some((one) => one.arrivesNs !== undefined));
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
    const change = changedTopology ? this.#changeTo(world.topology()) : undefined;
    const update: Omit<WorldUpdate, 'topology'> = {
      revision: this.#revision,
      nowNs: world.nowNs,
      headSeq: world.headSeq,
      eraSeq: world.eraSeq,
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
    this.#lastDocument = world.document();
    this.#environment.post({ type: 'update', update, ...(change === undefined ? {} : { change }), document: this.#lastDocument });
    this.#pace();
  }
}
