/** The texts in the editor: changed at once on the page, sent to the world at once where one act changed them, and when the hand pauses where they are typed. */
import type { PlaygroundClient } from '../../worker/protocol.ts';
import type { DocumentFile } from '../../world/document.ts';
import type { TextEdit } from '../../world/language/requests.ts';
import { isFileName, MAX_FILE_LENGTH, MAX_FILES } from './check-document.ts';
import { type DocumentStore, type OpenDocument, withText } from './document.ts';
import type { SessionStore } from './session.ts';
import { TypingPause } from './typing-pause.ts';
import { changedFiles } from './undo.ts';

/** `typing`: more keys will follow, and what is half written is not meant. `act`: a paste, a completion, a fix, a drag on the canvas. */
export type Manner = 'typing' | 'act';

export interface EditsOptions {
  readonly client: PlaygroundClient;
  readonly document: DocumentStore;
  readonly session: SessionStore;
  /** After each change of a text and each answer of the world. */
  onChange(): void;
  /** The world has taken a text. */
  onApplied(): void;
  onProblem(message: string): void;
}

export class Edits {
  readonly #options: EditsOptions;
  readonly #timers = new Map<string, ReturnType<typeof setTimeout>>();
  readonly #pause = new TypingPause();

  constructor(options: EditsOptions) {
    this.#options = options;
  }

  /** New text of a file (null: removed). Refuses, with a sentence, what would freeze the page; the caller keeps what was typed. */
  setText(path: string, text: string | null, manner: Manner = 'act'): string | undefined {
    if (text !== null && text.length > MAX_FILE_LENGTH)
      return `This file would have ${Math.round(text.length / 1024).toLocaleString('en')} kB; at most ${MAX_FILE_LENGTH / 1024} kB are read. It is not applied.`;
    this.#options.document.setState((document) => ({ texts: withText(document.texts, path, text), applying: 'pending' }));
    clearTimeout(this.#timers.get(path));
    this.#timers.set(
      path,
      setTimeout(() => void this.apply(path), manner === 'typing' ? this.#pause.key(performance.now()) : 0),
    );
    this.#options.onChange();
    return undefined;
  }

  /** Small changes of any files, none of them overlapping, as one act. */
  applyTextEdits(edits: readonly TextEdit[]): string | undefined {
    let problem: string | undefined;
    for (const path of new Set(edits.map((edit) => edit.file))) {
      const text = this.#options.document.getState().texts.find((file) => file.path === path)?.text;
      if (text === undefined) continue;
      const own = edits.filter((edit) => edit.file === path).sort((a, b) => b.startOffset - a.startOffset);
      problem ??= this.setText(
        path,
        own.reduce((before, edit) => before.slice(0, edit.startOffset) + edit.text + before.slice(edit.endOffset), text),
      );
    }
    return problem;
  }

  /** Puts an earlier (or later) content of the document in force. */
  restore({ texts, positions }: Pick<OpenDocument, 'texts' | 'positions'>): void {
    const { document, onChange } = this.#options;
    const before = document.getState().texts;
    const gone = before.filter((file) => !texts.some((one) => one.path === file.path));
    document.setState({ texts, positions, applying: 'pending' });
    // New ones first, as in a renaming.
    for (const { path } of [...changedFiles(texts, before), ...gone]) void this.apply(path);
    onChange();
    if (changedFiles(texts, before).length + gone.length === 0) document.setState({ applying: 'applied' });
  }

  /** Another place among the tabs. */
  moveFile(path: string, by: number): void {
    const texts = [...this.#options.document.getState().texts];
    const from = texts.findIndex((file) => file.path === path);
    const file = texts[from];
    if (file === undefined) return;
    texts.splice(from, 1);
    texts.splice(Math.max(0, Math.min(texts.length, from + by)), 0, file);
    this.#options.document.setState({ texts });
    this.#options.onChange();
  }

  /** A sentence when the name cannot be taken. */
  addFile(path: string, text = ''): string | undefined {
    const { texts } = this.#options.document.getState();
    if (texts.length >= MAX_FILES) return `A world has at most ${MAX_FILES} files.`;
    const problem = nameProblem(path, texts) ?? this.setText(path, text);
    if (problem === undefined) this.#options.session.setState({ openFile: path });
    return problem;
  }

  renameFile(from: string, to: string): string | undefined {
    if (from === to) return undefined;
    const { document, session } = this.#options;
    const { texts } = document.getState();
    const problem = nameProblem(to, texts);
    if (problem !== undefined) return problem;
    document.setState({ texts: texts.map((file) => (file.path === from ? { path: to, text: file.text } : file)), applying: 'pending' });
    if (session.getState().openFile === from) session.setState({ openFile: to });
    // The new one first: both together are refused, and then nothing in the cluster was ever gone.
    void this.apply(to);
    void this.apply(from);
    return undefined;
  }

  removeFile(path: string): void {
    const { document, session } = this.#options;
    this.setText(path, null);
    if (session.getState().openFile === path) session.setState({ openFile: document.getState().texts[0]?.path ?? '' });
  }

  /** Sends the text of a file as it stands now. Never rejects: what went wrong is said and seen in `applying`. */
  async apply(path: string): Promise<void> {
    const { client, document, onChange, onProblem } = this.#options;
    clearTimeout(this.#timers.get(path));
    this.#timers.delete(path);
    const { id, texts } = document.getState();
    const text = texts.find((file) => file.path === path)?.text ?? null;
    try {
      const { applied } = await client.call('edit', path, text);
      if (document.getState().id !== id) return;
      if (applied) this.#options.onApplied();
      if (this.#timers.size === 0) document.setState({ applying: applied ? 'applied' : 'refused' });
    } catch (error) {
      document.setState({ applying: 'refused' });
      onProblem(`The change was not applied: ${error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error)}`);
    }
    onChange();
  }

  /** Sends what still waits for a pause. */
  async applyAll(): Promise<void> {
    for (const path of [...this.#timers.keys()]) await this.apply(path);
  }

  /** Forgets what waits: another document is opened. */
  forget(): void {
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
  }
}

function nameProblem(path: string, texts: readonly DocumentFile[]): string | undefined {
  if (!isFileName(path)) return 'A file name has letters, digits, dots, dashes and underscores, at most 64.';
  return texts.some((file) => file.path === path) ? `There is a file ${path} already.` : undefined;
}
