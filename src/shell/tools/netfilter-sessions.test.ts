/** Sessions of the real iptables 1.8.9 and ipset 7.17, typed again here. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { createNetwork } from '../../net/create-network.ts';
import type { Engine } from '../../net/engine.ts';
import { FakeWorld } from '../testing/fake-host.ts';

interface Typed {
  readonly line: string;
  text: string;
  exit: number;
}

/** `$ command`, what it printed (`| `), and its exit code (`= `) where that is not 0. */
function readSession(name: string): Typed[] {
  const all: Typed[] = [];
  for (const line of readFileSync(new URL(`./testing/${name}`, import.meta.url), 'utf8').split('\n')) {
    const last = all.at(-1);
    if (line.startsWith('$ ')) all.push({ line: line.slice(2), text: '', exit: 0 });
    else if (line.startsWith('| ') && last !== undefined) last.text += `${line.slice(2)}\n`;
    else if (line.startsWith('= ') && last !== undefined) last.exit = Number(line.slice(2));
  }
  return all;
}

/** A host with the real engine's tables behind the shell. */
function host(): FakeWorld {
  const world = new FakeWorld();
  const network = createNetwork({ seed: 1, records: world.records });
  const parts: Partial<Engine> = {
    counters: (id) => network.counters(id),
    setCounters: (id, counters) => network.setCounters(id, counters),
    ipSetMembers: (id) => network.ipSetMembers(id),
  };
  world.engineParts = parts;
  return world;
}

/** What the kernel draws by chance, and how many bytes it took. */
const plain = (text: string): string => text.replace(/initval 0x[0-9a-f]{8}/g, 'initval 0x').replace(/Size in memory: \d+/g, 'Size in memory:');

describe.each(['iptables-session.txt', 'iptables-legacy-session.txt', 'ipset-session.txt'])('%s', (name) => {
  it('prints and ends as the real one, command by command', () => {
    const world = host();
    const differences: unknown[] = [];
    for (const { line, text, exit } of readSession(name)) {
      const from = world.printed.length;
      world.shell.input('main', line);
      const printed = world.printed
        .slice(from)
        .map((p) => p.text)
        .join('');
      const ours = { line, text: plain(printed), exit: world.shell.exitCode('main') };
      const real = { line, text: plain(text), exit };
      if (JSON.stringify(ours) !== JSON.stringify(real)) differences.push({ real, ours });
    }
    expect(differences).toEqual([]);
  });
});

describe('ipset restore', () => {
  it('takes many elements in bounded time, and keeps what stood before a mistake', () => {
    const world = host();
    const lines = ['create big hash:ip,port counters'];
    for (let i = 0; i < 20_000; i += 1) lines.push(`add big 10.${i >> 16}.${(i >> 8) & 255}.${i & 255},tcp:${1 + (i % 1000)}`);
    world.files.push({ path: 'sets.txt', text: `${[...lines, 'add big x'].join('\n')}\n` });
    world.shell.input('main', 'ipset restore < sets.txt');
    expect(world.printed.at(-1)?.text).toBe('ipset v7.17: Error in line 20002: Syntax error: Second element is missing from x.\n');
    world.shell.input('main', 'ipset list big -t');
    expect(world.printed.at(-1)?.text).toContain('Number of entries: 20000\n');
  }, 10_000);
});
