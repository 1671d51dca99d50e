/** How many Service requests a CPU second carries: DNS question and answer, TCP, HTTP, all packets of all hops, with programs started and ended. */
import { programs } from '../src/net/app/index.ts';
import { appWorld, CLIENT } from '../src/net/app/testing/app-world.ts';
import { type Figure, report } from './harness.ts';

const REQUESTS = 5000;
/** Until V8 has compiled what is hot. */
const WARM_UP = 5000;

function requestsPerSecond(trace: boolean, line: readonly string[]): number {
  const world = appWorld({ trace });
  const parsed = programs.get('curl')?.parse(line, { tty: true, image: 'netshoot' });
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
  const start = process.cpuUsage();
  round(REQUESTS);
  const used = process.cpuUsage(start);
  if (okay !== REQUESTS) throw new Error(`${okay} of ${REQUESTS} requests were answered`);
  return (REQUESTS / (used.user + used.system)) * 1e6;
}

const cases: readonly (readonly [name: string, trace: boolean, line: readonly string[], goal?: number])[] = [
  ['Service requests by name (DNS, TCP, HTTP), trace off', false, ['-s', 'http://web-service'], 10_000],
  ['Service requests by name (DNS, TCP, HTTP), trace on', true, ['-s', 'http://web-service']],
  ['Service requests by address (TCP, HTTP), trace off', false, ['-s', 'http://10.97.253.216']],
];
report(
  cases.map(
    ([name, trace, line, goal]): Figure => ({
      name,
      value: requestsPerSecond(trace, line),
      unit: 'per second',
      ...(goal === undefined ? {} : { goal }),
    }),
  ),
);
