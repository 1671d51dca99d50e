/** How a world moves on: runs the engine, lets controllers act when their time comes, and stops when nobody waits any more. Every loop is bounded. */
import type { RunLimits, RunResult } from '../net/engine.ts';

/** What the clock drives. */
export interface Clockwork {
  readonly nowNs: number;
  /** Virtual time of the next controller that asked to be woken. */
  readonly nextDueNs: number | undefined;
  readonly nextEventNs: number | undefined;
  /** A foreground command that ends by itself is still running. */
  readonly waiting: boolean;
  readonly endless: boolean;
  run(limits: RunLimits): RunResult;
  settle(): void;
  /** Called after each stretch: time for a snapshot. */
  moved(): void;
  /** The command took too much virtual time. */
  giveUp(): void;
}

/** A command may take this much virtual time before the world stops waiting for it (a TCP connect gives up after about 130 s). */
const MAX_COMMAND_NS = 15 * 60 * 1e9;
/** After a command its last packets still travel (the closing ACKs). */
const DRAIN_NS = 1e9;
const MAX_DRAIN_EVENTS = 200_000;
/** Events between two looks at what else is due. */
const STRETCH_EVENTS = 2_000;
const MAX_STRETCHES = 10_000;

export class Clock {
  readonly #work: Clockwork;
  #deadlineNs = 0;
  #interrupted = false;

  constructor(work: Clockwork) {
    this.#work = work;
  }

  /** A command starts now. */
  commandStarted(): void {
    this.#deadlineNs = this.#work.nowNs + MAX_COMMAND_NS;
  }

  /** Ends the present stretch: a program ended, the shell may want to start the next one. */
  interrupt(): void {
    this.#interrupted = true;
  }

  /** Runs at most `maxEvents` engine events for the commands that wait; `more`: call again. */
  pump(maxEvents: number): 'done' | 'more' {
    const work = this.#work;
    let left = maxEvents;
    while (left > 0 && work.waiting) {
      const due = work.nextDueNs;
      this.#interrupted = false;
      const result = work.run({
        untilNs: Math.min(due ?? Number.POSITIVE_INFINITY, this.#deadlineNs),
        maxEvents: Math.min(left, STRETCH_EVENTS),
        stop: () => this.#interrupted,
      });
      left -= Math.max(1, result.events);
      work.moved();
      if (work.nowNs >= this.#deadlineNs) {
        work.giveUp();
        break;
      }
      if (due !== undefined && work.nowNs >= due) work.settle();
      else if (result.idle && result.events === 0 && due === undefined) break;
    }
    if (left <= 0 && work.waiting) return 'more';
    this.#drain();
    return 'done';
  }

  /** Everything that happens until a moment of virtual time. */
  advanceTo(timeNs: number): void {
    const work = this.#work;
    for (let i = 0; i < MAX_STRETCHES && work.nowNs < timeNs; i += 1) {
      const due = work.nextDueNs;
      const untilNs = due === undefined ? timeNs : Math.min(Math.max(due, work.nowNs), timeNs);
      const result = work.run({ untilNs, maxEvents: MAX_DRAIN_EVENTS });
      if (due !== undefined && work.nowNs >= due) work.settle();
      if (result.exhausted) break;
    }
    work.moved();
  }

  /** Runs on until `reached` says so or nothing is left to do. */
  runUntil(reached: () => boolean): void {
    const work = this.#work;
    for (let i = 0; i < MAX_STRETCHES && !reached(); i += 1) {
      const due = work.nextDueNs;
      const result = work.run({ untilNs: due ?? Number.POSITIVE_INFINITY, maxEvents: MAX_DRAIN_EVENTS, stop: reached });
      if (due !== undefined && work.nowNs >= due) work.settle();
      else if (result.idle || result.events === 0) break;
    }
  }

  #drain(): void {
    const work = this.#work;
    const until = work.nowNs + DRAIN_NS;
    for (let i = 0; i < MAX_STRETCHES; i += 1) {
      const next = work.nextEventNs;
      if (next === undefined || next > until || work.endless) break;
      if (work.run({ untilNs: next, maxEvents: MAX_DRAIN_EVENTS }).exhausted) break;
    }
    work.moved();
  }
}
