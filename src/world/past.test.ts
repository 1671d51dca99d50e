/** Going back in time: boxes, tables and texts at any event are those of the world when it happened; and another future can begin there. */
import { beforeAll, describe, expect, it } from 'vitest';
import { articleFiles, openArticle, runLine } from './testing/article.ts';
import type { World } from './world.ts';

const curl = 'kubectl exec client -- curl -s web-service';
const tables = { kind: 'netns', id: 'controlplane/netns/root' } as const;
const deployment = { kind: 'object', key: 'Deployment/default/web' } as const;
const web = articleFiles().find((file) => file.path === 'web.yaml')?.text ?? '';
const pods = (boxes: { readonly netnses: readonly { readonly title: string }[] }) => boxes.netnses.filter((one) => one.title.startsWith('web-')).length;
const replicasIn = (files: readonly { readonly path: string; readonly text: string | null }[]) =>
  /^ {2}replicas: (\d)$/m.exec(files.find((file) => file.path === 'web.yaml')?.text ?? '')?.[1];
const comparable = (value: unknown) => JSON.stringify(value, (key, part: unknown) => (key === 'atSeq' ? undefined : part));
const logOf = (world: World, to = world.headSeq) => JSON.stringify(world.engine.events(0, to));

interface Seen {
  readonly seq: number;
  readonly tables: string;
  readonly object: string;
  readonly pods: number;
  readonly replicas: string | undefined;
}

describe('the past in the middle of commands and behind edits', () => {
  let world: World;
  const seen = new Map<number, Seen>();
  let last: number | undefined;
  const look = () => {
    const seq = world.headSeq;
    if (seen.has(seq) || seq - (last ?? 0) < 140) return;
    last = seq;
    seen.set(seq, {
      seq,
      tables: comparable(world.inspect(tables)),
      object: comparable(world.inspect(deployment)),
      pods: pods(world.topology()),
      replicas: replicasIn(world.files),
    });
  };
  const typed = (line: string) => {
    world.input('main', line);
    look();
    for (let i = 0; i < 20_000 && world.pump(1) === 'more'; i += 1) look();
  };
  beforeAll(() => {
    world = openArticle();
    typed(`${curl}; kubectl scale deployment web --replicas=5; ip route add 10.9.0.0/16 via 172.30.0.3; ${curl}`);
    world.elapse(3_000);
    world.edit('web.yaml', web.replace(/^ {2}replicas: 3$/m, '  replicas: 2'));
    look();
    typed(`kubectl scale deployment web --replicas=0; ${curl}`);
    typed('kubectl exec client -- ping -c 1 10.244.1.0');
  });

  it('is what it was', () => {
    expect(seen.size).toBeGreaterThan(8);
    const log = logOf(world);
    for (const one of [...seen.values()].slice(0, -1)) {
      expect(comparable(world.inspect(tables, one.seq - 1)), `tables at ${one.seq}`).toBe(one.tables);
      expect(comparable(world.inspect(deployment, one.seq - 1)), `object at ${one.seq}`).toBe(one.object);
      const moment = world.moment(one.seq - 1);
      expect([pods(moment.topology), replicasIn(moment.files) ?? '2'], `boxes at ${one.seq}`).toEqual([one.pods, one.replicas]);
    }
    expect(logOf(world)).toBe(log);
    expect(replicasIn(world.files)).toBe('2');
  });

  it('has eras in which boxes and texts stay as they are', () => {
    const first = world.moment(3);
    expect(first.fromSeq).toBeLessThanOrEqual(3);
    expect(first.toSeq).toBeGreaterThan(200);
    expect(world.moment(150).topology).toEqual(first.topology);
    expect(world.moment(world.eraSeq)).toMatchObject({ fromSeq: world.eraSeq, toSeq: Number.MAX_SAFE_INTEGER });
    expect(world.moment(world.headSeq).topology).toBe(world.topology());
  });
});

describe('another future', () => {
  it('begins in the middle of a curl, and its document gives it again', () => {
    const world = openArticle();
    runLine(world, 'hostname');
    runLine(world, curl);
    runLine(world, 'kubectl scale deployment web --replicas=5');
    const at = world.hops(0, world.headSeq).find((hop) => hop.event.step.kind === 'encapsulated' && hop.label.startsWith('SYN'))?.event.seq ?? 0;
    expect(at).toBeGreaterThan(100);
    const before = logOf(world, at + 1);
    const whole = world.headSeq;
    world.branch(at);
    expect(world.headSeq).toBeGreaterThan(at);
    expect(world.headSeq).toBeLessThan(whole);
    expect(logOf(world, at + 1)).toBe(before);
    expect(pods(world.topology())).toBe(3);
    expect(world.document().inputs.map((input) => input.kind === 'command' && input.line)).toEqual(['hostname', curl]);
    const shown = world.terminalFrom(0).map((entry) => entry.text);
    expect(shown).toContain('controlplane\n');
    expect(shown.join('')).not.toContain('Hello');
    expect(world.sessions()[0]?.busy).toBe(true);
    // The answer finds no way back: what is done now meets the packets that are still on their way.
    world.openSession('t2', { host: 'node01' });
    world.command('t2', 'ip route del 10.244.0.0/24');
    expect(world.exitCode('main')).not.toBe(0);
    const again = openArticle({ inputs: world.document().inputs });
    expect(logOf(again)).toBe(logOf(world));
    expect(again.terminalFrom(0)).toEqual(world.terminalFrom(0));
  });

  it('of a text goes back to the text as it was', () => {
    const world = openArticle();
    runLine(world, curl);
    const at = world.headSeq - 5;
    world.edit('web.yaml', web.replace(/^ {2}replicas: 3$/m, '  replicas: 1'));
    world.edit('web.yaml', 'kind: [broken');
    world.branch(at);
    expect(replicasIn(world.files)).toBe('3');
    expect(world.diagnostics.filter((one) => one.severity === 'error')).toEqual([]);
    expect(pods(world.topology())).toBe(3);
    expect(world.edit('web.yaml', web.replace(/^ {2}replicas: 3$/m, '  replicas: 4')).applied).toBe(true);
    expect(pods(world.topology())).toBe(4);
  });
});
