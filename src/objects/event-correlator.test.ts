import { describe, expect, it } from 'vitest';
import type { EventObject } from './events.ts';
import { chattering, podText } from './testing/server.ts';

const wake = ({ api, clock }: ReturnType<typeof chattering>, atSeconds: number): void => {
  clock.nowNs = atSeconds * 1e9;
  api.patch('Pod/default/a', { metadata: { labels: { at: `${atSeconds}` } } }, 'merge');
  api.settle();
};
const told = ({ api }: ReturnType<typeof chattering>): readonly string[] =>
  api.view.list<EventObject>('Event', 'default').map((event) => `${event.message} x${event.series?.count ?? event.count ?? 1}`);

describe('events of one component', () => {
  it('tell nine different messages for a reason one by one, and all further ones together', () => {
    const numbers = Array.from({ length: 14 }, (_, i) => `number ${i}`);
    const server = chattering(() => numbers);
    server.api.create(podText('a'));
    server.api.settle();
    expect(told(server).toSorted()).toEqual(['(combined from similar events): number 13 x5', ...numbers.slice(0, 9).map((one) => `${one} x1`)].toSorted());
  });

  it('are told apart again when there were none for ten minutes', () => {
    let from = 0;
    const server = chattering(() => Array.from({ length: 10 }, (_, i) => `number ${from + i}`));
    server.api.create(podText('a'));
    server.api.settle();
    from = 100;
    wake(server, 601);
    expect(told(server)).toContain('number 104 x1');
    expect(told(server)).toContain('(combined from similar events): number 109 x2');
  });

  it('are told 25 times at once for an object, then one in five minutes, and none is lost in the count', () => {
    const server = chattering(() => Array(30).fill('again'));
    server.api.create(podText('a'));
    server.api.settle();
    expect(told(server)).toEqual(['again x25']);
    wake(server, 299);
    expect(told(server)).toEqual(['again x25']);
    wake(server, 301);
    expect(told(server)).toEqual(['again x61']);
  });

  it('do not use up the share of another object', () => {
    const server = chattering(() => Array(30).fill('again'));
    for (const name of ['a', 'b']) server.api.create(podText(name));
    server.api.settle();
    expect(told(server)).toEqual(['again x25', 'again x25']);
  });

  it('go on after a snapshot as without it', () => {
    const server = chattering(() => Array(20).fill('again'));
    server.api.create(podText('a'));
    server.api.settle();
    const snapshot = server.api.snapshot();
    wake(server, 10);
    expect(told(server)).toEqual(['again x25']);
    server.api.restore(snapshot);
    expect(told(server)).toEqual(['again x20']);
    wake(server, 10);
    expect(told(server)).toEqual(['again x25']);
  });
});

describe('events of events.k8s.io', () => {
  const server = (): ReturnType<typeof chattering> => chattering(() => ['first words', 'other words'], { action: 'Scheduling' });

  it('are a series under the words of the first', () => {
    const one = server();
    one.clock.nowNs = 1_234_567_000;
    one.api.create(podText('a'));
    one.api.settle();
    expect(one.api.view.list('Event', 'default')).toMatchObject([
      {
        message: 'first words',
        action: 'Scheduling',
        source: {},
        firstTimestamp: null,
        lastTimestamp: null,
        eventTime: '2026-04-04T09:00:01.234567Z',
        series: { count: 2, lastObservedTime: '2026-04-04T09:00:01.234567Z' },
        reportingComponent: 'chatty',
      },
    ]);
  });

  it('begin a new series with each version of the object', () => {
    const one = server();
    one.api.create(podText('a'));
    one.api.settle();
    wake(one, 10);
    expect(told(one)).toEqual(['first words x2', 'first words x2']);
  });
});
