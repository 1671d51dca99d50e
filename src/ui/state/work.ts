/** Long work in slices of a few milliseconds, so that the page never waits for it: generators that stop where they may be interrupted. */

/** Yields where it may be interrupted; what it returns is the result. */
export type Work<T> = Generator<undefined, T, undefined>;

/** Half a frame's script: the other half belongs to the canvas. */
const SLICE_MS = 6;

/** The result at once, however long it takes. */
export function drain<T>(work: Work<T>): T {
  for (;;) {
    const step = work.next();
    if (step.done === true) return step.value;
  }
}

/**
 * Begins at once, so that small work is done when this returns; goes on between other tasks.
 * @param now milliseconds, monotonic
 * @returns stops it; `done` is not called any more
 */
export function runSliced<T>(work: Work<T>, done: (value: T) => void, now: () => number = () => performance.now()): () => void {
  const channel = new MessageChannel();
  const stop = () => {
    channel.port1.onmessage = null;
    channel.port1.close();
  };
  const slice = () => {
    const end = now() + SLICE_MS;
    do {
      const step = work.next();
      if (step.done === true) {
        stop();
        done(step.value);
        return;
      }
    } while (now() < end);
    channel.port2.postMessage(null);
  };
  channel.port1.onmessage = slice;
  slice();
  return stop;
}
