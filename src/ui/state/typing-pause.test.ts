import { describe, expect, it } from 'vitest';
import { TypingPause } from './typing-pause.ts';

describe('the wait for the next key', () => {
  it('is a quarter of a second at first, shrinks for a fast hand, and grows again when it slows down', () => {
    const pause = new TypingPause();
    expect(pause.key(0)).toBe(250);
    let wait = 0;
    for (let at = 60; at <= 900; at += 60) wait = pause.key(at);
    expect(wait).toBeLessThan(125);
    // After a thought the hand is as fast as it was.
    expect(pause.key(5_000)).toBe(wait);
    for (let at = 5_200; at <= 7_000; at += 200) wait = pause.key(at);
    expect(wait).toBe(250);
  });

  it('is always longer than the gap that is usual, so that a word is not cut', () => {
    for (const gap of [40, 60, 80, 100, 120]) {
      const pause = new TypingPause();
      let wait = 0;
      for (let key = 0; key < 20; key += 1) wait = pause.key(key * gap);
      expect(wait).toBeGreaterThan(gap * 1.5);
    }
  });
});
