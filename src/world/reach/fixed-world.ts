/** What the search for fixes needs of a world beside probes: its texts, and ways to try other ones. */
import type { AdmittedObject } from '../admit.ts';
import type { World } from '../world.ts';
import type { ProbedWorld } from './probe.ts';

export type FixedWorld = ProbedWorld & Pick<World, 'supposeTexts' | 'files' | 'openSession' | 'closeSession' | 'command' | 'sourceOf'>;

/** The object's own text, not that of what made it. */
export function ownText(world: FixedWorld, key: string): AdmittedObject | undefined {
  const admitted = world.sourceOf(key);
  return admitted !== undefined && admitted.key === key && world.files.some((file) => file.path === admitted.source.file) ? admitted : undefined;
}
