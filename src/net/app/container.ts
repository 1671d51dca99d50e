/** A container's first process whose command is run by somebody above the engine: here it has its place in the process table, and speaks through `Engine.print`. */
import { defineApp } from './definition.ts';

export interface ContainerConfig {
  /** The command line, `argv[0]` first. */
  readonly argv: readonly string[];
  readonly workingDir?: string;
  /** Name of the container among those of its pod. */
  readonly container: string;
  /** How often it had been started before. */
  readonly run: number;
  /** It has been asked to end. */
  readonly signal?: 'SIGTERM';
}

export const container = defineApp<null, ContainerConfig>({
  name: 'container',
  start: () => null,
  handle: (_context, state) => state,
});
