/** Programs on the world of the routing tests (net/testing/routers.ts): left — router — right, with real sockets. */
import { createNetwork } from '../../create-network.ts';
import type { Network } from '../../network.ts';
import { LEFT, RIGHT, ROUTER } from '../../testing/routers.ts';
import { WorldBuilder } from '../../testing/world-builder.ts';
import { programs } from '../index.ts';

export { LEFT, RIGHT, ROUTER };

export interface RouterWorld {
  readonly b: WorldBuilder;
  readonly network: Network;
  /** Both streams of a command line, stderr behind stdout, and `[code]` where it is not 0. */
  run(netns: string, line: string): string;
}

/** `mtu` is that of the far link. */
export function routerWorld(options: { readonly mtu?: number; readonly change?: (b: WorldBuilder) => void } = {}): RouterWorld {
  const b = new WorldBuilder();
  b.host('left');
  b.host('router', { 'net.ipv4.ip_forward': 1 }, 'router');
  b.host('right');
  b.cable('ethernet', { netns: LEFT, name: 'a0' }, { netns: ROUTER, name: 'r0' }, { addressesA: ['10.1.0.2/24'], addressesB: ['10.1.0.1/24'] });
  const mtu = options.mtu ?? 1500;
  b.cable(
    'ethernet',
    { netns: RIGHT, name: 'b0' },
    { netns: ROUTER, name: 'r1' },
    { addressesA: ['10.2.0.2/24'], addressesB: ['10.2.0.1/24'], mtuA: mtu, mtuB: mtu },
  );
  b.route(LEFT, '0.0.0.0/0', { gateway: '10.1.0.1', device: 'a0' });
  b.route(RIGHT, '0.0.0.0/0', { gateway: '10.2.0.1', device: 'b0' });
  options.change?.(b);
  const network = createNetwork({ seed: 1, records: b.records });
  const written = new Map<string, { out: string; err: string; code: number | undefined }>();
  network.onOutput = (id, stream, text, code) => {
    const one = written.get(id) ?? { out: '', err: '', code: undefined };
    written.set(id, one);
    if (stream === 'exit') one.code = code;
    else if (stream === 'stdout') one.out += text;
    else one.err += text;
  };
  return {
    b,
    network,
    run: (netns, line) => {
      const [name = '', ...argv] = line.split(' ');
      const program = programs.get(name);
      if (program === undefined) throw new Error(`no program ${name}`);
      const parsed = program.parse(argv, { tty: true, image: 'host', epochMs: Date.UTC(2026, 10, 24, 23, 8, 40) });
      if (!parsed.ok) return `${parsed.stdout ?? ''}${parsed.stderr}${parsed.exitCode === 0 ? '' : `[${parsed.exitCode}]`}`;
      const id = network.spawn({ netns, app: program.app, name, config: parsed.config });
      written.delete(id);
      network.run({ untilNs: Number.POSITIVE_INFINITY, maxEvents: 1_000_000, stop: () => written.get(id)?.code !== undefined });
      const { out, err, code } = written.get(id) ?? { out: '', err: '', code: undefined };
      return `${out}${err}${code === 0 ? '' : `[${code}]`}`;
    },
  };
}

/** Times as `#`, so that text can be compared with what a real machine printed. */
export const timeless = (text: string): string => text.replace(/ *\d+\.\d+ ?ms/g, ' #ms').replace(/time \d+ms/g, 'time #ms');
