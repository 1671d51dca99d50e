/** The kernel's ring buffer of each host: what `dmesg` prints. */

export interface KernelLogLine {
  readonly timeNs: number;
  /** 0 emerg … 7 debug. */
  readonly level: number;
  readonly text: string;
}

/** Lines kept a host; the oldest go. */
const LIMIT = 2000;

export class KernelLog {
  readonly #lines = new Map<string, KernelLogLine[]>();

  add(hostId: string, timeNs: number, level: number, text: string): void {
    let lines = this.#lines.get(hostId);
    if (lines === undefined) {
      lines = [];
      this.#lines.set(hostId, lines);
    }
    lines.push({ timeNs, level, text });
    if (lines.length > LIMIT) lines.shift();
  }

  list(hostId: string): readonly KernelLogLine[] {
    return this.#lines.get(hostId) ?? [];
  }

  clear(hostId: string): void {
    this.#lines.delete(hostId);
  }

  save(): readonly (readonly [string, readonly KernelLogLine[]])[] {
    return [...this.#lines].map(([host, lines]) => [host, [...lines]] as const);
  }

  load(saved: readonly (readonly [string, readonly KernelLogLine[]])[]): void {
    this.#lines.clear();
    for (const [host, lines] of saved) this.#lines.set(host, [...lines]);
  }
}
