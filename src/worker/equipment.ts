/** What a server works with. A page's worker begins with little and fetches the whole while the first picture is drawn. */
import type { Toolbox } from '../shell/toolbox.ts';
import type { WorldParts } from '../world/parts.ts';
import type { Reach } from './reach.ts';

export interface Equipment {
  /** Of the shell. */
  readonly tools: Toolbox;
  readonly parts: WorldParts;
  /** Who reaches whom, and why not. */
  readonly reach?: Reach;
  /** Puts what has come later into the worlds that run with this. */
  fill?(all: Equipment): void;
}
