import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { TerminalEntry, Topology } from '../../world/views.ts';
import { completeLine, History } from './history.ts';
import { buildLinkIndex, linkLine } from './links.ts';
import { MAX_LINES, Screen, withoutEscapes } from './screen.ts';

const entry = (kind: TerminalEntry['kind'], text: string, seq = 0, session = 'main'): TerminalEntry => ({ session, timeNs: 0, seq, kind, text });
const textOf = (screen: Screen) => screen.lines().map((line) => line.pieces.map((piece) => piece.text).join(''));

describe('the terminal screen', () => {
  it('joins prompt and command in one line and splits output at newlines', () => {
    const screen = new Screen('main');
    screen.read([
      entry('prompt', 'controlplane:~$ '),
      entry('command', 'hostname'),
      entry('stdout', 'controlplane\n', 3),
      entry('stdout', 'other tab\n', 3, 't2'),
      entry('stderr', 'half', 4),
    ]);
    expect(textOf(screen)).toEqual(['controlplane:~$ hostname', 'controlplane', 'half']);
  });

  it('gives the same lines however the output comes in pieces', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('a', 'bc', '\n', 'x\ny', '\n\n'), { maxLength: 30 }), (texts) => {
        const entries = texts.map((text, index) => entry('stdout', text, index));
        const atOnce = new Screen('main');
        atOnce.read(entries);
        const inPieces = new Screen('main');
        entries.forEach((_, index) => {
          inPieces.read(entries.slice(0, index + 1));
        });
        expect(textOf(inPieces)).toEqual(textOf(atOnce));
        expect(textOf(atOnce).join('\n')).toBe(texts.join('').replace(/\n$/, ''));
      }),
      { numRuns: 100 },
    );
  });

  it('keeps the last 5,000 lines and cuts endless ones', () => {
    const screen = new Screen('main');
    screen.read([entry('stdout', 'l\n'.repeat(7_000)), entry('stdout', 'z'.repeat(50_000))]);
    expect(screen.lines().length).toBe(MAX_LINES + 1);
    expect(textOf(screen).at(-1)?.length).toBeLessThan(5_000);
  });

  it('starts anew when the world was restored', () => {
    const screen = new Screen('main');
    screen.read([entry('stdout', 'old\n'), entry('stdout', 'older\n')]);
    screen.read([entry('stdout', 'new\n')], 0, 1);
    expect(textOf(screen)).toEqual(['new']);
  });

  it('goes on reading when old entries were dropped from the list', () => {
    const screen = new Screen('main');
    screen.read([entry('stdout', '1\n'), entry('stdout', '2\n')]);
    screen.read([entry('stdout', '2\n'), entry('stdout', '3\n')], 1);
    expect(textOf(screen)).toEqual(['1', '2', '3']);
  });

  it('takes out colours and clears at the clear sequence', () => {
    expect(withoutEscapes('\u001b[31mred\u001b[0m\r')).toBe('red');
    const screen = new Screen('main');
    screen.read([entry('stdout', 'before\n'), entry('stdout', '\u001b[H\u001b[2Jafter\n')]);
    expect(textOf(screen)).toEqual(['after']);
  });
});

const topology: Topology = {
  hosts: [{ id: 'node01', name: 'node01', role: 'node', ip: '172.30.2.2', ready: true }],
  netnses: [
    { id: 'node01/netns/root', hostId: 'node01', type: 'root', title: 'node01', ip: '172.30.2.2', ready: true, containers: [], labels: {} },
    {
      id: 'node01/netns/web-1.default',
      hostId: 'node01',
      type: 'pod',
      title: 'web-1',
      namespace: 'default',
      ip: '10.244.1.3',
      ready: true,
      containers: [],
      labels: {},
    },
  ],
  devices: [],
  services: [
    {
      objectKey: 'Service/default/web-service',
      name: 'web-service',
      namespace: 'default',
      type: 'ClusterIP',
      clusterIp: '10.97.253.216',
      ports: '80/TCP',
      endpoints: [],
    },
  ],
};
const index = buildLinkIndex(topology);

describe('links in the output', () => {
  it('lead from names and addresses to boxes, with tcpdump’s ports and sentence ends left out', () => {
    const linked = (text: string) =>
      linkLine(text, index)
        .filter((segment) => segment.link !== undefined)
        .map((segment) => segment.text);
    expect(linked('web-1   1/1  Running  10.244.1.3   node01')).toEqual(['web-1', '10.244.1.3', 'node01']);
    expect(linked('IP 10.244.0.3.41822 > 10.244.1.3.80: Flags [S]')).toEqual(['10.244.1.3']);
    expect(linked('service/web-service exposed, 10.97.253.216.')).toEqual(['web-service', '10.97.253.216']);
    expect(linked('xweb-1 web-1x 110.244.1.3')).toEqual([]);
  });

  it('never change the text', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 120 }), fc.constantFrom('web-1', '10.244.1.3', ' node01.'), (text, word) => {
        const line = text + word + text;
        expect(
          linkLine(line, index)
            .map((segment) => segment.text)
            .join(''),
        ).toBe(line);
      }),
    );
  });
});

describe('history', () => {
  it('goes up and down and gives the half-typed line back', () => {
    const history = new History();
    history.add('one');
    history.add('two');
    history.add('two');
    expect(history.move(-1, 'half')).toBe('two');
    expect(history.move(-1, 'two')).toBe('one');
    expect(history.move(-1, 'one')).toBeUndefined();
    expect(history.move(1, 'one')).toBe('two');
    expect(history.move(1, 'two')).toBe('half');
    expect(history.move(1, 'half')).toBeUndefined();
  });

  it('is searched from the end', () => {
    const history = new History();
    for (const line of ['kubectl get pods', 'ip route', 'kubectl get svc']) history.add(line);
    expect(history.search('kub', 0)).toBe('kubectl get svc');
    expect(history.search('kub', 1)).toBe('kubectl get pods');
    expect(history.search('kub', 2)).toBeUndefined();
  });
});

describe('Tab', () => {
  it('completes to what the candidates share, with a space after the only one', () => {
    expect(completeLine('kubectl get po', 14, 12, ['pods'])).toEqual({ line: 'kubectl get pods ', cursor: 17 });
    expect(completeLine('cat /etc/re', 11, 4, ['/etc/resolv.conf', '/etc/resolver'])).toEqual({ line: 'cat /etc/resolv', cursor: 15 });
    expect(completeLine('ls x', 4, 3, [])).toEqual({ line: 'ls x', cursor: 4 });
    expect(completeLine('cd et', 5, 3, ['etc/'])).toEqual({ line: 'cd etc/', cursor: 7 });
  });
});
