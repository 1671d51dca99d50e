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
/** Each ends at a controller's moment, a probe's report or so many events: a cluster that fails all its probes takes many. */
const MAX_STRETCHES = 200_000;
/** A leap of time may fill so many stretches to the brim. */
const MAX_EXHAUSTED = 50;

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

  /** Runs at most `maxEvents` engine events for the commands that wait, none of them later than `limitNs`; `more`: call again. */
  pump(maxEvents: number, limitNs = Number.POSITIVE_INFINITY): 'done' | 'more' {
    const work = this.#work;
    let left = maxEvents;
    while (left > 0 && work.waiting && work.nowNs < limitNs) {
      const due = work.nextDueNs;
      this.#interrupted = false;
      const result = work.run({
        untilNs: Math.min(due ?? Number.POSITIVE_INFINITY, this.#deadlineNs, limitNs),
        maxEvents: Math.min(left, STRETCH_EVENTS),
        stop: () => this.#interrupted,
      });
      left -= Math.max(1, result.events);
      const settled = this.#settleIfDue();
      work.moved();
      if (work.nowNs >= this.#deadlineNs) {
        work.giveUp();
        break;
      }
      if (!settled && result.idle && result.events === 0 && due === undefined) break;
    }
    if (left <= 0 && work.waiting) return 'more';
    this.#drain(limitNs);
    return 'done';
  }

  /** Everything that happens until a moment of virtual time. */
  advanceTo(timeNs: number): void {
    const work = this.#work;
    let exhausted = 0;
    for (let i = 0; i < MAX_STRETCHES && work.nowNs < timeNs; i += 1) {
      const due = work.nextDueNs;
      const untilNs = due === undefined ? timeNs : Math.min(Math.max(due, work.nowNs), timeNs);
      this.#interrupted = false;
      const result = work.run({ untilNs, maxEvents: MAX_DRAIN_EVENTS, stop: () => this.#interrupted });
      this.#settleIfDue();
      if (result.exhausted) exhausted += 1;
      if (exhausted > MAX_EXHAUSTED) break;
    }
    work.moved();
  }

  /** Runs on until `reached` says so, at most to a moment of virtual time. */
  runUntil(reached: () => boolean, limitNs: number): void {
    const work = this.#work;
    for (let i = 0; i < MAX_STRETCHES && !reached(); i += 1) {
      const due = work.nextDueNs;
      this.#interrupted = false;
      const result = work.run({ untilNs: Math.min(due ?? limitNs, limitNs), maxEvents: MAX_DRAIN_EVENTS, stop: () => this.#interrupted || reached() });
      if (this.#settleIfDue()) continue;
      if (!this.#interrupted && result.events === 0) break;
    }
  }

  #settleIfDue(): boolean {
    const work = this.#work;
    const due = work.nextDueNs;
    if (due === undefined || work.nowNs < due) return false;
    work.settle();
    return true;
  }

  #drain(limitNs: number): void {
    const work = this.#work;
    const until = Math.min(work.nowNs + DRAIN_NS, limitNs);
    this.#interrupted = false;
    for (let i = 0; i < MAX_STRETCHES; i += 1) {
      const next = work.nextEventNs;
      if (next === undefined || next > until || work.endless) break;
      const { exhausted } = work.run({ untilNs: next, maxEvents: MAX_DRAIN_EVENTS, stop: () => this.#interrupted });
      this.#settleIfDue();
      this.#interrupted = false;
      if (exhausted) break;
    }
    work.moved();
  }
}
