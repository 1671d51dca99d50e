/** What a lesson is: steps of text with things to run, to predict, to look at and to check. Data only. */
import type { StepKind } from '../../net/trace-event.ts';
import type { Lens } from '../canvas/contract.ts';

export interface Lesson {
  readonly id: string;
  readonly title: string;
  readonly level: string;
  readonly minutes: number;
  readonly goals: readonly string[];
  /** Name of a built-in world. */
  readonly world: string;
  readonly steps: readonly LessonStep[];
}

export interface LessonStep {
  readonly title: string;
  readonly blocks: readonly LessonBlock[];
  /** What the canvas shows when the step is entered (after its `run`, if it has one). */
  readonly seek: HopQuery | undefined;
  /** An object key (`Service/default/web-service`) or the id of a netns or device. */
  readonly focus: string | undefined;
  readonly lens: Lens | undefined;
  /** For the speaker only. */
  readonly notes: readonly string[];
}

export type LessonBlock =
  | { readonly kind: 'text'; readonly markdown: string }
  | { readonly kind: 'run'; readonly lines: readonly string[] }
  | {
      readonly kind: 'predict';
      readonly question: string;
      readonly choices: readonly string[] /** Index from 0. */;
      readonly answer: number;
      readonly because: string;
    }
  | {
      readonly kind: 'check';
      readonly checks: readonly LessonCheck[] /** What solves it, for the test that solves every lesson. */;
      readonly solution: readonly Solution[];
    }
  | { readonly kind: 'hint'; readonly markdown: string };

/** A command on the first host, and what must be true of its end. Behaviour, so that any valid way passes. */
export interface LessonCheck {
  readonly says: string;
  readonly run: string;
  readonly exit: number | 'nonzero' | undefined;
  readonly contains: readonly string[];
  readonly lacks: readonly string[];
}

export type Solution = { readonly run: string } | { readonly file: string; readonly find: string; readonly replace: string };

/** The `nth` hop (from 1; from the end when negative) that fits all that is given. Texts fit by containing. */
export interface HopQuery {
  readonly step: StepKind | undefined;
  readonly protocol: string | undefined;
  readonly label: string | undefined;
  readonly where: string | undefined;
  readonly title: string | undefined;
  readonly nth: number;
}
