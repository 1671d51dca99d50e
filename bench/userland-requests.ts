/** How many Service requests a CPU second carries: DNS question and answer, TCP, HTTP, all packets of all hops, with programs started and ended. Run: npm run bench. */

import { programs } from '../src/net/app/index.ts';
import { appWorld, CLIENT } from '../src/net/app/testing/app-world.ts';

const REQUESTS = 5000;
/** Until V8 has compiled what is hot. */
const WARM_UP = 5000;

/** A loop of this machine's own, to compare with: Map look-ups. */
function baseline(): number {
  const map = new Map<number, number>();
  for (let i = 0; i < 1000; i += 1) map.set(i * 7, i);
  const start = process.cpuUsage();
  let sum = 0;
  for (let i = 0; i < 5_000_000; i += 1) sum += map.get((i % 1000) * 7) ?? 0;
  const used = process.cpuUsage(start);
  if (sum < 0) throw new Error('unreachable');
  return (5_000_000 / (used.user + used.system)) * 1e6;
}

function measure(trace: boolean, line: readonly string[]): { readonly perSecond: number; readonly events: number; readonly okay: number } {
  const world = appWorld({ trace });
  const curl = programs.get('curl');
  const parsed = curl?.parse(line, { tty: true, image: 'netshoot' });
  if (parsed === undefined || !parsed.ok) throw new Error('no curl');
  let okay = 0;
  world.network.onOutput = (_id, stream, _text, code) => {
    if (stream === 'exit' && code === 0) okay += 1;
  };
  const round = (count: number) => {
    for (let i = 0; i < count; i += 1) {
      world.network.spawn({ netns: CLIENT, app: 'curl', name: 'curl', config: parsed.config });
      world.network.run({ untilNs: Number.POSITIVE_INFINITY, maxEvents: 1_000_000 });
    }
  };
  round(WARM_UP);
  okay = 0;
  const length = world.network.traceLength;
  const start = process.cpuUsage();
  round(REQUESTS);
  const used = process.cpuUsage(start);
  return { perSecond: (REQUESTS / (used.user + used.system)) * 1e6, events: (world.network.traceLength - length) / REQUESTS, okay };
}

const base = baseline();
console.log(`baseline: ${(base / 1e6).toFixed(1)} M Map look-ups a CPU second`);
for (const [name, trace, line] of [
  ['curl by name, trace off', false, ['-s', 'http://web-service']],
  ['curl by name, trace on', true, ['-s', 'http://web-service']],
  ['curl by address, trace off', false, ['-s', 'http://10.97.253.216']],
] as const) {
  const { perSecond, events, okay } = measure(trace, line);
  console.log(
    `${name}: ${Math.round(perSecond)} requests a CPU second (${okay}/${REQUESTS} ok, ${events.toFixed(0)} log events each; ${(base / perSecond).toFixed(0)} look-ups' time)`,
  );
}
