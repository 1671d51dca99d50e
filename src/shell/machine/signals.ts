/** Signals to the first processes of containers. */
import type { ContainerRun, Place } from '../state.ts';
import type { Machine } from './machine.ts';
import { fileKey } from './places.ts';

/** Process 1 takes notice of SIGTERM only by a trap, which runs when the command in the foreground has ended, or at once in `wait`. */
export function signalTerm(machine: Machine, run: ContainerRun): void {
  const root = machine.state.tasks.get(run.task);
  if (root?.scope.traps.has('TERM') === true) root.signal = 'TERM';
}

/** `kill 1` inside a container. */
export function signalFirst(machine: Machine, place: Place): boolean {
  const run = [...machine.state.containers.values()].find((one) => {
    const root = machine.state.tasks.get(one.task);
    return root !== undefined && fileKey(root.place) === fileKey(place);
  });
  if (run !== undefined) signalTerm(machine, run);
  return run !== undefined;
}
