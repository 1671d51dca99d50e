/** CPU time for tests that hold a bound: unlike wall time it does not grow when the machine is busy with others. */

/** Milliseconds of CPU that `work` took, all threads of the process together. */
export function cpuMs(work: () => unknown): number {
  const started = process.cpuUsage();
  work();
  const used = process.cpuUsage(started);
  return (used.user + used.system) / 1000;
}
