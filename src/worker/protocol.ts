/** What the page and the worker say to each other, and the client interface that the page sees. */
import type { Diagnostic, Span } from '../base/diagnostic.ts';
import type { CellVerdict } from '../kube/policy/matrix.ts';
import type { Action, ActionQuestion } from '../world/actions/action-views.ts';
import type { Capture } from '../world/capture.ts';
import type { DocumentFile, WorldDocument } from '../world/document.ts';
import type { LanguageRequests } from '../world/language/requests.ts';
import type { PlugView } from '../world/plug-view.ts';
import type { ExpectationResult, Fix, PolicyLensView, ProbeResult, ProbeSpec, ReachAnswer, ReachPeer, ReachQuestion } from '../world/reach/reach-views.ts';
import type { FlowsView, TrafficView } from '../world/traffic-views.ts';
import type { ControlPlaneView, HopContext, HopView, Inspection, LinkTarget, MomentView, PacketView, WorldUpdate } from '../world/views.ts';
import type { TopologyChange } from './topology-change.ts';

/** Every request is answered with `{ id, ok, value | error }`; world updates come by themselves. All data is structured-cloneable. */
export interface Requests extends LanguageRequests {
  /** Starts a world; what ran before is gone. `baseFiles` make the cluster when the document gives none. Resolves when the first update was sent. */
  open(document: WorldDocument, baseFiles: readonly DocumentFile[]): { readonly diagnostics: readonly Diagnostic[] };
  /** New text of a file (null: removed). Errors leave the last good world running; the text is kept either way. */
  edit(path: string, text: string | null): { readonly diagnostics: readonly Diagnostic[]; readonly applied: boolean };
  /** Types a line into a session. Resolves when the session is idle again or an endless program runs. */
  run(session: string, line: string): { readonly exitCode: number; readonly firstSeq: number; readonly lastSeq: number };
  interrupt(session: string): null;
  /** Answers `SessionView.editing`: the text that was saved, or null when the pane was closed without. */
  edited(session: string, text: string | null): null;
  openSession(session: string, at: { readonly host: string } | { readonly namespace: string; readonly pod: string }): null;
  closeSession(session: string): null;
  complete(session: string, line: string, cursor: number): { readonly start: number; readonly candidates: readonly string[] };
  /** Log events [from, to) with words; at most 5,000 a call. */
  hops(from: number, to: number): readonly HopView[];
  /** Packets that have events in [from, to). */
  packets(from: number, to: number): readonly PacketView[];
  /** Tables or object as they were right after event `atSeq` (the present when absent or beyond the head). */
  inspect(target: LinkTarget, atSeq?: number): Inspection | null;
  /** Boxes and texts as they were right after event `atSeq`. */
  moment(atSeq: number): MomentView;
  /** Goes back to the end of the instant of that event: what came later is no more. Time stands still there until it is released by `hold`. */
  branch(atSeq: number): { readonly headSeq: number; readonly files: readonly DocumentFile[] };
  /** Object whose text is at this offset of a file, for "cursor in YAML → its box". */
  objectAt(path: string, offset: number): string | null;
  /** What taps on all devices would have recorded in [from, to) of the log, as pcapng, or what is wrong with the filter. */
  capture(from: number, to: number, filter: string): Capture;
  /** The frame of an event as a capture has it; null for events without a packet. */
  bytes(seq: number): Uint8Array | null;
  /** Puts a binary file where a session's shell runs; what is wrong with it, or null. */
  bring(session: string, path: string, base64: string): string | null;
  /** Who can be asked about, for matrices and fields. */
  reachPeers(): readonly ReachPeer[];
  /** Real attempts in a copy of the moment, at most 400 a call; the world does not notice. */
  probe(specs: readonly ProbeSpec[]): readonly ProbeResult[];
  /** What policies say of the same pairs; null where an end is nobody's. */
  policyCells(specs: readonly ProbeSpec[]): readonly (CellVerdict | null)[];
  /** What the policies say between groups of pods. `opened`: namespaces of which the groups are wanted, where there are too many groups for all. */
  policyLens(opened: readonly string[]): PolicyLensView;
  /** Where a field of an object is written (`spec.ingress[0].from[1]`); null where its text is not the reader's. */
  placeOf(key: string, path: string): { readonly file: string; readonly span: Span } | null;
  /** "Why can't A reach B?" */
  ask(question: ReachQuestion): ReachAnswer;
  /** What would open the way that was asked about; each was tried in a copy. */
  fixes(question: ReachQuestion): readonly Fix[];
  /** Who wanted to reach whom with the packet of this event; null where nobody did. */
  questionAt(seq: number): ReachQuestion | null;
  expectations(): readonly ExpectationResult[];
  /** How much flows where, for marks on the canvas. */
  flows(): FlowsView;
  /** Requests of a Pod, a Service or a Host, as those who ask and those who answer have counted them; null where nobody counts. */
  traffic(key: string): TrafficView | null;
  /** The API server, who watches it, and the last writes; at `atSeq`, or now. */
  controlPlane(atSeq?: number): ControlPlaneView;
  /** The rule or route of a hop among its neighbours; null where neither decided. */
  hopContext(seq: number): HopContext | null;
  /** How a Pod came to its network; null where it has none of its own. */
  plug(key: string): PlugView | null;
  /** What can be done to a box, added to the canvas, or drawn between two pods. */
  actions(question: ActionQuestion): readonly Action[];
  /** The document as it is now, for saving and sharing. */
  document(): WorldDocument;
  /** Holds or releases virtual time for endless programs (the page is hidden, the reader pressed pause). */
  hold(held: boolean): null;
  /** Heartbeat. */
  ping(): null;
}

export interface ToWorker {
  readonly id: number;
  readonly name: RequestName;
  readonly args: readonly unknown[];
}

export type FromWorker =
  | { readonly type: 'answer'; readonly id: number; readonly ok: true; readonly value: unknown }
  | { readonly type: 'answer'; readonly id: number; readonly ok: false; readonly error: string }
  /** Of a change that is too large for one message; nobody is told before the update that ends it. */
  | { readonly type: 'part'; readonly change: TopologyChange }
  /** `document` is what a restarted worker would be given; `change` is what became of the boxes that were told before. */
  | { readonly type: 'update'; readonly update: Omit<WorldUpdate, 'topology'>; readonly change?: TopologyChange; readonly document: WorldDocument };

export type RequestName = keyof Requests;

/**
 * The worker died or does not answer. `restarted`: another one opens the last document; false: it failed while a world was being opened,
 * and nothing runs until a world is opened again.
 */
export type CrashListener = (message: string, restarted: boolean) => void;

export interface PlaygroundClient {
  call<N extends RequestName>(name: N, ...args: Parameters<Requests[N]>): Promise<ReturnType<Requests[N]>>;
  subscribe(listener: (update: WorldUpdate) => void): () => void;
  /** The document as the last update told it (what was given to `open` before the first): there at once, for a page that is going away. */
  lastDocument(): WorldDocument | undefined;
  onCrash(listener: CrashListener): () => void;
  close(): void;
}
