import { describe, expect, it } from 'vitest';
import { readPreferences } from '../state/session.ts';
import { settleSize } from './Split.tsx';

describe('the border of a pane', () => {
  it('keeps the pane between its least and the room there is', () => {
    expect(settleSize(333.4, 200, 600)).toBe(333);
    expect(settleSize(150, 200, 600)).toBe(200);
    expect(settleSize(5_000, 200, 600)).toBe(600);
  });

  it('closes the pane below half of its least, and gives the least where there is no room for more', () => {
    expect(settleSize(99, 200, 600)).toBe(0);
    expect(settleSize(Number.NaN, 200, 600)).toBe(0);
    expect(settleSize(400, 200, 120)).toBe(200);
  });

  it('is read from storage only as pixels that a window can have', () => {
    const panes = { left: 250, right: -3, lower: Number.POSITIVE_INFINITY, terminal: '9', __proto__: 1 };
    expect(readPreferences({ panelSizes: { panes, middle: { left: 20, canvas: 60, right: 20 } } }).panelSizes).toEqual({ panes: { left: 250 } });
  });
});
