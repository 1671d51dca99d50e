/** All of a playground that is saved or shared; everything else is computed from it. */

/** `path` is a file name without folders, `[A-Za-z0-9._-]{1,64}`. */
export interface DocumentFile {
  readonly path: string;
  readonly text: string;
}

/** Where a terminal is: a host's own netns, or a pod. */
export type SessionPlace = { readonly host: string } | { readonly namespace: string; readonly pod: string };

/** Something a person did at a moment of virtual time; replayed in order it gives the same world. */
export type DocumentInput =
  | { readonly kind: 'command'; readonly timeNs: number; readonly session: string; readonly line: string }
  | { readonly kind: 'interrupt'; readonly timeNs: number; readonly session: string }
  /** Another terminal was opened there. */
  | { readonly kind: 'session'; readonly timeNs: number; readonly session: string; readonly at: SessionPlace }
  /** A binary file (a capture) was brought along and lies at `path` where the session's shell runs; at most 256 KB. */
  | { readonly kind: 'file'; readonly timeNs: number; readonly session: string; readonly path: string; readonly base64: string }
  /** The editor that a session waited for was saved (`text`) or closed (null). */
  | { readonly kind: 'edited'; readonly timeNs: number; readonly session: string; readonly text: string | null }
  | { readonly kind: 'edit'; readonly timeNs: number; readonly path: string; readonly text: string | null };

export interface WorldDocument {
  readonly version: 1;
  readonly seed: number;
  readonly title?: string;
  /** As they were at virtual time 0; edits since are inputs. */
  readonly files: readonly DocumentFile[];
  readonly inputs: readonly DocumentInput[];
  /** Boxes a person has moved: scene id to offset in scene units. */
  readonly positions: Readonly<Record<string, readonly [number, number]>>;
  /** How it is looked at, where that is not as usual. */
  readonly view?: DocumentView;
  /** Named moments of this document's log. */
  readonly bookmarks?: readonly Bookmark[];
  /** Other futures that were left for this one: saved, not shared. */
  readonly futures?: readonly Future[];
}

/** The part of a document that changes nothing in its world. */
export interface DocumentView {
  /** By what pods stand together: their node, namespace, or the value of the label `key`; and which groups are folded into one box. */
  readonly grouping?: { readonly by: 'node' | 'namespace' | 'label'; readonly key: string; readonly folded: readonly string[] };
  /** Layers whose packets are not shown: `l2`, `l3`, `l4`, `l7`, `control`. */
  readonly hiddenLayers?: readonly string[];
}

export interface Bookmark {
  readonly name: string;
  /** Log position of the hop. */
  readonly seq: number;
}

/** All inputs of another run of the same files; `seq` is where it was left. */
export interface Future {
  readonly name: string;
  readonly seq: number;
  readonly inputs: readonly DocumentInput[];
  readonly bookmarks: readonly Bookmark[];
}
