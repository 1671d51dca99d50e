/** The whole world, from text to a network: boot, snapshot and restore, a look at the past, edits in small and large clusters, and the words for a window of the log. */
import type { DocumentFile } from '../src/world/document.ts';
import { buildTopology } from '../src/world/topology.ts';
import type { World } from '../src/world/world.ts';
import { cpuMilliseconds, type Figure, report } from './harness.ts';
import { articleWorld, bigCluster, runLine, webFile } from './support/worlds.ts';

const clusterReady = (world: World, pods: number): void => {
  const netnses = world.topology().netnses.filter((netns) => netns.type === 'pod');
  const ready = netnses.filter((netns) => netns.ready).length;
  if (ready < pods) throw new Error(`${ready} of ${pods} pods are ready`);
};

/** CPU milliseconds of one single call. */
function once(work: () => unknown): number {
  const started = process.cpuUsage();
  work();
  const used = process.cpuUsage(started);
  return (used.user + used.system) / 1000;
}

const figures: Figure[] = [];
const figure = (name: string, value: number, goal?: number, unit: Figure['unit'] = 'ms'): void => {
  figures.push({ name, value, unit, ...(goal === undefined ? {} : { goal }) });
};

function boot(): World {
  const world = articleWorld();
  clusterReady(world, 6);
  return world;
}
figure('boot to all Ready, first in the process (nothing compiled by V8 yet)', once(boot));
figure('boot to all Ready, warm', cpuMilliseconds(61, boot), 30);

/** An edit that makes the n-th one differ from the last: another replica more or less. */
const edits =
  (replicas: number): ((n: number) => DocumentFile) =>
  (n) =>
    webFile(replicas + (n % 2));

function measureEdits(pods: number, goal: number): void {
  const world = bigCluster();
  const edit = edits(pods);
  world.edit('web.yaml', edit(0).text);
  clusterReady(world, pods);
  let n = 0;
  const apply = (): void => {
    n += 1;
    const { applied, diagnostics } = world.edit('web.yaml', edit(n).text);
    if (!applied) throw new Error(diagnostics.map((one) => one.message).join('; '));
  };
  figure(
    `edit (one replica more or less) to new records and boxes, ${pods} pods`,
    cpuMilliseconds(15, () => {
      apply();
      world.topology();
    }),
    goal,
  );
  let port = 80;
  const service = (): void => {
    port = 80 + (port % 79);
    world.edit('web.yaml', webFile(pods + (n % 2), port).text);
  };
  figure(
    `edit (the Service's targetPort) to new records and boxes, ${pods} pods`,
    cpuMilliseconds(15, () => {
      service();
      world.topology();
    }),
    goal,
  );
  const broken = (): void => {
    if (world.edit('web.yaml', `${webFile(pods).text}\n  sessionAffinity: Never\n`).applied) throw new Error('a wrong text was applied');
  };
  figure(`edit that is refused, ${pods} pods`, cpuMilliseconds(9, broken), goal);
  if (pods >= 1000)
    figure(
      `boxes of ${pods} pods from records and objects`,
      cpuMilliseconds(15, () => buildTopology(world.records, world.planes)),
      10,
    );
  const states = { records: world.records.snapshot(), api: world.api.snapshot(), engine: world.engine.snapshot() };
  figure(
    `snapshot, ${pods} pods`,
    cpuMilliseconds(15, () => [world.records.snapshot(), world.api.snapshot(), world.engine.snapshot()]),
  );
  figure(
    `restore after an edit, ${pods} pods`,
    cpuMilliseconds(
      9,
      () => {
        world.records.restore(states.records);
        world.api.restore(states.api);
        world.engine.restore(states.engine);
      },
      () => {
        world.api.patch('Deployment/default/web', { spec: { replicas: pods - 1 } }, 'merge');
        world.api.settle();
      },
    ),
  );
}
measureEdits(60, 50);
measureEdits(1000, 150);

const EVENTS = 100_000;
const world = boot();
while (world.headSeq < EVENTS) {
  runLine(world, 'for i in $(seq 1 20); do kubectl exec client -- curl -s -o /dev/null web-service; done');
}
const head = world.headSeq;
const places = Array.from({ length: 15 }, (_, i) => Math.floor((head * ((i * 7) % 15)) / 15));
let worst = 0;
const looks = places.map((seq) => {
  const spent = once(() => world.inspect({ kind: 'netns', id: 'node01/netns/root' }, seq));
  worst = Math.max(worst, spent);
  return spent;
});
figure('look at a node 15 times anywhere in 100,000 events, median', [...looks].sort((a, b) => a - b)[7] ?? Number.NaN, 100);
figure('the same, the slowest', worst, 100);
figure(
  'words for 5,000 hops',
  cpuMilliseconds(9, () => world.hops(head - 5000, head)),
  50,
);
figure(
  'packets in 5,000 events',
  cpuMilliseconds(9, () => world.packets(head - 5000, head)),
  50,
);
report(figures);
