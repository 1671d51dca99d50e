import { describe, expect, it, vi } from 'vitest';
import { crowdHops, curlHops } from '../canvas/testing/article.ts';
import { fakeClient } from '../canvas/testing/fake-client.ts';
import { eyeTimes, nextHops } from './eye-time.ts';
import { type FrameClock, Playback } from './playback.ts';

class TestClock implements FrameClock {
  #now = 0;
  #next = 1;
  readonly #waiting = new Map<number, () => void>();

  now(): number {
    return this.#now;
  }

  request(callback: () => void): number {
    this.#next += 1;
    this.#waiting.set(this.#next, callback);
    return this.#next;
  }

  cancel(handle: number): void {
    this.#waiting.delete(handle);
  }

  get idle(): boolean {
    return this.#waiting.size === 0;
  }

  run(ms: number, frameMs = 16): void {
    for (let passed = 0; passed < ms; passed += frameMs) {
      this.#now += frameMs;
      const due = [...this.#waiting.values()];
      this.#waiting.clear();
      for (const callback of due) callback();
    }
  }
}

function make(options: { readonly reducedMotion?: boolean } = {}) {
  const clock = new TestClock();
  const hops = curlHops();
  const playback = new Playback(fakeClient(hops), { clock, reducedMotion: () => options.reducedMotion === true });
  playback.setHops(hops);
  return { clock, hops, playback };
}

describe('playback', () => {
  it('stands before the first hop, plays to the last, and stops there', () => {
    const { clock, hops, playback } = make();
    expect(playback.getSnapshot()).toMatchObject({ index: -1, hopCount: hops.length, playing: false });
    playback.play();
    clock.run(playback.durationMs + 2_000);
    expect(playback.getSnapshot()).toMatchObject({ index: hops.length - 1, playing: false });
    expect(clock.idle).toBe(true);
  });

  it('goes by events of the log between its hops, until it is moved to a hop again', async () => {
    const { hops, playback } = make();
    const [first, second] = [hops[3]?.event.seq ?? 0, hops[4]?.event.seq ?? 0];
    await playback.load(0, (hops.at(-1)?.event.seq ?? 0) + 3);
    playback.seek(3);
    for (let event = first + 1; event <= second; event += 1) {
      playback.stepEvent(1);
      expect(playback.getSnapshot()).toMatchObject({ event, index: event < second ? 3 : 4 });
    }
    playback.stepEvent(-1);
    expect(playback.getSnapshot()).toMatchObject({ event: second - 1, index: 3 });
    playback.seek(3);
    expect(playback.getSnapshot().event).toBeUndefined();
    playback.seek(hops.length - 1);
    for (let i = 0; i < 9; i += 1) playback.stepEvent(1);
    expect(playback.getSnapshot().event, 'the end of what is loaded').toBe((hops.at(-1)?.event.seq ?? 0) + 2);
  });

  it('knows where the packet of an event stands and which hop the event is part of', async () => {
    const { hops, playback } = make();
    await playback.load(0, (hops.at(-1)?.event.seq ?? 0) + 3);
    playback.seek(3);
    const frames: unknown[] = [];
    playback.subscribeCoarse(() => frames.push(playback.getSnapshot().index));
    playback.stepEvent(1);
    await vi.waitFor(() => expect(playback.stop()?.seq).toBe((hops[3]?.event.seq ?? 0) + 1));
    expect(new Set(frames), 'no other hop is shown on the way').toEqual(new Set([playback.getSnapshot().index]));
    playback.seekToSeq((hops[5]?.event.seq ?? 0) - 1);
    playback.stepEvent(1);
    await vi.waitFor(() => expect(playback.stop()).toMatchObject({ seq: hops[5]?.event.seq, of: 5, hop: { place: hops[5]?.place, hop: hops[5]?.hop } }));
    playback.step(-1);
    expect(playback.stop()).toBeUndefined();
  });

  it('steps forward and back symmetrically, to the same positions', () => {
    const { clock, hops, playback } = make();
    const seen: number[] = [];
    for (let i = 0; i < hops.length; i += 1) {
      playback.step(1);
      clock.run(400);
      seen.push(playback.position().index);
      expect(playback.position().fraction).toBe(0);
    }
    expect(seen).toEqual(hops.map((_, i) => i));
    for (let i = hops.length - 2; i >= -1; i -= 1) {
      playback.step(-1);
      clock.run(400);
      expect(playback.position()).toEqual({ index: i, fraction: 0 });
    }
    playback.step(-1);
    expect(playback.getSnapshot().index).toBe(-1);
  });

  it('shows the hop that is stepped to at once, while its packet glides there', () => {
    const { clock, playback } = make();
    playback.seek(4);
    playback.step(1);
    expect(playback.getSnapshot().index).toBe(5);
    clock.run(100);
    expect(playback.position().index).toBe(4);
    expect(playback.position().fraction).toBeGreaterThan(0);
    clock.run(400);
    expect(playback.position()).toEqual({ index: 5, fraction: 0 });
  });

  it('follows quick steps without losing one', () => {
    const { clock, playback } = make();
    for (let i = 0; i < 5; i += 1) playback.step(1);
    clock.run(500);
    expect(playback.getSnapshot().index).toBe(4);
    playback.step(-1);
    playback.step(-1);
    clock.run(500);
    expect(playback.position()).toEqual({ index: 2, fraction: 0 });
  });

  it('steps back to the hop that was left when it was paused on the way', () => {
    const { clock, playback } = make();
    playback.seek(6);
    playback.play();
    clock.run(300);
    playback.pause();
    expect(playback.position().fraction).toBeGreaterThan(0);
    playback.step(-1);
    clock.run(500);
    expect(playback.position()).toEqual({ index: 6, fraction: 0 });
  });

  it('steps by packet', () => {
    const { hops, playback } = make();
    playback.seek(3);
    playback.stepPacket(1);
    const second = hops.findIndex((hop) => hop.event.packetId === 2);
    expect(playback.getSnapshot().index).toBe(second);
    playback.stepPacket(-1);
    expect(playback.getSnapshot().index).toBe(0);
  });

  it('plays twice as fast at twice the speed, within bounds', () => {
    const positionAfter = (speed: number) => {
      const { clock, playback } = make();
      playback.setSpeed(speed);
      playback.play();
      clock.run(2_000);
      return playback.elapsedMs;
    };
    expect(positionAfter(2)).toBeCloseTo(2 * positionAfter(1), -1);
    const { playback } = make();
    playback.setSpeed(1e9);
    expect(playback.getSnapshot().speed).toBe(4);
    playback.setSpeed(Number.NaN);
    expect(playback.getSnapshot().speed).toBe(4);
  });

  it('never flies when motion is reduced', () => {
    const { clock, playback } = make({ reducedMotion: true });
    const fractions = new Set<number>();
    playback.subscribe(() => fractions.add(playback.position().fraction));
    playback.play();
    clock.run(5_000);
    playback.step(1);
    expect(playback.getSnapshot().index).toBeGreaterThan(2);
    expect([...fractions]).toEqual([0]);
  });

  it('begins again at the end when it loops', () => {
    const { clock, playback } = make();
    playback.setLoop(true);
    playback.play();
    clock.run(playback.durationMs + 3_000);
    expect(playback.playing).toBe(true);
    expect(playback.getSnapshot().index).toBeLessThan(10);
  });

  it('tells coarse listeners only of changes', () => {
    const { clock, playback } = make();
    let coarse = 0;
    let fine = 0;
    playback.subscribeCoarse(() => {
      coarse += 1;
    });
    playback.subscribe(() => {
      fine += 1;
    });
    const before = playback.getSnapshot();
    playback.pause();
    expect(playback.getSnapshot()).toBe(before);
    playback.play();
    clock.run(4_000);
    expect(fine).toBeGreaterThan(200);
    expect(coarse).toBeLessThan(40);
  });

  it('stays at its log event when more is loaded', async () => {
    const { hops, playback } = make();
    playback.seek(7);
    const seq = playback.hop?.event.seq;
    playback.setHops(hops.slice(3), { at: 'keep' });
    expect(playback.hop?.event.seq).toBe(seq);
    expect(playback.getSnapshot().index).toBe(4);
  });

  it('loads a span; the last call wins, and a failure is told', async () => {
    const hops = curlHops();
    const first = hops[0]?.event.seq ?? 0;
    const playback = new Playback(fakeClient(hops), { clock: new TestClock() });
    const slow = playback.load(first, first + 2);
    await playback.load(first, first + 10, { at: 'end' });
    await slow;
    expect(playback.hops()).toHaveLength(10);
    expect(playback.getSnapshot()).toMatchObject({ index: 9, loading: false, problem: '' });
    const broken = new Playback({ ...fakeClient(hops), call: () => Promise.reject(new Error('gone')) }, { clock: new TestClock() });
    await broken.load(0, 5);
    expect(broken.getSnapshot()).toMatchObject({ loading: false, problem: 'gone' });
  });

  it('has nothing of the last world when another is opened, neither what is loaded nor what is on its way', async () => {
    const { hops, playback } = make();
    playback.play();
    const late = playback.load(0, (hops.at(-1)?.event.seq ?? 0) + 1);
    playback.forget();
    await late;
    expect(playback.getSnapshot()).toMatchObject({ index: -1, hopCount: 0, playing: false, loading: false });
    expect(playback.span).toEqual({ from: 0, to: 0 });
  });

  it('scrubs to any moment and back', () => {
    const { hops, playback } = make();
    for (const part of [0, 0.13, 0.5, 0.77, 1]) {
      playback.scrub(playback.durationMs * part);
      expect(playback.elapsedMs).toBeCloseTo(playback.durationMs * part, 0);
    }
    expect(playback.getSnapshot().index).toBe(hops.length - 1);
    playback.scrub(-50);
    expect(playback.getSnapshot().index).toBe(-1);
  });
});

describe('eye time', () => {
  it('gives every hop some time, more where something was decided, less for what is beside the story', () => {
    const hops = curlHops();
    const { times } = eyeTimes(hops);
    expect(Math.min(...times)).toBeGreaterThan(0);
    const dnat = hops.findIndex((hop) => hop.event.step.kind === 'translated');
    const veth = hops.findIndex((hop) => hop.event.step.kind === 'received');
    expect(times[dnat + 1]).toBeGreaterThan(2 * (times[veth + 1] ?? 0));
    const quick = eyeTimes(hops.map((hop) => ({ ...hop, background: true }))).times;
    expect(quick[dnat + 1]).toBeLessThan((times[dnat + 1] ?? 0) / 2);
  });

  it('shortens idle virtual time', () => {
    const [a, b] = curlHops();
    if (a === undefined || b === undefined) throw new Error('the fixture is empty');
    const timeAt = (ns: number) => eyeTimes([a, { ...b, event: { ...b.event, timeNs: a.event.timeNs + ns } }]).times[1] ?? 0;
    expect(timeAt(1e9)).toBeGreaterThan(timeAt(1e3));
    expect(timeAt(3600e9)).toBeLessThan(timeAt(1e3) + 1_000);
  });

  it('does not take a hundred times as long for a hundred packets at once', () => {
    const total = (packets: number) => eyeTimes(crowdHops(packets)).times.reduce((sum, time) => sum + time, 0);
    expect(total(100)).toBeLessThan(total(1) * 12);
  });

  it('links the hops of a packet, and ends them at delivery', () => {
    const hops = curlHops();
    const next = nextHops(hops);
    hops.forEach((hop, index) => {
      const to = next[index] ?? -1;
      if (hop.event.step.kind === 'delivered') expect(to).toBe(-1);
      else expect(hops[to]?.event.packetId).toBe(hop.event.packetId);
    });
  });
});
