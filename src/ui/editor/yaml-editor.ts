/** A thin wrapper over Monaco: one model a file, our diagnostics as squiggles, completion and hover asked from the world. Loaded only when somebody edits. */
import * as monaco from 'monaco-editor/editor';
import 'monaco-editor/features/bracketMatching/register';
import 'monaco-editor/features/caretOperations/register';
import 'monaco-editor/features/clipboard/register';
import 'monaco-editor/features/codeAction/register';
import 'monaco-editor/features/codicon/register';
import 'monaco-editor/features/comment/register';
import 'monaco-editor/features/contextmenu/register';
import 'monaco-editor/features/cursorUndo/register';
import 'monaco-editor/features/find/register';
import 'monaco-editor/features/documentSymbols/register';
import 'monaco-editor/features/folding/register';
import 'monaco-editor/features/format/register';
import 'monaco-editor/features/gotoError/register';
import 'monaco-editor/features/gotoSymbol/register';
import 'monaco-editor/features/hover/register';
import 'monaco-editor/features/indentation/register';
import 'monaco-editor/features/linesOperations/register';
import 'monaco-editor/features/multicursor/register';
import 'monaco-editor/features/quickOutline/register';
import 'monaco-editor/features/readOnlyMessage/register';
import 'monaco-editor/features/referenceSearch/register';
import 'monaco-editor/features/rename/register';
import 'monaco-editor/features/smartSelect/register';
import 'monaco-editor/features/snippet/register';
import 'monaco-editor/features/suggest/register';
// The register file of 0.57 brings only the inline half of completion; the list is here.
import 'monaco-editor/editor/contrib/suggest/browser/suggestController';
import 'monaco-editor/features/tokenization/register';
import 'monaco-editor/features/wordOperations/register';
import 'monaco-editor/languages/definitions/yaml/register';
import editorWorkerUrl from 'monaco-editor/editor/editor.worker?worker&url';
import type { Diagnostic } from '../../base/diagnostic.ts';
import type { PlaygroundClient } from '../../worker/protocol.ts';
import type { TextEdit } from '../../world/language/requests.ts';
import type { Manner } from '../state/edits.ts';
import { differenceOf } from '../state/undo.ts';
import { createScriptAddress } from '../trusted-types.ts';
import { editorThemes } from './editor-theme.ts';
import { registerLanguage } from './monaco-language.ts';

export interface YamlEditorOptions {
  readonly host: HTMLElement;
  readonly dark: boolean;
  readonly readOnly: boolean;
  /** The reader changed a text. False: it was refused, and what stands in the editor is kept there. */
  onChange(path: string, text: string, manner: Manner): boolean;
  /** The reader moved the cursor (not we). */
  onCursor(path: string, offset: number): void;
  readonly client: PlaygroundClient;
  /** Changes texts of any files as one act. */
  applyEdits(edits: readonly TextEdit[]): void;
  openPlace(file: string, startOffset: number, endOffset: number): void;
  undo(): void;
  redo(): void;
  /** Tab now leaves the editor, or indents. */
  onTabMode(leaves: boolean): void;
}

/** Brackets that close themselves are typed, too. */
const PAIR_LENGTH = 2;
const MAX_MARKERS = 200;
const severities = { error: monaco.MarkerSeverity.Error, warning: monaco.MarkerSeverity.Warning, info: monaco.MarkerSeverity.Info } as const;

/** Monaco reads its worker from a global, once a page. */
function provideWorker(): void {
  const scope = globalThis as { MonacoEnvironment?: monaco.Environment };
  if (scope.MonacoEnvironment !== undefined) return;
  const address = createScriptAddress('kubehop-monaco');
  scope.MonacoEnvironment = { getWorker: () => new Worker(address(editorWorkerUrl), { type: 'module', name: 'monaco' }) };
}

const uriOf = (path: string) => monaco.Uri.from({ scheme: 'inmemory', authority: 'kubehop', path: `/${path}` });
const pathOf = (model: monaco.editor.ITextModel) => model.uri.path.slice(1);

export class YamlEditor {
  readonly #options: YamlEditorOptions;
  readonly #editor: monaco.editor.IStandaloneCodeEditor;
  /** Letters that the present event has written so far. */
  #written = 0;
  readonly #views = new Map<string, monaco.editor.ICodeEditorViewState | null>();
  readonly #disposables: monaco.IDisposable[] = [];
  /** Files whose text was refused: only here does it exist. */
  readonly #refused = new Set<string>();
  /** While we write ourselves, changes are not the reader's. */
  #writing = false;

  constructor(options: YamlEditorOptions) {
    this.#options = options;
    provideWorker();
    for (const [name, theme] of Object.entries(editorThemes)) monaco.editor.defineTheme(name, theme);
    this.#editor = monaco.editor.create(options.host, {
      theme: options.dark ? 'kubehop-dark' : 'kubehop-light',
      readOnly: options.readOnly,
      model: null,
      automaticLayout: true,
      fontFamily: getComputedStyle(document.documentElement).getPropertyValue('--font-mono') || 'monospace',
      fontSize: 12,
      lineHeight: 19,
      minimap: { enabled: false },
      lineNumbers: 'on',
      lineNumbersMinChars: 3,
      lineDecorationsWidth: 8,
      glyphMargin: false,
      folding: true,
      showFoldingControls: 'mouseover',
      scrollBeyondLastLine: false,
      renderLineHighlight: 'line',
      overviewRulerLanes: 2,
      overviewRulerBorder: false,
      hideCursorInOverviewRuler: true,
      padding: { top: 8, bottom: 8 },
      scrollbar: { verticalScrollbarSize: 10, horizontalScrollbarSize: 10, alwaysConsumeMouseWheel: false },
      fixedOverflowWidgets: true,
      tabSize: 2,
      insertSpaces: true,
      detectIndentation: false,
      quickSuggestions: { other: true, strings: true, comments: false },
      wordBasedSuggestions: 'off',
      accessibilitySupport: 'auto',
      // Whoever came by Tab gets on by Tab.
      tabFocusMode: true,
      ariaLabel: 'YAML editor. Tab leaves it; after Control M (on a Mac: Control Shift M) Tab indents.',
      stickyScroll: { enabled: false },
      occurrencesHighlight: 'off',
      selectionHighlight: false,
      dropIntoEditor: { enabled: false },
      unicodeHighlight: { ambiguousCharacters: false },
    });
    this.#listen();
  }

  #listen(): void {
    const { onChange, onCursor, client, applyEdits, openPlace } = this.#options;
    this.#disposables.push(
      this.#editor.onDidChangeModelContent(({ changes, isUndoing, isRedoing }) => {
        const model = this.#editor.getModel();
        if (model === null || this.#writing) return;
        // A word that comes as a whole (from a phone's keyboard) is told letter by letter, all within one event.
        if (this.#written === 0) queueMicrotask(() => (this.#written = 0));
        this.#written += changes.reduce((sum, change) => sum + change.text.trim().length, 0);
        const act = isUndoing || isRedoing || this.#written > PAIR_LENGTH;
        if (onChange(pathOf(model), model.getValue(), act ? 'act' : 'typing')) this.#refused.delete(pathOf(model));
        else this.#refused.add(pathOf(model));
      }),
      this.#editor.onDidChangeCursorPosition((event) => {
        const model = this.#editor.getModel();
        if (model === null || this.#writing || event.source === 'api' || !this.#editor.hasTextFocus()) return;
        onCursor(pathOf(model), model.getOffsetAt(event.position));
      }),
      // The list of problems opens below the text: the line being typed stays in view.
      this.#editor.onDidLayoutChange(() => {
        const position = this.#editor.getPosition();
        if (position !== null && this.#editor.hasTextFocus()) this.#editor.revealPosition(position, monaco.editor.ScrollType.Immediate);
      }),
      ...registerLanguage({ client, uriOf, pathOf, applyEdits, openPlace }),
    );
    const { CtrlCmd, Shift, WinCtrl } = monaco.KeyMod;
    const { KeyM, KeyY, KeyZ } = monaco.KeyCode;
    // One history for the editor and the canvas: Monaco's own knows one file only.
    this.#editor.addCommand(CtrlCmd | KeyZ, () => this.#options.undo());
    this.#editor.addCommand(CtrlCmd | Shift | KeyZ, () => this.#options.redo());
    this.#editor.addCommand(CtrlCmd | KeyY, () => this.#options.redo());
    const switchTab = () => {
      const leaves = !this.#editor.getOption(monaco.editor.EditorOption.tabFocusMode);
      this.#editor.updateOptions({ tabFocusMode: leaves });
      this.#options.onTabMode(leaves);
    };
    this.#editor.addCommand(CtrlCmd | KeyM, switchTab);
    this.#editor.addCommand(WinCtrl | Shift | KeyM, switchTab);
  }

  /** Shows a file; each keeps its own undo history, folding and place. */
  show(path: string, text: string): void {
    const before = this.#editor.getModel();
    if (before !== null && pathOf(before) !== path) this.#views.set(pathOf(before), this.#editor.saveViewState());
    const model = this.#modelOf(path, text);
    if (before === model) return;
    this.#write(() => this.#editor.setModel(model));
    const view = this.#views.get(path);
    if (view !== undefined && view !== null) this.#editor.restoreViewState(view);
  }

  /** A text that was changed elsewhere; the same text is no change. */
  setText(path: string, text: string): void {
    const model = this.#modelOf(path, text);
    if (this.#refused.has(path) || model.getValue() === text) return;
    // Only what differs, so that cursors and foldings elsewhere stay where they are.
    const { start, endBefore, endAfter } = differenceOf(model.getValue(), text);
    this.#write(() => model.pushEditOperations([], [{ range: rangeOf(model, start, endBefore), text: text.slice(start, endAfter) }], () => null));
  }

  /** Forgets the files that are no longer there. */
  keepOnly(paths: readonly string[]): void {
    for (const model of monaco.editor.getModels()) if (!paths.includes(pathOf(model)) && model !== this.#editor.getModel()) model.dispose();
  }

  setDiagnostics(diagnostics: readonly Diagnostic[]): void {
    for (const model of monaco.editor.getModels()) {
      const own = diagnostics.filter((diagnostic) => diagnostic.span?.file === pathOf(model)).slice(0, MAX_MARKERS);
      monaco.editor.setModelMarkers(
        model,
        'kubehop',
        own.map(({ severity, message, hint, span, code }) => ({
          severity: severities[severity],
          message: hint === undefined ? message : `${message}\n${hint}`,
          code,
          startLineNumber: span?.startLine ?? 1,
          startColumn: span?.startColumn ?? 1,
          endLineNumber: span?.endLine ?? 1,
          endColumn: Math.max(span?.endColumn ?? 2, (span?.startColumn ?? 1) + 1),
        })),
      );
    }
  }

  reveal(startOffset: number, endOffset: number): void {
    const model = this.#editor.getModel();
    if (model === null) return;
    const range = rangeOf(model, startOffset, endOffset);
    this.#write(() => {
      this.#editor.setPosition(range.getStartPosition(), 'api');
      this.#editor.revealRangeNearTopIfOutsideViewport(range, monaco.editor.ScrollType.Smooth);
    });
    const marks = this.#editor.createDecorationsCollection([{ range, options: { isWholeLine: true, className: 'kubehop-revealed' } }]);
    setTimeout(() => marks.clear(), 1_600);
  }

  setDark(dark: boolean): void {
    monaco.editor.setTheme(dark ? 'kubehop-dark' : 'kubehop-light');
  }

  setReadOnly(readOnly: boolean): void {
    this.#editor.updateOptions({ readOnly });
  }

  /** Runs one of Monaco's own actions: `editor.action.formatDocument`. */
  run(action: string): void {
    this.#editor.focus();
    void this.#editor.getAction(action)?.run();
  }

  focus(): void {
    this.#editor.focus();
  }

  dispose(): void {
    for (const disposable of this.#disposables) disposable.dispose();
    this.#editor.dispose();
    for (const model of monaco.editor.getModels()) model.dispose();
  }

  #modelOf(path: string, text: string): monaco.editor.ITextModel {
    const known = monaco.editor.getModel(uriOf(path));
    if (known !== null) return known;
    const model = monaco.editor.createModel(text, 'yaml', uriOf(path));
    model.setEOL(monaco.editor.EndOfLineSequence.LF);
    return model;
  }

  #write(task: () => void): void {
    this.#writing = true;
    try {
      task();
    } finally {
      this.#writing = false;
    }
  }
}

function rangeOf(model: monaco.editor.ITextModel, startOffset: number, endOffset: number): monaco.Range {
  return monaco.Range.fromPositions(model.getPositionAt(startOffset), model.getPositionAt(endOffset));
}
