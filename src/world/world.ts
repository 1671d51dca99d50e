/** One running playground: a document, the cluster it describes, the clock, the log, and the way back into the past. */
import type { Diagnostic } from '../base/diagnostic.ts';
import { Prng } from '../base/prng.ts';
import type { RecordStore } from '../base/record-store.ts';
import { reportBgp } from '../kube/cni/calico/bgp.ts';
import { containerOf, statusOfContainer } from '../kube/pod/containers.ts';
import { SETTLED_NS } from '../kube/pod/load.ts';
import { reportLabel, reportProbe } from '../kube/pod/pod-runtime.ts';
import type { Pod } from '../kube/pod/types.ts';
import type { RealServerDrain } from '../kube/service/kube-proxy-drain.ts';
import type { ContainerConfig } from '../net/app/container.ts';
import { EXEC_REQUEST, type ProberConfig } from '../net/app/prober.ts';
import type { Network } from '../net/network.ts';
import type { NetRecord, Process } from '../net/records.ts';
import type { Kernel, Userland } from '../net/stack/userland.ts';
import { base64ToBytes, bytesToText } from '../net/wire/binary-text.ts';
import type { ApiServer } from '../objects/api-server.ts';
import { keyIn } from '../objects/cluster-key.ts';
import type { AdmittedObject } from './admit.ts';
import { applyText } from './apply.ts';
import { Clock, type Clockwork } from './clock.ts';
import type { ControlPlanes } from './control-planes.ts';
import { deliveryViews } from './deliveries.ts';
import type { DocumentFile, DocumentInput, SessionPlace, WorldDocument } from './document.ts';
import { type Act, History, SNAPSHOT_EVERY, type WorldSnapshot } from './history.ts';
import { inspectWorld } from './inspect.ts';
import { EPOCH_MS, install } from './install.ts';
import type { LanguageSource } from './language/text-index.ts';
import { MAX_WRITES, type ObjectWrite, writeOf } from './object-writes.ts';
import type { WorldParts } from './parts.ts';
import type { Shell, ShellHost } from './shell-host.ts';
import { type PacketPosition, tell } from './tell.ts';
import { tellContext } from './tell-context.ts';
import type { TellContext } from './tell-phrases.ts';
import { TerminalLog } from './terminal-log.ts';
import { buildTopology, type TopologyCache, topologyCache } from './topology.ts';
import type { DeliveryView, HopView, Inspection, LinkTarget, MomentView, PacketView, SessionView, TerminalEntry, Topology } from './views.ts';
import { WorldFiles } from './world-files.ts';
import { objectAtOffset } from './yaml-service.ts';

export interface WorldOptions {
  readonly document: WorldDocument;
  /** The cluster to use when the document names no nodes. */
  readonly baseFiles: readonly DocumentFile[];
  readonly createShell: (host: ShellHost) => Shell;
  /** Off: no log (bulk runs and benchmarks). */
  readonly trace?: boolean;
  /** The wall clock at virtual time 0, for a world that runs beside a real one (`kubehop serve`); fixed when absent, so that output is the same on every run. */
  readonly epochMs?: number;
  /** Somebody shows what `vi` and `kubectl edit` open, and answers with `edited`. */
  readonly editor?: boolean;
  /** Programs and components; `allParts`, but in a page's first moments. */
  readonly parts: WorldParts;
  /** More programs than the usual ones (recordings bring their own clients and servers). */
  readonly userland?: (kernel: Kernel) => Userland;
  /** As in InstallOptions. */
  readonly staleConnections?: 'stay';
  /** Its machines are joined by veths (worlds that were recorded in network namespaces). */
  readonly veths?: boolean;
  /** MAX_IDLE_ROWS when absent. */
  readonly maxIdleRows?: number;
  /** Called now and then while a world comes up, before `open` returns: `boxes` tells what stands already. For looking, nothing else. */
  readonly onComing?: (boxes: () => Topology, nowNs: number) => void;
}

/** A kubelet gathers what it has to say for so long: a thousand pods that become ready together are one settling. */
const REPORTS_NS = 5e6;
/** Pods of a supposed text start and become ready in this time. */
const SUPPOSED_NS = 12e9;
const MAX_INPUTS = 5_000;
const MAX_ACTS = 20_000;
const MAX_ERAS = 100_000;
/** Documents and links hold brought files whole. */
const MAX_BROUGHT_BYTES = 256 * 1024;
const MAX_BROUGHT_BASE64 = Math.ceil(MAX_BROUGHT_BYTES / 3) * 4;

const historyFull: Diagnostic = {
  severity: 'warning',
  code: 'history-full',
  message: `More than ${MAX_INPUTS} commands and edits: later ones are not part of links and of what is saved. Open the files as a new document.`,
};

/** Rows of the log, about 80 bytes each with their packets, up to which time passes by itself; whoever types goes on. */
const MAX_IDLE_ROWS = 5_000_000;

const logFull: Diagnostic = {
  severity: 'warning',
  code: 'log-full',
  message:
    'The log is full of what happens by itself (kubehop.dev/rate, a ping that does not end): time stands still but for commands and edits. End it, and open the world again for an empty log.',
};

/** Kinds and records whose change moves a box. */
const topologyRecords = new Set(['host', 'netns', 'device']);
const topologyKinds = new Set(['Pod', 'Node', 'Service', 'EndpointSlice', 'Network', 'Host']);

function earlier(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || (b !== undefined && b < a) ? b : a;
}

export class World {
  readonly records: RecordStore<NetRecord>;
  readonly engine: Network;
  readonly planes: ControlPlanes;
  readonly #drain: RealServerDrain;
  readonly #shell: Shell;
  readonly #options: WorldOptions;
  readonly #terminal = new TerminalLog();
  #inputs: DocumentInput[] = [];
  /** All that was done, also what documents do not hold, with its place in the log. */
  #acts: Act[] = [];
  /** Places in the log at which boxes or texts changed, ascending. */
  #eras: number[] = [];
  readonly #files: WorldFiles;
  readonly #history = new History();
  readonly #clock: Clock;
  /** What shells reach, by cluster. */
  readonly #hosts = new Map<string, ShellHost>();
  readonly #shellPrng: Prng;
  #topology: Topology | undefined;
  readonly #topologyCache: TopologyCache = topologyCache();
  /** Writes of objects since the cluster was found, the last ones only, and how many came before them. */
  #writes: ObjectWrite[] = [];
  #writesForgotten = 0;
  #revision = 0;
  /** Nodes and Pods made while the world comes up, in order; undefined once it stands. */
  #coming: string[] | undefined = [];
  #tellContext: TellContext | undefined;
  #replaying = false;
  #inShell = false;
  /** The process whose record went last; its exit is told right behind. */
  #lastGone: Process | undefined;
  /** Probes have reported, and the cluster looks at it then. */
  #reportsDueNs: number | undefined;

  /** Grow by one with each change of what they count; observers compare. */
  topologyVersion = 0;
  diagnosticsVersion = 0;
  filesVersion = 0;
  terminalEpoch = 0;

  static open(options: WorldOptions): World {
    const world = new World(options);
    world.#boot();
    return world;
  }

  private constructor(options: WorldOptions) {
    this.#options = options;
    this.#shellPrng = Prng.fork(options.document.seed, 'shell');
    const installation = install({
      seed: options.document.seed,
      parts: options.parts,
      ...(options.trace === undefined ? {} : { trace: options.trace }),
      ...(options.epochMs === undefined ? {} : { epochMs: options.epochMs }),
      ...(options.userland === undefined ? {} : { userland: options.userland }),
      ...(options.staleConnections === undefined ? {} : { staleConnections: options.staleConnections }),
      ...(options.veths === undefined ? {} : { veths: options.veths }),
      onObjectChange: (change, acting) => {
        const kind = change.after?.kind ?? change.before?.kind ?? '';
        if (topologyKinds.has(kind)) this.#topologyChanged();
        if (change.before === undefined && (kind === 'Pod' || kind === 'Node')) this.#coming?.push(change.id);
        this.#revision = Math.max(this.#revision, Number(change.after?.metadata.resourceVersion ?? 0));
        if (this.#coming === undefined && !this.#replaying) this.#noteWrite(change, acting);
      },
    });
    this.records = installation.records;
    this.engine = installation.engine;
    this.planes = installation.planes;
    this.#drain = installation.drain;
    this.records.listen((change) => {
      const { before, after } = change;
      if (topologyRecords.has((after ?? before)?.kind ?? '')) this.#topologyChanged();
      if (before?.kind === 'process' && after === undefined) this.#lastGone = before;
      const isContainer = (record: NetRecord | undefined) => record?.kind === 'process' && record.app === 'container';
      const isProber = before?.kind === 'process' && before.app === 'prober' && after === undefined;
      if (isProber || isContainer(before) || isContainer(after)) this.#shell.containerChanged(change.id, after?.kind === 'process' ? after : undefined);
    });
    this.#files = new WorldFiles(this.planes, options.document.files, options.baseFiles, options.parts);
    this.#shell = options.createShell(this.#hostOf(''));
    this.#clock = new Clock(this.#clockwork());
    this.engine.onOutput = (processId, stream, text, exitCode) => {
      const record = stream === 'stdout' ? this.records.find(processId) : undefined;
      if (record?.kind === 'process' && record.app === 'prober') {
        this.#probed(record, text);
        return;
      }
      if (record?.kind === 'process' && record.app === 'bird') {
        const host = record.netns.split('/')[0] ?? '';
        reportBgp(this.planes.get(this.planes.ofHost(host)), host, text, this.api.timestamp);
        this.#reportsDue();
        return;
      }
      if (stream === 'exit') {
        this.#clock.interrupt();
        if (this.#lastGone?.id === processId) this.#serverEnded(this.#lastGone, exitCode);
      }
      this.#shell.output(processId, stream, text, exitCode);
    };
  }

  /** Of the first cluster. */
  get api(): ApiServer<NetRecord> {
    return this.planes.first;
  }

  get nowNs(): number {
    return this.engine.nowNs;
  }

  /** The wall clock at virtual time 0, Unix epoch in milliseconds. */
  get epochMs(): number {
    return this.#options.epochMs ?? EPOCH_MS;
  }

  /** Length of the log. */
  get headSeq(): number {
    return this.engine.traceLength;
  }

  /** Current texts, the broken ones too. */
  get files(): readonly DocumentFile[] {
    return this.#files.files;
  }

  /** Writes of objects since the cluster was found; of many the last ones. */
  get writes(): readonly ObjectWrite[] {
    return this.#writes;
  }

  /** Of the last write of an object. */
  get revision(): number {
    return this.#revision;
  }

  #noteWrite(change: Parameters<typeof writeOf>[0], acting: string | undefined): void {
    const write = writeOf(change, this.headSeq, this.nowNs, acting);
    if (write === undefined) return;
    this.#writes.push(write);
    if (this.#writes.length < 2 * MAX_WRITES) return;
    this.#writes = this.#writes.slice(MAX_WRITES);
    this.#writesForgotten += MAX_WRITES;
  }

  /** Changes of objects that late components have not heard of yet. */
  get deliveries(): readonly DeliveryView[] {
    return deliveryViews(this.planes.deliveries());
  }

  get diagnostics(): readonly Diagnostic[] {
    const full = [...(this.#inputs.length < MAX_INPUTS ? [] : [historyFull]), ...(this.#isLogFull() ? [logFull] : [])];
    return full.length === 0 ? this.#files.diagnostics : [...this.#files.diagnostics, ...full];
  }

  get hasEndless(): boolean {
    return this.#shell.sessions().some((session) => session.busy && session.endless);
  }

  /** Somebody waits for a later moment: a job in the background, a timer, a packet on its way. */
  get hasPending(): boolean {
    return this.engine.nextEventNs() !== undefined || this.#reportsDueNs !== undefined;
  }

  get terminalLength(): number {
    return this.#terminal.length;
  }

  terminalFrom(position: number): readonly TerminalEntry[] {
    return this.#terminal.from(position);
  }

  sessions(): readonly SessionView[] {
    return this.#shell.sessions();
  }

  exitCode(session: string): number {
    return this.#shell.exitCode(session);
  }

  complete(session: string, line: string, cursor: number): { readonly start: number; readonly candidates: readonly string[] } {
    return this.#shell.complete(session, line, cursor);
  }

  openSession(session: string, at: SessionPlace): void {
    this.#do({ kind: 'session', timeNs: this.nowNs, session, at });
  }

  /** How many shells deep a session is; 0 once it has ended. */
  depth(session: string): number {
    return this.#shell.depth(session);
  }

  closeSession(session: string): void {
    this.#do({ kind: 'close', timeNs: this.nowNs, session });
  }

  /** Types a line; then call `pump` until it says `done`. */
  input(session: string, line: string): void {
    this.#keep();
    this.#clock.commandStarted();
    this.#do({ kind: 'command', timeNs: this.nowNs, session, line });
  }

  /** Puts a binary file where the session's shell runs. Returns what is wrong, in words. */
  bring(session: string, path: string, base64: string): string | undefined {
    const bytes = base64.length > MAX_BROUGHT_BASE64 ? undefined : base64ToBytes(base64);
    if (bytes === undefined)
      return base64.length > MAX_BROUGHT_BASE64 ? `${path} is larger than ${MAX_BROUGHT_BYTES / 1024} KB` : `${path} did not arrive whole`;
    const timeNs = this.nowNs;
    const problem = this.#shell.bring(session, path, bytesToText(bytes));
    if (problem === undefined) this.#remember({ kind: 'file', timeNs, session, path, base64 }, this.headSeq);
    return problem;
  }

  /** The editor that a session waits for was saved with this text, or (undefined) closed. */
  edited(session: string, text: string | undefined): void {
    this.#do({ kind: 'edited', timeNs: this.nowNs, session, text: text ?? null });
  }

  interrupt(session: string): void {
    this.#do({ kind: 'interrupt', timeNs: this.nowNs, session });
  }

  /** Runs at most `maxEvents` engine events for the commands that wait; `more`: call again. */
  pump(maxEvents: number): 'done' | 'more' {
    return this.#clock.pump(maxEvents);
  }

  /** Types a line and lets it finish (bounded by `maxEvents`, and by a moment). For callers without a message queue to serve: the CLI and tests. */
  command(session: string, line: string, maxEvents = 5_000_000, untilNs = Number.POSITIVE_INFINITY): number {
    this.input(session, line);
    this.#clock.pump(maxEvents, untilNs);
    return this.exitCode(session);
  }

  /** Lets virtual time pass by so many milliseconds, with all that happens in it. */
  elapse(milliseconds: number): void {
    if (this.#isLogFull()) return;
    this.#clock.advanceTo(this.nowNs + milliseconds * 1e6);
    if (this.#isLogFull()) this.diagnosticsVersion += 1;
  }

  #isLogFull(): boolean {
    return this.headSeq >= (this.#options.maxIdleRows ?? MAX_IDLE_ROWS);
  }

  /** Lets a program outside write to the API server, and the cluster settle. Not an input: neither saved nor part of a link. */
  write<T>(change: (api: ApiServer<NetRecord>) => T): T {
    const result = change(this.api);
    this.#settle();
    return result;
  }

  /** New text of a file (null: removed). All files together must be right, or nothing is applied and the world runs on as it was. */
  edit(path: string, text: string | null): { readonly diagnostics: readonly Diagnostic[]; readonly applied: boolean } {
    this.filesVersion += 1;
    const timeNs = this.nowNs;
    const seq = this.headSeq;
    const applied = this.#applyEdit(path, text);
    if (applied) {
      this.#remember({ kind: 'edit', timeNs, path, text }, seq);
      this.#newEra(seq);
      this.#keep();
    }
    return { diagnostics: this.diagnostics, applied };
  }

  /** Lets `act` do to the cluster what it likes, and takes all of it back: log, clock, tables, terminals, objects and texts are then as they were. */
  suppose<T>(act: () => T): T {
    if (this.#replaying) return act();
    const head = this.#snapshot();
    const files = this.#files.save();
    const { diagnosticsVersion } = this;
    this.#replaying = true;
    try {
      return act();
    } finally {
      this.#restoreState(head);
      this.#files.load(files);
      this.diagnosticsVersion = diagnosticsVersion;
      this.#replaying = false;
    }
  }

  /** The world as it would be some seconds after these texts (null: removed) were saved; undefined when they would be refused. All is taken back, as by `suppose`. */
  supposeTexts<T>(texts: readonly { readonly path: string; readonly text: string | null }[], act: () => T): T | undefined {
    return this.suppose(() => {
      for (const { path, text } of texts) this.#files.set(path, text);
      if (!this.#applyFiles(true)) return undefined;
      this.#clock.advanceTo(this.nowNs + SUPPOSED_NS);
      return act();
    });
  }

  topology(): Topology {
    this.#topology ??= buildTopology(this.records, this.planes, { cache: this.#topologyCache });
    return this.#topology;
  }

  /** Hops whose events lie in [from, to), with words. Packets that began before `from` are numbered from there. */
  hops(from: number, to: number): readonly HopView[] {
    const positions = new Map<number, PacketPosition>();
    return tell(this.engine.events(Math.max(0, from), to), this.#tell(), positions);
  }

  /** Packets that have events in [from, to), in order of their first one. */
  packets(from: number, to: number): readonly PacketView[] {
    const hops = this.hops(from, to);
    const packets = new Map<number, PacketView>();
    for (const hop of hops) {
      const { packetId, seq, timeNs, step } = hop.event;
      if (packetId < 0) continue;
      const verdict = step.kind === 'delivered' ? 'delivered' : step.kind === 'dropped' && step.reason !== 'OTHERHOST' ? 'dropped' : 'in-flight';
      const known = packets.get(packetId);
      packets.set(
        packetId,
        known === undefined
          ? { id: packetId, label: hop.label, firstSeq: seq, lastSeq: seq, firstNs: timeNs, lastNs: timeNs, verdict }
          : { ...known, lastSeq: seq, lastNs: timeNs, verdict: verdict === 'in-flight' ? known.verdict : verdict },
      );
    }
    return [...packets.values()];
  }

  /** Tables or an object as they were right after event `atSeq`; the present when absent. */
  inspect(target: LinkTarget, atSeq?: number): Inspection | null {
    const look = () => inspectWorld(this, target, this.#sourceOf);
    if (atSeq === undefined || atSeq >= this.headSeq - 1) return look();
    return this.#inThePast(atSeq, look);
  }

  /** Boxes and texts as they were right after event `atSeq`, and for which other events they were the same. */
  moment(atSeq: number): MomentView {
    const now = new Map(this.#files.applied.map((file) => [file.path, file.text]));
    const look = (): MomentView => {
      // One turn of the engine may write several events: then later ones are part of this moment too.
      const reached = Math.max(atSeq + 1, this.headSeq);
      const more = this.#eras.some((seq) => seq > atSeq && seq <= reached);
      return {
        fromSeq: more ? atSeq : (this.#eras.findLast((seq) => seq <= atSeq) ?? 0),
        toSeq: this.#eras.find((seq) => seq >= reached) ?? Number.MAX_SAFE_INTEGER,
        nowNs: this.nowNs,
        topology: this.topology(),
        files: this.#files.applied.filter((file) => now.get(file.path) !== file.text),
      };
    };
    if (atSeq >= this.headSeq - 1) return look();
    const moment = this.#inThePast(atSeq, () => ({ ...look(), paths: new Set(this.#files.applied.map((file) => file.path)) }));
    const { paths, ...view } = moment;
    return { ...view, files: [...view.files, ...[...now.keys()].filter((path) => !paths.has(path)).map((path) => ({ path, text: null }))] };
  }

  /** From which place in the log on boxes and texts are as they are now. */
  get eraSeq(): number {
    return this.#eras.at(-1) ?? 0;
  }

  /**
   * Goes back to the end of the instant of event `atSeq` and stays there: what came later is gone from the log, the terminals and the document.
   * An instant is not divided, so that the document gives the same world again.
   */
  branch(atSeq: number): void {
    const base = this.#history.before(atSeq + 1);
    if (base === undefined || atSeq >= this.headSeq - 1) return;
    const acts = this.#acts;
    this.#restoreState(base);
    this.#files.load(base.files);
    this.#history.truncate(base.seq);
    this.#acts = acts.slice(0, base.acts);
    this.#inputs = this.#inputs.slice(0, base.inputs);
    this.#eras = this.#eras.filter((seq) => seq < base.seq);
    this.#terminal.truncate(base.terminal);
    this.#writes = this.#writes.slice(0, Math.max(0, base.writes - this.#writesForgotten));
    this.#runTo(acts, base.acts, atSeq, Number.POSITIVE_INFINITY, (act) => {
      if (act.input.kind !== 'edit') this.#do(act.input);
      else this.edit(act.input.path, act.input.text);
    });
    this.#clock.runUntil(() => false, this.nowNs);
    this.#newEra(this.headSeq);
    this.terminalEpoch += 1;
    this.filesVersion += 1;
    this.diagnosticsVersion += 1;
    this.#keep();
  }

  /** What the editor's language service works on. */
  get languageSource(): LanguageSource {
    return { api: this.api, files: this.#files.files, applied: this.#files.applied, diagnostics: this.diagnostics };
  }

  /** What `look` sees in the world as it was right after event `atSeq`. */
  lookAt<T>(atSeq: number, look: () => T): T {
    return this.#replaying || atSeq >= this.headSeq - 1 ? look() : this.#inThePast(atSeq, look);
  }

  /** Where an object's text stands: its own, or that of what made it. */
  sourceOf(key: string): AdmittedObject | undefined {
    return this.#sourceOf(key);
  }

  objectAt(path: string, offset: number): string | null {
    return objectAtOffset(this.#files.admitted.values(), path, offset);
  }

  /** All that is needed to make this very world again. A text that could not be applied comes last, so that it is not lost. */
  document(): WorldDocument {
    const unapplied = this.#files.unapplied.map((file): DocumentInput => ({ kind: 'edit', timeNs: this.nowNs, path: file.path, text: file.text }));
    return { ...this.#options.document, inputs: [...this.#inputs, ...unapplied] };
  }

  /** A server of a container has ended by itself (its port was taken). */
  #serverEnded(process: Process, exitCode: number): void {
    const { component } = process.origin;
    if ((component !== 'kubelet' && component !== 'coredns') || process.app === 'prober' || process.app === 'container') return;
    const pod = this.planes.find<Pod>(process.origin.objects[0] ?? '');
    const container = pod === undefined ? undefined : containerOf(pod, process.name);
    if (pod === undefined || container === undefined) return;
    this.#report(process, reportLabel(container, 'exit', statusOfContainer(pod, container)?.restartCount ?? 0), String(exitCode));
  }

  /** What a kubelet's prober says: that it wants a command to be run, or what it found. */
  #probed(prober: Process, text: string): void {
    if (text.startsWith(EXEC_REQUEST)) this.#shell.exec(prober);
    else this.#report(prober, (prober.config as ProberConfig).label, text);
  }

  /** Told to the API server; the cluster settles a moment later, once for all the reports of that moment. */
  #report(process: Process, label: string, text: string): void {
    const [pod] = process.origin.objects;
    if (pod === undefined) return;
    const { api, key } = this.planes.resolve(pod);
    reportProbe(api, key, { label, text });
    this.#reportsDue();
  }

  #reportsDue(): void {
    if (this.#reportsDueNs !== undefined) return;
    this.#reportsDueNs = this.nowNs + REPORTS_NS;
    this.#clock.interrupt();
  }

  /** Where an object's text stands: its own, or that of what made it (a Pod's Deployment). */
  readonly #sourceOf = (key: string): AdmittedObject | undefined => {
    let current = key;
    for (let depth = 0; depth < 8; depth += 1) {
      const admitted = this.#files.admitted.get(current);
      if (admitted !== undefined) return admitted;
      const { name: cluster } = this.planes.resolve(current);
      const object = this.planes.find(current);
      const owner = object?.metadata.ownerReferences?.find((reference) => reference.controller === true) ?? object?.metadata.ownerReferences?.[0];
      if (object === undefined || owner === undefined) return undefined;
      const namespaced = keyIn(cluster, `${owner.kind}/${object.metadata.namespace ?? ''}/${owner.name}`);
      current = this.planes.find(namespaced) === undefined ? keyIn(cluster, `${owner.kind}/${owner.name}`) : namespaced;
    }
    return undefined;
  };

  #boot(): void {
    const { document } = this.#options;
    this.#applyFiles(false);
    this.#shell.open('main', { host: this.#defaultHost() });
    this.#clock.advanceTo(SETTLED_NS);
    this.engine.logChanges();
    this.planes.startClock();
    this.#keep();
    const inputs = document.inputs.slice(0, MAX_INPUTS);
    inputs.forEach((input, index) => {
      this.#replay(input, inputs[index + 1]?.timeNs ?? Number.POSITIVE_INFINITY);
    });
    this.#coming = undefined;
  }

  readonly #meanwhile = (): void => {
    const coming = this.#coming;
    if (coming !== undefined) this.#options.onComing?.(() => buildTopology(this.records, this.planes, { cache: this.#topologyCache, coming }), this.nowNs);
  };

  #defaultHost(): string {
    const hosts = this.topology().hosts.filter((host) => host.role === 'node');
    return (hosts.find((host) => host.id === 'controlplane') ?? hosts[0])?.id ?? 'controlplane';
  }

  /** A command that was still running when the next thing was done is still running then. */
  #replay(input: DocumentInput, nextNs: number): void {
    this.#clock.advanceTo(input.timeNs);
    if (input.kind === 'edit') this.edit(input.path, input.text);
    else if (input.kind === 'file') this.bring(input.session, input.path, input.base64);
    else if (input.kind !== 'command') this.#do(input);
    else {
      if (!this.#shell.sessions().some((session) => session.id === input.session)) {
        const opened: Act['input'] = { kind: 'session', timeNs: this.nowNs, session: input.session, at: { host: this.#defaultHost() } };
        this.#acts.push({ seq: this.headSeq, input: opened });
        this.#act(opened);
      }
      this.command(input.session, input.line, undefined, nextNs);
    }
  }

  /** Remembers and does it. */
  #do(input: Exclude<Act['input'], { readonly kind: 'edit' }>): void {
    this.#remember(input, this.headSeq);
    this.#act(input);
  }

  /** Does it, as it is done the first time and in each replay. */
  #act(input: Act['input']): void {
    const { session } = input.kind === 'edit' ? { session: '' } : input;
    switch (input.kind) {
      case 'edit':
        this.#applyEdit(input.path, input.text);
        return;
      case 'session':
        this.#shell.open(session, input.at);
        return;
      case 'close':
        this.#shell.close(session);
        return;
      case 'file':
        this.#shell.bring(session, input.path, bytesToText(base64ToBytes(input.base64) ?? new Uint8Array()));
        return;
      case 'command':
        this.#log(session, 'prompt', this.#shell.sessions().find((one) => one.id === session)?.prompt ?? '');
        this.#log(session, 'command', input.line);
        this.#shell.input(session, input.line);
        break;
      case 'edited':
        this.#shell.edited(session, input.text ?? undefined);
        break;
      case 'interrupt':
        this.#shell.interrupt(session);
        break;
    }
    this.#settle();
  }

  #applyEdit(path: string, text: string | null): boolean {
    this.#files.set(path, text);
    return this.#applyFiles(true);
  }

  #remember(input: Act['input'], seq: number): void {
    if (this.#replaying) return;
    if (this.#acts.length < MAX_ACTS) this.#acts.push({ seq, input });
    if (input.kind === 'close' || this.#inputs.length >= MAX_INPUTS) return;
    this.#inputs.push(input);
    if (this.#inputs.length === MAX_INPUTS) this.diagnosticsVersion += 1;
  }

  /** `atomic`: any error leaves everything as it was. Otherwise what can be applied is. */
  #applyFiles(atomic: boolean): boolean {
    const before = atomic ? this.#snapshot() : undefined;
    const undo = () => {
      if (before !== undefined) this.#restoreState(before);
    };
    const applied = this.#files.apply(
      atomic,
      undo,
      () => this.#settle(),
      () => this.engine.run({ untilNs: this.nowNs, maxEvents: 0 }),
    );
    if (applied) this.#settle();
    this.diagnosticsVersion += 1;
    this.#tellContext = undefined;
    return applied;
  }

  #settle(): void {
    this.#meanwhile();
    this.#reportsDueNs = undefined;
    // What controllers and agents do now they do, also in the middle of a person's command.
    this.records.attribute(undefined, () => {
      this.#files.settled(this.planes.settle(this.#meanwhile));
      this.#drain.run();
    });
    this.#meanwhile();
    this.diagnosticsVersion += 1;
    if (!this.#inShell) this.#shell.poll();
  }

  #giveUp(): void {
    for (const session of this.#shell.sessions()) {
      if (!session.busy || session.endless) continue;
      this.#log(session.id, 'stderr', 'kubehop: no end after 15 minutes of virtual time; interrupted\n');
      this.#shell.interrupt(session.id);
    }
  }

  #tell(): TellContext {
    this.#tellContext ??= tellContext(this.topology(), (origin) => {
      for (const key of origin.objects) {
        const admitted = this.#sourceOf(key);
        if (admitted !== undefined) return { key, file: admitted.source.file, span: admitted.source.span };
      }
      return undefined;
    });
    return this.#tellContext;
  }

  #topologyChanged(): void {
    this.#topology = undefined;
    this.#tellContext = undefined;
    // A look at the past comes back to where it was: nobody needs to hear of it.
    if (this.#replaying) return;
    this.topologyVersion += 1;
    this.#newEra(this.headSeq);
  }

  #newEra(seq: number): void {
    if (this.#eras.at(-1) === seq) return;
    this.#eras.push(seq);
    if (this.#eras.length > MAX_ERAS) this.#eras = this.#eras.slice(MAX_ERAS / 2);
  }

  #log(session: string, kind: TerminalEntry['kind'], text: string): void {
    if (this.#replaying) return;
    this.#terminal.append({ session, timeNs: this.nowNs, seq: this.headSeq, kind, text });
  }

  #snapshot(): WorldSnapshot {
    return {
      seq: this.headSeq,
      planes: this.planes.snapshot(),
      records: this.records.snapshot(),
      engine: this.engine.snapshot(),
      shell: this.#shell.snapshot(),
      shellPrng: this.#shellPrng.state,
      reportsDueNs: this.#reportsDueNs,
      drain: this.#drain.snapshot(),
      files: this.#files.save(),
      acts: this.#acts.length,
      inputs: this.#inputs.length,
      terminal: this.#terminal.length,
      writes: this.#writesForgotten + this.#writes.length,
    };
  }

  /** All but the texts: those that could not be applied stay. */
  #restoreState(snapshot: WorldSnapshot): void {
    this.#load(snapshot);
    this.engine.restore(snapshot.engine);
    this.#topologyChanged();
  }

  #keep(): void {
    if (this.#replaying || this.#options.trace === false) return;
    this.#history.keep(this.#snapshot());
  }

  #keepIfFar(): void {
    const last = this.#history.lastSeq;
    if (last === undefined || this.headSeq - last >= SNAPSHOT_EVERY) this.#keep();
  }

  /** Goes to the nearest snapshot, runs on to the event and does again what was done on the way, looks, and comes back. */
  #inThePast<T>(atSeq: number, look: () => T): T {
    const base = this.#history.before(atSeq + 1);
    if (base === undefined) return look();
    const head = this.#snapshot();
    const headNs = this.nowNs;
    const [topology, words] = [this.#topology, this.#tellContext];
    const versions = [this.diagnosticsVersion, this.filesVersion] as const;
    this.#replaying = true;
    try {
      this.#load(base);
      this.#files.load(base.files);
      this.engine.beginReplay(base.engine);
      this.#topologyChanged();
      this.#runTo(this.#acts, base.acts, atSeq, headNs, (act) => this.#act(act.input));
      return look();
    } finally {
      this.#load(head);
      this.#files.load(head.files);
      this.engine.endReplay(head.engine);
      this.#topology = topology;
      this.#tellContext = words;
      [this.diagnosticsVersion, this.filesVersion] = versions;
      this.#replaying = false;
    }
  }

  /** All of a snapshot but the texts and the engine's part. */
  #load(snapshot: WorldSnapshot): void {
    this.records.restore(snapshot.records);
    this.planes.restore(snapshot.planes);
    this.#shell.restore(snapshot.shell);
    this.#shellPrng.state = snapshot.shellPrng;
    this.#reportsDueNs = snapshot.reportsDueNs;
    this.#drain.restore(snapshot.drain);
  }

  /** From where a snapshot has led: acts from number `next` on at their moments, until event `atSeq` has happened. */
  #runTo(acts: readonly Act[], next: number, atSeq: number, limitNs: number, act: (one: Act) => void): void {
    const reached = () => this.headSeq > atSeq;
    for (const one of acts.slice(next)) {
      if (one.seq > atSeq) break;
      this.#clock.runUntil(() => reached() || this.headSeq > one.seq, one.input.timeNs);
      if (reached()) break;
      act(one);
    }
    this.#clock.runUntil(reached, limitNs);
  }

  #clockwork(): Clockwork {
    const world = this;
    return {
      get nowNs() {
        return world.nowNs;
      },
      get nextDueNs() {
        return earlier(earlier(world.planes.nextDueNs, world.#reportsDueNs), world.#drain.nextDueNs);
      },
      get nextEventNs() {
        return earlier(world.engine.nextEventNs(), world.#reportsDueNs);
      },
      get waiting() {
        return world.#shell.sessions().some((session) => session.busy && !session.endless);
      },
      get endless() {
        return world.hasEndless;
      },
      run: (limits) => {
        const result = world.engine.run(limits);
        world.#meanwhile();
        return result;
      },
      settle: () => world.#settle(),
      moved: () => world.#keepIfFar(),
      giveUp: () => world.#giveUp(),
    };
  }

  /** Asked for by a name that is none: the first one's. */
  #hostOf(cluster: string): ShellHost {
    const name = this.planes.all.some((one) => one.name === cluster) ? cluster : '';
    const known = this.#hosts.get(name);
    if (known !== undefined) return known;
    const made = this.#shellHost(name);
    this.#hosts.set(name, made);
    return made;
  }

  #shellHost(cluster = ''): ShellHost {
    const world = this;
    return {
      cluster,
      get clusters() {
        return world.planes.areMany ? world.planes.titled.map(({ name, title }) => ({ name, title })) : [];
      },
      at: (host) => (world.planes.areMany ? world.#hostOf(world.planes.ofHost(host)) : world.#hostOf('')),
      of: (name) => world.#hostOf(name),
      find: (key) => world.planes.find(key),
      get nowNs() {
        return world.nowNs;
      },
      epochMs: world.epochMs,
      get engine() {
        return world.engine;
      },
      get api() {
        return world.planes.get(cluster);
      },
      prng: world.#shellPrng,
      // What was edited before is edited again, also where nobody looks.
      hasEditor: world.#options.editor === true || world.#options.document.inputs.some((input) => input.kind === 'edited'),
      get files() {
        return world.files;
      },
      print: (session, stream, text) => world.#log(session, stream, text),
      applyText: (fileName, text, options) => applyText(world.planes.get(cluster), fileName, text, options),
      settle: () => {
        // The shell is in the middle of a command: it must not be entered again.
        const outer = world.#inShell;
        world.#inShell = true;
        world.#settle();
        world.#inShell = outer;
      },
      report: (process, kind, text) => {
        const { container, run } = process.config as ContainerConfig;
        world.#report(process, reportLabel(container, kind, run), text);
      },
      hops: (from, to) => world.hops(from, to),
    };
  }
}
