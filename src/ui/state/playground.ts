/** The page's model: one worker client, one document, their stores, and everything a person can do to them. */
import type { PlaygroundClient } from '../../worker/protocol.ts';
import type { WorldDocument } from '../../world/document.ts';
import type { ReachQuestion } from '../../world/reach/reach-views.ts';
import type { Inspection, LinkTarget, WorldUpdate } from '../../world/views.ts';
import { Autosave } from './autosave.ts';
import { createDocument, type DocumentStore, type OpenDocument } from './document.ts';
import { claimDocument, type DocumentLock } from './document-lock.ts';
import type { SavedWork } from './document-store.ts';
import { Edits } from './edits.ts';
import { clusterFiles } from './examples.ts';
import { applyUpdate, createMirror, emptyMirror, type Mirror, type MirrorStore } from './mirror.ts';
import { Moments } from './moments.ts';
import { type LoadOptions, Playback } from './playback.ts';
import { RunQueue } from './run-queue.ts';
import { createSession, type Notice, type Preferences, type Run, type SessionStore, sessionViewOf, viewOf } from './session.ts';
import type { Opening } from './start.ts';
import type { Storage } from './storage.ts';
import { changedFiles, differenceOf, UndoHistory } from './undo.ts';

export interface PlaygroundOptions {
  readonly client: PlaygroundClient;
  /** Another worker, for a world beside this one; who asks closes it. */
  readonly createClient?: () => PlaygroundClient;
  readonly storage: Storage;
  readonly preferences: Preferences;
  /** Milliseconds since the Unix epoch. */
  readonly now: () => number;
  /** Called once a shared document has become the reader's own: the address no longer names it. */
  readonly onOwned: () => void;
}

/** Sessions whose commands are not shown as runs (a lesson's checks). */
export const HIDDEN_SESSION = 'lesson-check';
export const FIRST_COMMAND = 'kubectl exec client -- curl -s web-service';
const MAX_RUNS = 50;
/** Between two additions to the packets of a program that does not end. */
const LIVE_DELAY_MS = 500;
/** A few frames. */
const SETTLE_MS = 60;
const MAX_LIVE_EVENTS = 5_000;
/** A longer span surely has more than ARP in it. */
const MAX_BACKGROUND_EVENTS = 200;

/** Commands that were done before the page was here; `tell`: which of them have packets that somebody wants to see. */
interface History {
  /** Length of the log when they were read. */
  readonly headSeq: number;
  readonly runs: readonly Run[];
  readonly tell: Promise<readonly boolean[]>;
}

export class Playground {
  readonly client: PlaygroundClient;
  readonly storage: Storage;
  readonly document: DocumentStore = createDocument();
  readonly mirror: MirrorStore = createMirror();
  readonly session: SessionStore;
  readonly playback: Playback;
  readonly edits: Edits;
  readonly moments: Moments;
  readonly #options: PlaygroundOptions;
  readonly #queue: RunQueue;
  readonly #undo: UndoHistory;
  /** The worker's document as it was after its last update. */
  #worldDocument: WorldDocument | undefined;
  #autosave: Autosave | undefined;
  #lock: DocumentLock | undefined;
  #liveRun: Run | undefined;
  #nonce = 0;
  #openings = 0;
  #held = false;
  #liveTimer: ReturnType<typeof setTimeout> | undefined;
  #switching = false;
  /** A world with a history is being opened, and has not been heard of. */
  #awaitsHistory = false;
  #history: History | undefined;

  constructor(options: PlaygroundOptions) {
    this.#options = options;
    this.client = options.client;
    this.storage = options.storage;
    this.session = createSession(options.preferences);
    this.playback = new Playback(options.client);
    this.edits = new Edits({
      client: options.client,
      document: this.document,
      session: this.session,
      onChange: () => this.#changed(),
      onApplied: () => {
        this.moments.showNow();
        this.#goOn();
      },
      onProblem: (message) => this.notify(message, 'problem'),
    });
    this.#undo = new UndoHistory(this.document, options.now);
    this.moments = new Moments({ client: options.client, playback: this.playback, session: this.session, mirror: this.mirror });
    this.#queue = new RunQueue((session, line, byReader) => this.#run(session, line, byReader));
    this.client.subscribe((update) => this.#updated(update));
    this.playback.subscribeCoarse(() => this.#holdWhilePaused());
    this.session.subscribe((now, before) => {
      if (!this.#switching && (now.grouping !== before.grouping || now.hiddenLayers !== before.hiddenLayers)) this.#changed();
    });
    this.client.onCrash((message, restarted) => {
      if (restarted) this.notify(`The simulation stopped and was started again from your document. (${message})`, 'problem');
      else this.mirror.setState({ status: 'failed', problem: message });
    });
  }

  /** A worker for another world; undefined where there is none to be had. */
  createClient(): PlaygroundClient | undefined {
    return this.#options.createClient?.();
  }

  /** Opens a world in place of the one that runs; resolves when it runs and, for the first minute, its packets are on their way. */
  async open(opening: Opening): Promise<void> {
    this.#openings += 1;
    const number = this.#openings;
    await this.#autosave?.flush();
    this.#autosave?.stop();
    this.#lock?.release();
    this.edits.forget();
    this.#liveRun = undefined;
    this.playback.forget();
    // What is set from here on comes from the document, not from its reader.
    this.#switching = true;
    this.mirror.setState(emptyMirror);
    this.document.setState({
      id: opening.id,
      title: opening.document.title ?? 'untitled',
      origin: opening.origin,
      texts: opening.texts,
      positions: opening.document.positions,
      bookmarks: opening.document.bookmarks ?? [],
      futures: opening.document.futures ?? [],
      applying: 'applied',
    });
    this.session.setState((session) => ({
      openFile: preferredFile(opening),
      selection: opening.moment.selection,
      inspecting: opening.moment.selection === undefined ? 'hop' : 'selection',
      lens: opening.moment.lens ?? session.lens,
      terminalSession: 'main',
      question: undefined,
      matrix: undefined,
      expectations: undefined,
      runs: [],
      run: undefined,
      branched: false,
      comparing: undefined,
      ...sessionViewOf(opening.document),
      save: { kind: 'idle' },
      writable: true,
      ...(opening.lesson === undefined ? {} : { mode: 'learn' as const, lesson: opening.lesson.id, lessonStep: opening.lesson.step - 1 }),
    }));
    this.#autosave = new Autosave({
      storage: this.storage,
      documentId: opening.id,
      revision: opening.revision,
      collect: () => this.work(),
      now: this.#options.now,
      onState: (save) => this.session.setState({ save }),
    });
    if (opening.origin === 'own') this.#claim(opening.id);
    this.#worldDocument = opening.document;
    this.#history = undefined;
    this.#awaitsHistory = !opening.firstMinute;
    try {
      await this.client.call('open', opening.document, clusterFiles);
    } catch (error) {
      this.#switching = false;
      this.mirror.setState({ status: 'failed', problem: firstLine(error) });
      this.session.setState({ settled: true });
      return;
    }
    if (number !== this.#openings) return;
    this.#switching = false;
    this.#worldDocument = this.client.lastDocument() ?? opening.document;
    for (const file of opening.texts) {
      if (opening.document.files.find((one) => one.path === file.path)?.text !== file.text) void this.edits.apply(file.path);
    }
    if (opening.firstMinute) await this.#queue.add('main', FIRST_COMMAND, false);
    else await this.#showHistory(opening.moment.seq);
    // What can be played now is painted before more is asked of the page.
    setTimeout(() => this.session.setState({ settled: true }), SETTLE_MS);
  }

  /** Opens the document as it stands once more, after a simulation that did not come up. */
  async reopen(): Promise<void> {
    const { id, origin, texts } = this.document.getState();
    const document = this.currentDocument();
    if (document === undefined) return;
    await this.open({ id, origin, document, texts, revision: this.#autosave?.revision ?? 0, moment: {}, firstMinute: false });
  }

  /** What autosave writes, and what "download my work" gives. Undefined while nothing is open. */
  work(): SavedWork | undefined {
    const { id, texts } = this.document.getState();
    const document = this.currentDocument();
    return id === '' || document === undefined ? undefined : { document, texts };
  }

  /** The document with its present title and positions, as the worker last told it. */
  currentDocument(): WorldDocument | undefined {
    const { title, positions, bookmarks, futures } = this.document.getState();
    if (this.#worldDocument === undefined) return undefined;
    const { view: _, ...rest } = this.#worldDocument;
    const view = viewOf(this.session.getState());
    return { ...rest, title, positions, bookmarks, futures, ...(view === undefined ? {} : { view }) };
  }

  /** The document with every text as it stands in the editor. */
  async exactDocument(): Promise<WorldDocument> {
    await this.edits.applyAll();
    this.#worldDocument = await this.client.call('document');
    return this.currentDocument() as WorldDocument;
  }

  /** Types a line into a session; lines of one session wait for each other. */
  async run(session: string, line: string): Promise<number> {
    // The command that was cut in two by a branch still runs in its terminal: this one is typed beside it.
    const busy = this.session.getState().branched && this.mirror.getState().sessions.find((one) => one.id === session)?.busy === true;
    if (busy) return this.#queue.add(await (await import('./futures.ts')).terminalBeside(this, session), line, true);
    return this.#queue.add(session, line, session !== HIDDEN_SESSION);
  }

  async interrupt(session: string): Promise<void> {
    this.#queue.clear(session);
    await this.client.call('interrupt', session);
  }

  rename(title: string): void {
    this.document.setState({ title: title.trim().slice(0, 120) || 'untitled' });
    this.#changed();
  }

  moveBox(id: string, offset: readonly [number, number]): void {
    this.document.setState((document) => ({ positions: { ...document.positions, [id]: offset } }));
    this.#changed();
  }

  /** Shows a box, object or chain; `reveal` also brings its YAML into the editor. */
  select(target: LinkTarget | undefined, reveal = true): void {
    this.session.setState({ selection: target, inspecting: target === undefined ? 'hop' : 'selection' });
    if (target !== undefined && reveal) void this.#revealSource(target);
  }

  /** Asks who reaches whom, in the inspector. */
  ask(question: ReachQuestion): void {
    this.session.setState({ question, inspecting: 'why', pane: 'inspector' });
  }

  revealPlace(file: string, startOffset: number, endOffset: number): void {
    if (!this.document.getState().texts.some((one) => one.path === file)) return;
    this.#nonce += 1;
    this.session.setState({ openFile: file, reveal: { file, startOffset, endOffset, nonce: this.#nonce } });
  }

  /** Takes back the last change of a text or of a box's place, wherever it was made. */
  undo(): void {
    if (this.session.getState().writable && !this.#undo.undo((content, from) => this.#restore(content, from))) this.notify('There is nothing to undo.');
  }

  redo(): void {
    if (this.session.getState().writable && !this.#undo.redo((content, from) => this.#restore(content, from))) this.notify('There is nothing to redo.');
  }

  #restore(content: Pick<OpenDocument, 'texts' | 'positions'>, from: Pick<OpenDocument, 'texts' | 'positions'>): void {
    this.edits.restore(content);
    const changed = changedFiles(content.texts, from.texts)[0];
    const { openFile } = this.session.getState();
    if (changed === undefined) {
      if (!content.texts.some((file) => file.path === openFile)) this.session.setState({ openFile: content.texts[0]?.path ?? '' });
      return;
    }
    const { start, endAfter } = differenceOf(from.texts.find((file) => file.path === changed.path)?.text ?? '', changed.text);
    this.revealPlace(changed.path, start, endAfter);
  }

  /** Loads a command's packets; by default the playhead stands before the first. */
  async showRun(run: Run, options: LoadOptions = {}): Promise<void> {
    this.session.setState({ run, inspecting: 'hop' });
    await this.playback.load(run.fromSeq, run.toSeq, options);
  }

  /** The end of the last run, with boxes, tables and texts of now. */
  async toPresent(): Promise<void> {
    const last = this.session.getState().runs.at(-1);
    if (last !== undefined && last !== this.session.getState().run) await this.showRun(last, { at: 'end', play: false });
    else this.playback.seek(this.playback.getSnapshot().hopCount - 1);
  }

  /** Goes back to the moment at the playhead, and on from there in another way; what came later is kept as a future. False where there is nothing to leave. */
  async branch(): Promise<boolean> {
    const { branch } = await import('./futures.ts');
    return branch(this);
  }

  /** Leaves the present future for another that was left before. */
  async openFuture(index: number): Promise<void> {
    const { openFuture } = await import('./futures.ts');
    await openFuture(this, index, () => this.#autosave?.revision ?? 0);
    this.#changed();
  }

  /** The world has gone back to an earlier moment, where time stands still; `run` is the last one that began before. */
  async stopAt(runs: readonly Run[]): Promise<void> {
    this.#worldDocument = this.client.lastDocument() ?? this.#worldDocument;
    this.session.setState({ runs, branched: true });
    this.#held = true;
    const shown = runs.at(-1);
    const cut = shown !== undefined && this.mirror.getState().sessions.some((one) => one.id === shown.session && one.busy);
    this.#liveRun = cut ? shown : undefined;
    if (shown !== undefined) await this.showRun(shown, { at: 'end', play: false });
    this.#changed();
  }

  /** Marks and futures are part of the document. */
  keep(parts: Partial<Pick<OpenDocument, 'bookmarks' | 'futures'>>): void {
    this.document.setState(parts);
    this.#changed();
  }

  /** Names the moment at the playhead. */
  addBookmark(): void {
    // Playback may have gone on when the code is there.
    const { hop } = this.playback;
    if (hop !== undefined) void import('./futures.ts').then(({ addBookmark }) => addBookmark(this, hop));
  }

  /** To a place in the log, in whichever run it is. */
  async goTo(seq: number): Promise<void> {
    const { goTo } = await import('./futures.ts');
    await goTo(this, seq);
  }

  notify(text: string, tone: 'info' | 'problem' = 'info', offer?: Notice['offer']): void {
    this.#nonce += 1;
    const notice = { id: this.#nonce, text, tone, ...(offer === undefined ? {} : { offer }) };
    this.session.setState((session) => ({ notices: [...session.notices, notice].slice(-4) }));
  }

  dismiss(id: number): void {
    this.session.setState((session) => ({ notices: session.notices.filter((notice) => notice.id !== id) }));
  }

  takeOver(): void {
    this.#lock?.takeOver();
  }

  /** Saves now: the page is about to be hidden or closed. */
  flush(): Promise<void> {
    this.#autosave?.packUnsaved();
    return this.#autosave?.flush() ?? Promise.resolve();
  }

  async savePreferences(): Promise<void> {
    const { theme, shortcuts, background, panelSizes } = this.session.getState();
    try {
      await this.storage.set('preferences', { theme, shortcuts, background, panelSizes } satisfies Preferences);
    } catch {
      // Preferences are a convenience; the document's own failure is what the banner is for.
    }
  }

  /** The commands of a world that has just been opened, and which of them can be looked at. The packets of the last long one are asked for, too. */
  #readHistory({ terminal, headSeq }: Pick<Mirror, 'terminal' | 'headSeq'>): History {
    const commands = terminal.filter((entry) => entry.kind === 'command' && entry.session !== HIDDEN_SESSION && entry.text.trim() !== '');
    const runs = commands
      .map((entry, index): Run => ({ label: entry.text.trim(), session: entry.session, fromSeq: entry.seq, toSeq: commands[index + 1]?.seq ?? headSeq }))
      .filter((run) => run.toSeq > run.fromSeq)
      .slice(-MAX_RUNS);
    const long = runs.findLast((run) => run.toSeq - run.fromSeq > MAX_BACKGROUND_EVENTS);
    const tell = Promise.all(runs.map((run) => this.#tellsStory(run)));
    if (long !== undefined) this.playback.expect(long.fromSeq, long.toSeq);
    return { headSeq, runs, tell };
  }

  #updated(update: WorldUpdate): void {
    // The worker reads while this page draws.
    if (this.#awaitsHistory && update.coming !== true && update.terminal !== undefined) {
      this.#awaitsHistory = false;
      this.#history = this.#readHistory({ terminal: update.terminal, headSeq: update.headSeq });
    }
    this.mirror.setState((mirror) => applyUpdate(mirror, update));
    // While another world is being opened a late word of the old one may still arrive.
    if (!this.#switching) this.#worldDocument = this.client.lastDocument() ?? this.#worldDocument;
    if (this.#liveRun !== undefined && update.headSeq > this.#liveRun.toSeq) this.#liveTimer ??= setTimeout(() => void this.#extendLiveRun(), LIVE_DELAY_MS);
  }

  /** False for a command during which only neighbours were asked for again (ARP): nobody wants to watch that in place of a curl. */
  async #tellsStory(run: Run): Promise<boolean> {
    if (run.toSeq - run.fromSeq > MAX_BACKGROUND_EVENTS) return true;
    const hops = await this.client.call('hops', run.fromSeq, run.toSeq).catch(() => []);
    return hops.some((hop) => !hop.background);
  }

  /** While ping or tcpdump runs its packets are added to what can be played; the last ones only, when there are many. */
  async #extendLiveRun(): Promise<void> {
    this.#liveTimer = undefined;
    const live = this.#liveRun;
    if (live === undefined) return;
    const { headSeq, sessions } = this.mirror.getState();
    const run: Run = { ...live, fromSeq: Math.max(live.fromSeq, headSeq - MAX_LIVE_EVENTS), toSeq: headSeq };
    const first = live.toSeq === live.fromSeq;
    if (first && !(await this.#tellsStory(run))) return;
    if (this.#liveRun !== live) return;
    this.#liveRun = sessions.some((session) => session.id === live.session && session.busy) ? run : undefined;
    const newest = this.session.getState().runs.at(-1) === live;
    this.session.setState((state) => ({ runs: state.runs.map((one) => (one === live ? run : one)), ...(state.run === live ? { run } : {}) }));
    // The first packets of a ping are shown by themselves; those that a tcpdump sees belong to the command that made them.
    if (first && newest) await this.showRun(run, { play: true });
    if (first || this.session.getState().run !== run) return;
    const { index, hopCount } = this.playback.getSnapshot();
    // Who has seen all so far sees the new ones at once; who looks at an earlier hop stays there.
    await this.playback.load(run.fromSeq, run.toSeq, { at: 'keep', ...(index >= hopCount - 1 ? { play: true } : {}) });
  }

  /** Who pauses the packets of a ping or a tcpdump wants time to stand still; who has seen all so far waits for more. */
  #holdWhilePaused(): void {
    const { playing, index, hopCount } = this.playback.getSnapshot();
    if (playing && this.session.getState().branched) this.session.setState({ branched: false });
    const { branched } = this.session.getState();
    const held = branched || (this.#liveRun !== undefined && this.session.getState().run === this.#liveRun && !playing && index < hopCount - 1);
    if (held === this.#held) return;
    this.#held = held;
    void this.client.call('hold', held).catch(() => undefined);
  }

  async #run(session: string, line: string, byReader: boolean): Promise<number> {
    // Packets that a branch caught on their way belong to what is done then.
    const joined = this.session.getState().branched ? this.#liveRun : undefined;
    const answer = this.client.call('run', session, line);
    this.#goOn();
    const { exitCode, firstSeq, lastSeq } = await answer;
    if (line.trim() === '') return exitCode;
    if (byReader) this.#changed();
    const view = this.mirror.getState().sessions.find((one) => one.id === session);
    const endless = view?.busy === true && view.endless;
    if (joined !== undefined && lastSeq > joined.toSeq) {
      const both: Run = { label: `${joined.label}, and on the way: ${line.trim()}`, session: joined.session, fromSeq: joined.fromSeq, toSeq: lastSeq };
      this.#liveRun = undefined;
      this.session.setState((state) => ({ runs: [...state.runs.filter((one) => one.fromSeq !== joined.fromSeq), both] }));
      await this.showRun(both, { at: 'keep', play: true });
      return exitCode;
    }
    const run: Run = { label: line.trim(), session, fromSeq: firstSeq, toSeq: lastSeq };
    if (endless) this.#liveRun = run;
    if (session === HIDDEN_SESSION) return exitCode;
    if (!endless && (lastSeq <= firstSeq || !(await this.#tellsStory(run)))) {
      // Nothing to play: what the command has changed is seen at once.
      this.moments.showNow();
      return exitCode;
    }
    this.session.setState((state) => ({ runs: [...state.runs, run].slice(-MAX_RUNS) }));
    if (lastSeq > firstSeq) await this.showRun(run, { play: true });
    return exitCode;
  }

  /** Time passes again after a branch. */
  #goOn(): void {
    if (!this.session.getState().branched) return;
    this.session.setState({ branched: false });
    this.#holdWhilePaused();
  }

  /** After a reload or a link: the last command's packets, at the moment asked for or at their end, paused. */
  async #showHistory(seq: number | undefined): Promise<void> {
    const mirror = this.mirror.getState();
    const { runs, tell } = this.#history?.headSeq === mirror.headSeq ? this.#history : this.#readHistory(mirror);
    const tells = await tell;
    const shown = runs.filter((_, at) => tells[at]);
    this.session.setState({ runs: shown });
    const run = (seq === undefined ? undefined : shown.find((one) => seq >= one.fromSeq && seq < one.toSeq)) ?? shown.at(-1);
    if (run === undefined) return;
    await this.showRun(run, { at: 'end' });
    if (seq !== undefined) this.playback.seekToSeq(seq);
  }

  #changed(): void {
    const { id, origin } = this.document.getState();
    if (id === '') return;
    if (origin === 'shared') {
      this.document.setState({ origin: 'own' });
      this.#options.onOwned();
      this.#claim(id);
    }
    this.#autosave?.changed();
  }

  #claim(id: string): void {
    this.#lock?.release();
    this.#lock = claimDocument(id, (writable) => {
      if (this.document.getState().id !== id) return;
      const before = this.session.getState().writable;
      if (before && !writable) void this.#autosave?.flush();
      if (this.#autosave !== undefined) this.#autosave.writable = writable;
      this.session.setState({ writable });
    });
  }

  async #revealSource(target: LinkTarget): Promise<void> {
    const { topology } = this.mirror.getState();
    const key = target.kind === 'object' ? target.key : topology.netnses.find((netns) => netns.id === target.id)?.objectKey;
    if (key === undefined) return;
    const inspection: Inspection | null = await this.client.call('inspect', { kind: 'object', key }).catch(() => null);
    if (inspection?.kind !== 'object' || inspection.source === undefined || this.session.getState().selection !== target) return;
    const { file, span } = inspection.source;
    this.revealPlace(file, span.startOffset, span.endOffset);
  }
}

const firstLine = (error: unknown): string => (error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error));

/** The file to begin with: what the reader most likely changes first. */
function preferredFile(opening: Opening): string {
  const names = opening.texts.map((file) => file.path);
  return names.find((name) => name.startsWith('web')) ?? names[0] ?? '';
}
