/** How many DNS questions a CPU second carries: a program that asks, the Service in front of two servers, their plugins, the answer, all packets of all hops. */
import { programs } from '../src/net/app/index.ts';
import { appWorld, CLIENT } from '../src/net/app/testing/app-world.ts';
import { type Figure, report } from './harness.ts';

const QUESTIONS = 4000;
/** Until V8 has compiled what is hot. */
const WARM_UP = 4000;

function questionsPerSecond(program: string, line: readonly string[], each: number): number {
  const world = appWorld({ trace: false });
  const parsed = programs.get(program)?.parse(line, { tty: true, image: 'dnsutils' });
  if (parsed === undefined || !parsed.ok) throw new Error(`no ${program}`);
  let okay = 0;
  world.network.onOutput = (_id, stream, _text, code) => {
    if (stream === 'exit' && code === 0) okay += 1;
  };
  const round = (count: number) => {
    for (let i = 0; i < count; i += 1) {
      world.network.spawn({ netns: CLIENT, app: parsed.ok ? (programs.get(program)?.app ?? '') : '', name: program, config: parsed.config });
      world.network.run({ untilNs: Number.POSITIVE_INFINITY, maxEvents: 1_000_000 });
    }
  };
  round(WARM_UP);
  okay = 0;
  const start = process.cpuUsage();
  round(QUESTIONS);
  const used = process.cpuUsage(start);
  if (okay !== QUESTIONS) throw new Error(`${okay} of ${QUESTIONS} programs had an answer`);
  return ((QUESTIONS * each) / (used.user + used.system)) * 1e6;
}

const cases: readonly (readonly [name: string, program: string, line: readonly string[], questionsEach: number])[] = [
  ['DNS questions, one a program (dig)', 'dig', ['+short', 'web-service.default.svc.cluster.local'], 1],
  ['DNS questions, A and AAAA over the search list (getaddrinfo)', 'getent', ['ahosts', 'web-service'], 2],
];
report(cases.map(([name, program, line, each]): Figure => ({ name, value: questionsPerSecond(program, line, each), unit: 'per second' })));
