/** Joins Monaco's completion, hover, definitions, references, renaming, quick fixes, outline and formatting to the language service in the worker. */
import * as monaco from 'monaco-editor/editor';
import type { Span } from '../../base/diagnostic.ts';
import type { PlaygroundClient, RequestName, Requests } from '../../worker/protocol.ts';
import type { TextEdit } from '../../world/language/requests.ts';
import type { CompletionItem } from '../../world/views.ts';

export interface LanguageHost {
  readonly client: PlaygroundClient;
  uriOf(path: string): monaco.Uri;
  pathOf(model: monaco.editor.ITextModel): string;
  /** Changes texts of any files as one step of the history. */
  applyEdits(edits: readonly TextEdit[]): void;
  openPlace(file: string, startOffset: number, endOffset: number): void;
}

const symbolKinds: Readonly<Record<string, monaco.languages.SymbolKind>> = {
  Namespace: monaco.languages.SymbolKind.Namespace,
  Service: monaco.languages.SymbolKind.Interface,
  ConfigMap: monaco.languages.SymbolKind.Constant,
  Secret: monaco.languages.SymbolKind.Constant,
  Pod: monaco.languages.SymbolKind.Object,
};

const APPLY_FIX = 'kubehop.applyFix';

/** Monaco's hovers are Markdown; our paragraphs are plain, so every sign that means something there is escaped. */
const plainMarkdown = (text: string): string => text.replace(/[\\`*_{}[\]()#+\-.!|<>~&]/g, '\\$&');

function rangeOf(model: monaco.editor.ITextModel, startOffset: number, endOffset: number): monaco.Range {
  return monaco.Range.fromPositions(model.getPositionAt(startOffset), model.getPositionAt(endOffset));
}

function suggestion(model: monaco.editor.ITextModel, item: CompletionItem, index: number): monaco.languages.CompletionItem {
  const { KeepWhitespace, InsertAsSnippet } = monaco.languages.CompletionItemInsertTextRule;
  return {
    label: { label: item.label, description: item.detail },
    filterText: item.label,
    insertText: item.insertText,
    documentation: item.documentation,
    kind: item.snippet === true ? monaco.languages.CompletionItemKind.Snippet : monaco.languages.CompletionItemKind.Property,
    // As ordered by the world: what exists first, then simulated and required fields.
    sortText: String(index).padStart(5, '0'),
    range: rangeOf(model, item.startOffset, item.endOffset),
    insertTextRules: item.snippet === true ? InsertAsSnippet | KeepWhitespace : KeepWhitespace,
  };
}

export function registerLanguage(host: LanguageHost): readonly monaco.IDisposable[] {
  const { client, uriOf, pathOf } = host;
  let turn: Promise<unknown> = Promise.resolve();

  /** One question at a time; those that nobody waits for any more when their turn comes are not asked. */
  async function ask<N extends RequestName>(
    token: monaco.CancellationToken,
    name: N,
    ...args: Parameters<Requests[N]>
  ): Promise<ReturnType<Requests[N]> | undefined> {
    const before = turn;
    const mine = (async () => {
      await before;
      return token.isCancellationRequested ? undefined : client.call(name, ...args).catch(() => undefined);
    })();
    turn = mine;
    const answer = await mine;
    return token.isCancellationRequested ? undefined : answer;
  }
  const at = (model: monaco.editor.ITextModel, position: monaco.IPosition) => [pathOf(model), model.getValue(), model.getOffsetAt(position)] as const;
  const locations = (spans: readonly Span[] | undefined): monaco.languages.Location[] =>
    (spans ?? []).flatMap((span) => {
      const model = monaco.editor.getModel(uriOf(span.file));
      return model === null ? [] : [{ uri: model.uri, range: rangeOf(model, span.startOffset, span.endOffset) }];
    });

  return [
    monaco.languages.registerCompletionItemProvider('yaml', {
      triggerCharacters: [' ', ':', '-'],
      provideCompletionItems: async (model, position, _, token) => {
        const items = (await ask(token, 'yamlComplete', ...at(model, position))) ?? [];
        return { suggestions: items.map((item, index) => suggestion(model, item, index)) };
      },
    }),
    monaco.languages.registerHoverProvider('yaml', {
      provideHover: async (model, position, token) => {
        const view = await ask(token, 'yamlHover', ...at(model, position));
        if (view === undefined || view === null) return null;
        return {
          range: rangeOf(model, view.startOffset, view.endOffset),
          contents: view.paragraphs.map((text) => ({ value: plainMarkdown(text), isTrusted: false, supportHtml: false })),
        };
      },
    }),
    monaco.languages.registerDefinitionProvider('yaml', {
      provideDefinition: async (model, position, token) => locations(await ask(token, 'yamlDefinition', ...at(model, position))),
    }),
    monaco.languages.registerReferenceProvider('yaml', {
      provideReferences: async (model, position, _, token) => locations(await ask(token, 'yamlReferences', ...at(model, position))),
    }),
    monaco.languages.registerRenameProvider('yaml', {
      resolveRenameLocation: async (model, position, token) => {
        const found = await ask(token, 'yamlRename', ...at(model, position));
        const word = model.getWordAtPosition(position);
        const range = found === undefined || found === null ? undefined : rangeOf(model, found.startOffset, found.endOffset);
        if (range === undefined)
          return {
            range: new monaco.Range(position.lineNumber, word?.startColumn ?? position.column, position.lineNumber, word?.endColumn ?? position.column),
            text: word?.word ?? '',
            rejectReason: 'Names of objects, labels, ports and volumes can be renamed; this is none.',
          };
        return { range, text: model.getValueInRange(range).replace(/^["']|["']$/g, '') };
      },
      provideRenameEdits: async (model, position, name, token) => {
        const found = await ask(token, 'yamlRename', ...at(model, position), name);
        if (found === undefined || found === null) return { edits: [], rejectReason: 'This cannot be renamed.' };
        if (found.problem !== undefined) return { edits: [], rejectReason: found.problem };
        // Ours, so that all files go back with one undo.
        host.applyEdits(found.edits);
        return { edits: [] };
      },
    }),
    monaco.editor.registerCommand(APPLY_FIX, (_, edits: readonly TextEdit[]) => host.applyEdits(edits)),
    monaco.languages.registerCodeActionProvider('yaml', {
      provideCodeActions: async (model, range, context, token) => {
        const none = { actions: [], dispose: () => undefined };
        if (context.markers.length === 0 && context.trigger === monaco.languages.CodeActionTriggerType.Auto) return none;
        const start = model.getOffsetAt({ lineNumber: range.startLineNumber, column: range.startColumn });
        const end = model.getOffsetAt({ lineNumber: range.endLineNumber, column: range.endColumn });
        const fixes = (await ask(token, 'yamlFixes', pathOf(model), model.getValue(), start, end)) ?? [];
        return {
          actions: fixes.map((fix) => ({
            title: fix.title,
            kind: 'quickfix',
            isPreferred: fix.preferred,
            diagnostics: context.markers,
            command: { id: APPLY_FIX, title: fix.title, arguments: [fix.edits] },
          })),
          dispose: () => undefined,
        };
      },
    }),
    monaco.languages.registerDocumentSymbolProvider('yaml', {
      displayName: 'Objects',
      provideDocumentSymbols: async (model, token) =>
        ((await ask(token, 'yamlOutline', pathOf(model), model.getValue())) ?? []).map((entry) => ({
          name: entry.name,
          detail: `${entry.kind}${entry.namespace === '' ? '' : ` · ${entry.namespace}`}`,
          kind: symbolKinds[entry.kind] ?? monaco.languages.SymbolKind.Class,
          tags: [],
          range: rangeOf(model, entry.span.startOffset, entry.span.endOffset),
          selectionRange: rangeOf(model, entry.nameSpan.startOffset, entry.nameSpan.endOffset),
        })),
    }),
    monaco.languages.registerDocumentFormattingEditProvider('yaml', {
      displayName: 'Kubehop',
      provideDocumentFormattingEdits: async (model, _, token) => {
        const text = await ask(token, 'yamlFormat', pathOf(model), model.getValue());
        return text === undefined || text === null ? [] : [{ range: model.getFullModelRange(), text }];
      },
    }),
    monaco.editor.registerEditorOpener({
      openCodeEditor: (_, resource, selection) => {
        const model = monaco.editor.getModel(resource);
        if (model === null) return false;
        const range =
          selection === undefined
            ? model.getFullModelRange().collapseToStart()
            : 'startLineNumber' in selection
              ? monaco.Range.lift(selection)
              : monaco.Range.fromPositions(selection);
        host.openPlace(pathOf(model), model.getOffsetAt(range.getStartPosition()), model.getOffsetAt(range.getEndPosition()));
        return true;
      },
    }),
  ];
}
