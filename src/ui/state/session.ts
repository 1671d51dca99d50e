/** The state of this tab: what is shown and selected. Some of it (theme, sizes) is remembered as preferences; none of it is part of a document. */
import { createStore, type StoreApi } from 'zustand/vanilla';
import type { DocumentFile, DocumentView, WorldDocument } from '../../world/document.ts';
import type { ExpectationResult, ReachQuestion } from '../../world/reach/reach-views.ts';
import type { LinkTarget } from '../../world/views.ts';
import type { Lens } from '../canvas/contract.ts';
import type { Arrangement } from '../canvas/plan.ts';
import type { PacketList } from '../timeline/list/settings.ts';
import type { SaveState } from './autosave.ts';

export type Mode = 'learn' | 'play' | 'present';
/** What a packet is about: its highest layer; or it belongs to the control plane. */
export type PacketLayer = 'l2' | 'l3' | 'l4' | 'l7' | 'control';
/** By what pods stand together, and which of these groups are folded into one box. `key` is a label's. */
export interface Grouping {
  readonly by: 'node' | 'namespace' | 'label';
  readonly key: string;
  readonly folded: readonly string[];
}
const byNode: Grouping = { by: 'node', key: '', folded: [] };

/** What a document says of how it is looked at. */
export function sessionViewOf({ view }: WorldDocument): Pick<Session, 'grouping' | 'hiddenLayers'> {
  return { grouping: view?.grouping ?? byNode, hiddenLayers: (view?.hiddenLayers ?? []) as readonly PacketLayer[] };
}

/** Undefined: as usual. */
export function viewOf({ grouping, hiddenLayers }: Pick<Session, 'grouping' | 'hiddenLayers'>): DocumentView | undefined {
  const usual = grouping.by === 'node' && grouping.folded.length === 0;
  if (usual && hiddenLayers.length === 0) return undefined;
  return { ...(usual ? {} : { grouping }), ...(hiddenLayers.length === 0 ? {} : { hiddenLayers }) };
}

export type CanvasSheet = 'build' | 'layers' | 'groups' | 'control';
export type ThemeChoice = 'system' | 'light' | 'dark';
export type PaneName = 'canvas' | 'editor' | 'terminal' | 'timeline' | 'inspector';
export const timelineViews = ['hops', 'bytes', 'conversations', 'stream', 'sequence', 'compare'] as const;
export type TimelineView = (typeof timelineViews)[number];

/** `?view=compare` in the page's address: presentation, as all of its query. */
export const viewOfAddress = (search: string): TimelineView | undefined => {
  const wanted = new URLSearchParams(search).get('view');
  return timelineViews.find((view) => view === wanted);
};
export type DialogName =
  | 'share'
  | 'embed'
  | 'palette'
  | 'keys'
  | 'documents'
  | 'drop'
  | 'compare'
  | 'outline'
  | 'changes'
  | 'import'
  | 'moments'
  | 'network'
  | 'suggest'
  | 'ways-in';

/** Commands whose packets can be played: a span of the log and what was typed. */
export interface Run {
  readonly label: string;
  readonly session: string;
  readonly fromSeq: number;
  readonly toSeq: number;
}

/** A place in a file to show; `nonce` makes the same place twice two requests. */
export interface Reveal {
  readonly file: string;
  readonly startOffset: number;
  readonly endOffset: number;
  readonly nonce: number;
}

export interface Preferences {
  readonly theme: ThemeChoice;
  readonly shortcuts: boolean;
  /** ARP and flooded copies in the timeline. */
  readonly background: boolean;
  /** Pixels of the panes that keep theirs. */
  readonly panelSizes: Readonly<Record<string, Readonly<Record<string, number>>>>;
}

export interface Session extends Preferences {
  /** A world has come up (or has failed to) and its packets are here: what is not needed for that may come now. */
  readonly settled: boolean;
  readonly mode: Mode;
  readonly lens: Lens;
  readonly selection: LinkTarget | undefined;
  /** What the inspector shows: the hop at the playhead, the selected box, or a question. */
  readonly inspecting: 'hop' | 'selection' | 'why';
  /** Who reaches whom; an empty end is still to be chosen. */
  readonly question: ReachQuestion | undefined;
  /** The matrix of who reaches whom lies over the canvas; `to`: of this one only. */
  readonly matrix: { readonly to?: string } | undefined;
  /** As they were last tried; undefined while there are none. */
  readonly expectations: readonly ExpectationResult[] | undefined;
  /** The reason whose page is open. */
  readonly drop: string;
  readonly openFile: string;
  readonly terminalSession: string;
  readonly reveal: Reveal | undefined;
  readonly filter: string;
  /** The list of hops, or the run seen in another way. */
  readonly timelineView: TimelineView;
  /** Ids of the two sides that Compare shows; undefined: what one most likely wants to see. */
  readonly comparing: readonly [left: string, right: string] | undefined;
  /** The conversation those views show; undefined: none was chosen. */
  readonly stream: number | undefined;
  /** Columns and colour rules of the packet list, once they are read. */
  readonly packetList: PacketList | undefined;
  /** What of them is being changed; `filter`: for a new rule. */
  readonly listDialog: { readonly kind: 'columns' } | { readonly kind: 'rules'; readonly filter: string } | undefined;
  readonly dialog: DialogName | undefined;
  /** Files on their way into the document; the import dialog takes them over. */
  readonly incoming: { readonly files: readonly DocumentFile[]; readonly problems: readonly string[] } | undefined;
  /** The pane shown where there is room for one only. */
  readonly pane: PaneName;
  readonly runs: readonly Run[];
  readonly run: Run | undefined;
  /** Another future begins here; time stands still until something is done. */
  readonly branched: boolean;
  readonly save: SaveState;
  /** What is open beneath the canvas' bar. */
  readonly sheet: CanvasSheet | undefined;
  /** Layers that neither move on the canvas nor stand in the list. */
  readonly hiddenLayers: readonly PacketLayer[];
  /** Only what the current packet touches is seen. */
  readonly focus: boolean;
  readonly grouping: Grouping;
  /** What `grouping` makes of the layout, once its code is here. */
  readonly arrangement: Arrangement | undefined;
  /** False: another tab has this document. */
  readonly writable: boolean;
  readonly lesson: string | undefined;
  readonly lessonStep: number;
  /** Sentences for the reader, the newest last. */
  readonly notices: readonly Notice[];
}

export interface Notice {
  readonly id: number;
  readonly text: string;
  readonly tone: 'info' | 'problem';
  /** Something that can be done about it: `Undo`. */
  readonly offer?: { readonly label: string; act(): void };
}

export const defaultPreferences: Preferences = { theme: 'system', shortcuts: true, background: false, panelSizes: {} };

export type SessionStore = StoreApi<Session>;

export const createSession = (preferences: Preferences): SessionStore =>
  createStore<Session>(() => ({
    ...preferences,
    settled: false,
    mode: 'play',
    lens: 'wires',
    selection: undefined,
    inspecting: 'hop',
    question: undefined,
    matrix: undefined,
    expectations: undefined,
    drop: '',
    openFile: '',
    terminalSession: 'main',
    reveal: undefined,
    filter: '',
    timelineView: 'hops',
    comparing: undefined,
    stream: undefined,
    packetList: undefined,
    listDialog: undefined,
    dialog: undefined,
    incoming: undefined,
    pane: 'canvas',
    runs: [],
    run: undefined,
    branched: false,
    save: { kind: 'idle' },
    sheet: undefined,
    hiddenLayers: [],
    focus: false,
    grouping: byNode,
    arrangement: undefined,
    writable: true,
    lesson: undefined,
    lessonStep: 0,
    notices: [],
  }));

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === 'object' && value !== null && !Array.isArray(value);

/** No window is wider. */
const MAX_PANE_PX = 20_000;

function readSizes(value: unknown): Preferences['panelSizes'] {
  if (!isRecord(value)) return {};
  const sizes: Record<string, Record<string, number>> = {};
  for (const group of ['panes']) {
    const entry = value[group];
    if (!isRecord(entry)) continue;
    const numbers = Object.entries(entry).filter(
      (pair): pair is [string, number] => typeof pair[1] === 'number' && pair[1] >= 0 && pair[1] <= MAX_PANE_PX && /^[a-z]{1,20}$/.test(pair[0]),
    );
    sizes[group] = Object.fromEntries(numbers);
  }
  return sizes;
}

/** What storage has, field by field; anything odd becomes the default. */
export function readPreferences(value: unknown): Preferences {
  if (!isRecord(value)) return defaultPreferences;
  return {
    theme: value.theme === 'light' || value.theme === 'dark' ? value.theme : 'system',
    shortcuts: value.shortcuts !== false,
    background: value.background === true,
    panelSizes: readSizes(value.panelSizes),
  };
}
