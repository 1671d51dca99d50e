/** What a shell can do beyond its own language: commands, and what waits inside its state by name. Kept apart so that a page can start before all of it has arrived. */
import type { Pod } from '../kube/pod/types.ts';
import type { StoreView } from '../objects/types.ts';
import type { Command, Filter, Hook, Program, Watch } from './command.ts';

/** By the names under which commands are typed and the shell's state refers to filters, watches and hooks. */
export interface Toolbox {
  readonly commands: ReadonlyMap<string, Command>;
  readonly filters: ReadonlyMap<string, Filter>;
  readonly watches: ReadonlyMap<string, Watch>;
  readonly hooks: ReadonlyMap<string, Hook>;
  readonly programs: ReadonlyMap<string, Program>;
  /** Files that programs in pods write, by path. */
  readonly podFiles: ReadonlyMap<string, (pod: Pod, view: StoreView) => string | undefined>;
}
