/** The API machinery alone: a thousand pods made, bound, started and rendered by synthetic controllers; a change after a snapshot; YAML with places. */
import { RecordStore } from '../src/base/record-store.ts';
import { parseYaml } from '../src/base/yaml/index.ts';
import { ApiServer } from '../src/objects/api-server.ts';
import { defineAgent } from '../src/objects/define.ts';
import { nodeController, setController, testKinds } from '../src/objects/testing/kinds.ts';
import { setText } from '../src/objects/testing/server.ts';
import { cpuMilliseconds, report } from './harness.ts';

interface Line {
  readonly id: string;
  readonly text: string;
}

const lines = defineAgent<Line>({
  name: 'lines',
  watches: ['Pod'],
  keysFor: (changed) => [`Pod/${changed.metadata.namespace}/${changed.metadata.name}`],
  keys: (view) => view.list('Pod').map((one) => `Pod/${one.metadata.namespace}/${one.metadata.name}`),
  render: (key, view) => ({ records: view.find(key) === undefined ? [] : ['a', 'b'].map((name) => ({ id: `${key}/${name}`, text: key })) }),
});

function world(replicas: number): ApiServer<Line> {
  const api = new ApiServer<Line>({
    kinds: testKinds,
    controllers: [setController, nodeController],
    agents: [lines],
    records: new RecordStore<Line>(),
    nowNs: () => 0,
    epochMs: 0,
    seed: 1,
  });
  api.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'default' } });
  const result = api.apply(setText('web', replicas));
  if (!result.ok) throw new Error(result.message);
  const [problem] = api.settle().diagnostics;
  if (problem !== undefined) throw new Error(problem.message);
  return api;
}

const document = [
  'apiVersion: apps/v1',
  'kind: ReplicaSet',
  'metadata:',
  '  name: web',
  'spec:',
  '  replicas: 3',
  '  selector:',
  '    app: web',
  '  template:',
  '    spec:',
  '      containers:',
  '      - name: nginx',
  '        image: nginx',
  '        ports:',
  '        - containerPort: 80',
  '---\n',
].join('\n');
const file = document.repeat(Math.floor((100 * 1024) / document.length));

const settled = world(1000);
const snapshot = settled.snapshot();

report([
  { name: 'objects: 100 pods made, bound, started, rendered', value: cpuMilliseconds(9, () => world(100)), unit: 'ms' },
  { name: 'objects: 1,000 pods made, bound, started, rendered', value: cpuMilliseconds(7, () => world(1000)), unit: 'ms', goal: 250 },
  {
    name: 'objects: one more of 1,000 pods after a restore',
    value: cpuMilliseconds(
      15,
      () => {
        settled.patch('ReplicaSet/default/web', { spec: { replicas: 1001 } }, 'merge');
        settled.settle();
      },
      () => settled.restore(snapshot),
    ),
    unit: 'ms',
    goal: 20,
  },
  { name: 'yaml: 100 kB parsed with places', value: cpuMilliseconds(9, () => parseYaml('a.yaml', file)), unit: 'ms', goal: 100 },
]);
