/** What a person can do to a box of the canvas, as changes of the texts or lines for a terminal: plain, structured-cloneable data. */
import type { LinkTarget } from '../views.ts';

/** A number of a text that decides how much goes where. */
export interface Dial {
  /** Asked with another value it is turned: `{ kind: 'dial', id, value }`. */
  readonly id: string;
  readonly min: number;
  readonly max: number;
  readonly value: number;
  /** `%`, `/s`, or ''. */
  readonly unit: string;
}

/** Whose part of the Gateway API an object is. */
export type Role = 'provider' | 'operator' | 'developer';

export interface Action {
  /** `Make web-service a NodePort` */
  readonly title: string;
  /** What will happen, in a sentence. */
  readonly because: string;
  /** The whole text of a file as it is (null: there is none yet) and as it would be. */
  readonly edit?: { readonly file: string; readonly before: string | null; readonly after: string };
  /** What a person would type; `undo` takes it back. */
  readonly commands?: readonly { readonly host: string; readonly line: string }[];
  readonly undo?: readonly { readonly host: string; readonly line: string }[];
  readonly dial?: Dial;
  /** It does nothing: `title` is an object, `because` what its controller says of it. */
  readonly role?: Role;
}

/** What can be put on the canvas. */
export type PaletteKind = 'client' | 'web' | 'service';

/** A pod by its netns id, all pods of a namespace, or all with a label. */
export type PolicyEnd = { readonly pod: string } | { readonly namespace: string } | { readonly label: string; readonly value: string };

export type ActionQuestion =
  /** Another pod network; the answer without an edit is the one that there is. */
  | { readonly kind: 'network' }
  /** Weights, replicas and rates that the texts have: actions with a `dial` and no edit. */
  | { readonly kind: 'dials' }
  /** One of them, turned. */
  | { readonly kind: 'dial'; readonly id: string; readonly value: number }
  /** The objects of the Gateway API by role, and Ingresses said again in its words. */
  | { readonly kind: 'ways-in' }
  | { readonly kind: 'box'; readonly target: LinkTarget }
  /** `node`: host id where it should run; absent: the scheduler decides. */
  | { readonly kind: 'add'; readonly what: PaletteKind; readonly node?: string }
  | { readonly kind: 'policy'; readonly from: PolicyEnd; readonly to: PolicyEnd }
  /** The least that the pods of a namespace, or those like one pod (netns id), were seen to need. */
  | { readonly kind: 'suggest'; readonly namespace: string; readonly pod?: string };
