/** What the editor may ask about its texts, and what the answers look like. */
import type { Diagnostic, Span } from '../../base/diagnostic.ts';
import type { DocumentFile } from '../document.ts';
import type { CompletionItem, HoverView } from '../views.ts';

/** A new text for a span of a file. */
export interface TextEdit {
  readonly file: string;
  /** UTF-16 code units; `endOffset` is exclusive. */
  readonly startOffset: number;
  readonly endOffset: number;
  readonly text: string;
}

export interface OutlineEntry {
  readonly kind: string;
  readonly name: string;
  /** '' for what belongs to no namespace. */
  readonly namespace: string;
  readonly span: Span;
  readonly nameSpan: Span;
}

export interface Renaming {
  /** What is renamed, in words: `Service default/web`, `label app=web`. */
  readonly what: string;
  /** The name as it stands at the cursor. */
  readonly startOffset: number;
  readonly endOffset: number;
  readonly edits: readonly TextEdit[];
  /** Why it cannot be renamed so. */
  readonly problem?: string;
}

export interface QuickFix {
  readonly title: string;
  readonly edits: readonly TextEdit[];
  /** The one that most people would take. */
  readonly preferred: boolean;
}

/** What an import would bring. */
export interface ImportPlan {
  readonly files: readonly DocumentFile[];
  readonly objects: number;
  /** Sentences about what stays out and why. */
  readonly notes: readonly string[];
}

/** `text` is the file as it stands in the editor; the other files are those that the world was given last. */
export interface LanguageRequests {
  yamlComplete(path: string, text: string, offset: number): readonly CompletionItem[];
  yamlHover(path: string, text: string, offset: number): HoverView | null;
  yamlDefinition(path: string, text: string, offset: number): readonly Span[];
  /** Everywhere that the name at the cursor stands, where it is defined first. */
  yamlReferences(path: string, text: string, offset: number): readonly Span[];
  /** Null where nothing can be renamed. Without `name`: what would be. */
  yamlRename(path: string, text: string, offset: number, name?: string): Renaming | null;
  yamlOutline(path: string, text: string): readonly OutlineEntry[];
  /** The tidied text; null where the file cannot be read or is tidy already. */
  yamlFormat(path: string, text: string): string | null;
  yamlFixes(path: string, text: string, startOffset: number, endOffset: number): readonly QuickFix[];
  /** What the API server takes but will not do what its author meant: names that nothing has, selectors that fit nothing. */
  yamlLint(): readonly Diagnostic[];
  /** The texts that the running world was made of last. */
  yamlApplied(): readonly DocumentFile[];
  /** Turns manifests or a cluster dump (`kubectl get -A -o yaml`) into files. At most 8 MB in all. */
  yamlImport(files: readonly DocumentFile[], taken: readonly string[]): ImportPlan;
}

export type LanguageRequestName = keyof LanguageRequests;
