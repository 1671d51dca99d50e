import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EVENT_FRAME, EVENT_TIMER, EventQueue } from './event-queue.ts';

describe('the event queue', () => {
  it('gives events back by time and, at one time, in the order they came', () => {
    fc.assert(
      fc.property(fc.array(fc.record({ time: fc.integer({ min: 0, max: 9 }), cancel: fc.boolean(), popAfter: fc.boolean() }), { maxLength: 600 }), (steps) => {
        const queue = new EventQueue();
        let model: { time: number; seq: number }[] = [];
        const earliest = (): { time: number; seq: number } | undefined => [...model].sort((a, b) => a.time - b.time || a.seq - b.seq)[0];
        for (const s of steps) {
          const seq = queue.push(s.time, EVENT_TIMER, s, undefined, false, true);
          if (s.cancel) queue.cancel(seq);
          else model.push({ time: s.time, seq });
          if (s.popAfter) {
            const wanted = earliest();
            if (queue.pop() !== (wanted !== undefined)) return false;
            if (wanted !== undefined && (queue.seq !== wanted.seq || queue.timeNs !== wanted.time)) return false;
            model = model.filter((m) => m.seq !== wanted?.seq);
          }
        }
        if (queue.awake !== model.length || queue.nextAwakeNs() !== earliest()?.time) return false;
        while (queue.pop()) {
          const wanted = earliest();
          if (queue.seq !== wanted?.seq) return false;
          model = model.filter((m) => m.seq !== wanted?.seq);
        }
        return model.length === 0;
      }),
    );
  });

  it('sleeps when only house-keeping is left', () => {
    const queue = new EventQueue();
    queue.push(5, EVENT_TIMER, 'keep-alive', undefined, true, true);
    queue.push(7, EVENT_FRAME, 'frame', undefined, false);
    expect(queue.awake).toBe(1);
    expect(queue.peekNs()).toBe(5);
    expect(queue.nextAwakeNs()).toBe(7);
    queue.pop();
    queue.pop();
    expect(queue.awake).toBe(0);
  });

  it('can be written down and set up again', () => {
    const queue = new EventQueue();
    for (let i = 0; i < 500; i += 1) queue.push((i * 7919) % 101, EVENT_FRAME, i, undefined, i % 3 === 0);
    const { nextSeq, events } = queue.list();
    const copy = new EventQueue();
    copy.load(nextSeq, events);
    while (queue.pop()) {
      expect(copy.pop()).toBe(true);
      expect([copy.timeNs, copy.seq, copy.a]).toEqual([queue.timeNs, queue.seq, queue.a]);
    }
    expect(copy.pop()).toBe(false);
    expect(copy.push(1, EVENT_FRAME, 0, undefined, false)).toBe(nextSeq);
  });
});
