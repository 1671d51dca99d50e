/** A reverse proxy's speed: how long it takes to find one of 5,000 routes, and how many requests a CPU second carries through it, with every packet. */

import { programs } from '../src/net/app/index.ts';
import type { HttpProxyConfig, ProxyRoute } from '../src/net/app/proxy/config.ts';
import { selectRoute } from '../src/net/app/proxy/select-route.ts';
import { appWorld, CLIENT } from '../src/net/app/testing/app-world.ts';
import { type Figure, report } from './harness.ts';

const ROUTES = 5000;
const REQUESTS = 5000;

function selectionNs(): number {
  const routes = Array.from(
    { length: ROUTES },
    (_, i): ProxyRoute => ({
      owner: String(i),
      match: { path: { kind: i % 2 === 0 ? 'exact' : 'elements', value: `/tenant-${i}/app` } },
      action: { kind: 'answer', code: 200 },
    }),
  );
  const requests = Array.from({ length: 1000 }, (_, i) => ({ method: 'GET', path: `/tenant-${(i * 7919) % ROUTES}/app`, query: '', headers: [] }));
  const round = () => requests.reduce((found, request) => found + (selectRoute(routes, request) === undefined ? 0 : 1), 0);
  for (let i = 0; i < 20; i += 1) if (round() !== requests.length) throw new Error('a route was not found');
  const start = process.cpuUsage();
  for (let i = 0; i < 100; i += 1) round();
  const used = process.cpuUsage(start);
  return ((used.user + used.system) * 1000) / (100 * requests.length);
}

/** The proxy runs in the client's own netns; its backends are the pods behind the Service. */
function requestsPerSecond(): number {
  const world = appWorld({ trace: false });
  const endpoints = ['10.244.1.3', '10.244.1.4', '10.244.1.5'].map((ip) => ({ ip, port: 80 }));
  const config: HttpProxyConfig = {
    port: 8080,
    flavour: 'envoy',
    backends: [{ name: 'web', endpoints }],
    hosts: [
      {
        name: '',
        routes: [
          {
            owner: 'bench',
            match: { path: { kind: 'elements', value: '/' } },
            action: { kind: 'forward', targets: [{ backend: 'web', weight: 1 }], connectTimeoutMs: 5000, readTimeoutMs: 60_000, requestTimeoutMs: 0, tries: 1 },
          },
        ],
      },
    ],
  };
  world.network.spawn({ netns: CLIENT, app: 'http-proxy', name: 'proxy', config });
  const parsed = programs.get('curl')?.parse(['-s', 'http://127.0.0.1:8080/'], { tty: true, image: 'netshoot' });
  if (parsed === undefined || !parsed.ok) throw new Error('no curl');
  let okay = 0;
  world.network.onOutput = (_id, stream, text, code) => {
    if (stream === 'exit' && code === 0) okay += 1;
    if (stream === 'stdout' && text.includes(' 50')) throw new Error(text);
  };
  const round = (count: number) => {
    for (let i = 0; i < count; i += 1) {
      world.network.spawn({ netns: CLIENT, app: 'curl', name: 'curl', config: parsed.config });
      world.network.run({ untilNs: world.network.nowNs + 1e9, maxEvents: 1_000_000 });
    }
  };
  round(REQUESTS / 2);
  okay = 0;
  const start = process.cpuUsage();
  round(REQUESTS);
  const used = process.cpuUsage(start);
  if (okay !== REQUESTS) throw new Error(`${okay} of ${REQUESTS} requests were answered`);
  return (REQUESTS / (used.user + used.system)) * 1e6;
}

const figures: readonly Figure[] = [
  { name: 'gateway: one of 5,000 routes found', value: selectionNs(), unit: 'ns', goal: 20_000 },
  { name: 'gateway: requests through it (two connections, HTTP), trace off', value: requestsPerSecond(), unit: 'per second', goal: 5000 },
];
report(figures);
