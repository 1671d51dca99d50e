/** CoreDNS: a dns-server process in each running CoreDNS container, with its Corefile's plugins and the cluster's names compiled into tables. */
import type { DnsCpuLimit, DnsServerConfig } from '../../net/app/dns-server-config.ts';
import type { NetRecord, Process } from '../../net/records.ts';
import type { Agent, KubeObject, ObjectKey, Rendering, StoreView } from '../../objects/types.ts';
import { objectKey } from '../../objects/types.ts';
import { NETWORK_KINDS, parseDurationNs } from '../node/cluster-network.ts';
import { perState } from '../node/per-state.ts';
import { processId } from '../node/record-ids.ts';
import { imageRole } from '../pod/images.ts';
import type { ConfigMap } from '../pod/mounts.ts';
import { mountedConfigMap } from '../pod/mounts.ts';
import { milliUnits } from '../pod/quantity.ts';
import { hasSandbox, isContainerRunning } from '../pod/running.ts';
import { netnsOfPod, processNameOf } from '../pod/sandbox-agent.ts';
import type { Container, Pod } from '../pod/types.ts';
import { brokenCoreDns, compileCoreDns, mountedFiles } from './coredns-compile.ts';
import type { CoreDnsConfig } from './coredns-config.ts';
import { readCorefile } from './coredns-config.ts';
import { isNodeCache, nodeCacheCorefile, nodeCacheDevice } from './node-local.ts';

const COREFILE = 'Corefile';
type Finding = NonNullable<Rendering<NetRecord>['diagnostics']>[number];

interface Read {
  readonly files: string;
  readonly config: CoreDnsConfig;
  /** What can be understood of a Corefile that is wrong. */
  readonly lenient: CoreDnsConfig;
}
const remembered = new WeakMap<ConfigMap, Map<string, Read>>();

function configOf(map: ConfigMap, pod: Pod, container: Container, view: StoreView): Read {
  const base = map.data?.[COREFILE] ?? '';
  const text = isNodeCache(container) ? nodeCacheCorefile(base, pod, container, view) : base;
  // Only what is imported comes from other files.
  const files = /^\s*import\s/m.test(text) ? mountedFiles(pod, container, view) : new Map<string, string>();
  const environment = new Map((container.env ?? []).flatMap(({ name, value }) => (value === undefined ? [] : [[name, value] as const])));
  const key = JSON.stringify([[...files], [...environment], text === base ? '' : text]);
  let reads = remembered.get(map);
  if (reads === undefined) {
    reads = new Map();
    remembered.set(map, reads);
  }
  let read = reads.get(key);
  if (read === undefined) {
    const config = readCorefile(text, { files, environment });
    read = { files: key, config, lenient: config.problem === undefined ? config : readCorefile(text, { files, environment }, true) };
    reads.set(key, read);
  }
  return read;
}

export function coreDnsContainer(pod: Pod): Container | undefined {
  return pod.spec.containers.find((container) => imageRole(container.image ?? '') === 'coredns');
}

const NO_FILE = 'open /etc/coredns/Corefile: no such file or directory';

/** What of the Corefile is not simulated, told once per pod at the ConfigMap. */
function limits(map: ConfigMap, config: CoreDnsConfig): Finding[] {
  return config.notSimulated.map(
    ({ name, line }): Finding => ({
      key: objectKey(map),
      path: `data.${COREFILE}`,
      diagnostic: { severity: 'warning', code: 'not-simulated', message: `/etc/coredns/Corefile:${line}: ${name} is not simulated` },
    }),
  );
}

/** cpu.cfs_period_us of a container. */
const PERIOD_NS = 100_000_000;
/** A question for a name of the cluster; CoreDNS' own measurements: some 17,000 a second of one core. */
const QUESTION_NS = 60_000;

/** Undefined without a limit: then the server is never short of time. */
function cpuLimit(pod: Pod, container: Container): DnsCpuLimit | undefined {
  const { limits } = (container.resources ?? {}) as { readonly limits?: Readonly<Record<string, string>> };
  const milli = milliUnits(limits?.cpu);
  if (milli <= 0) return undefined;
  const costNs = parseDurationNs(pod.metadata.annotations?.['kubehop.dev/cpu-per-request']) ?? QUESTION_NS;
  return { quotaNs: (milli / 1000) * PERIOD_NS, periodNs: PERIOD_NS, costNs };
}

function render(key: string, view: StoreView): Rendering<NetRecord> {
  const pod = view.find<Pod>(key);
  const container = pod === undefined ? undefined : coreDnsContainer(pod);
  const netns = pod === undefined ? undefined : netnsOfPod(pod);
  if (pod === undefined || container === undefined || netns === undefined) return { records: [] };
  const map = mountedConfigMap(pod, COREFILE, view);
  if (map === undefined) {
    return { records: [], diagnostics: [{ key, path: 'spec.volumes', diagnostic: { severity: 'error', code: 'coredns', message: NO_FILE } }] };
  }
  const { config, lenient } = configOf(map, pod, container, view);
  const running = (hasSandbox(pod) || pod.spec.hostNetwork === true) && isContainerRunning(pod, container.name);
  const diagnostics: Finding[] =
    config.problem === undefined
      ? limits(map, config)
      : [{ key: objectKey(map), path: `data.${COREFILE}`, diagnostic: { severity: 'error', code: 'coredns', message: config.problem.message } }];
  if (!running) return { records: [], diagnostics };
  const made: DnsServerConfig =
    config.problem === undefined ? compileCoreDns(config, pod, container, view) : brokenCoreDns(config, lenient, pod, container, view);
  const cpu = cpuLimit(pod, container);
  const origin = { component: 'coredns', objects: [key, objectKey(map)] as readonly ObjectKey[] };
  const name = processNameOf(pod, container.name);
  const process: Process = {
    kind: 'process',
    id: processId(netns, name),
    origin,
    netns,
    app: 'dns-server',
    name,
    config: cpu === undefined ? made : { ...made, cpu },
  };
  const device = isNodeCache(container) ? nodeCacheDevice(pod, container, origin) : undefined;
  return { records: device === undefined ? [process] : [device, process], diagnostics };
}

const isCoreDns = (pod: Pod) => coreDnsContainer(pod) !== undefined;
const allKeys = perState(['Pod'], (view): readonly string[] => view.list<Pod>('Pod').filter(isCoreDns).map(objectKey));

function keysFor(changed: KubeObject, view: StoreView): readonly string[] {
  // A server's other files are ConfigMaps too.
  if (changed.kind !== 'Pod') return allKeys(view);
  // `pods verified` is the only thing here that other pods change.
  const key = objectKey(changed);
  return isCoreDns(changed as Pod) ? [key] : verifiesPods(view) ? allKeys(view) : [];
}

function verifiesPods(view: StoreView): boolean {
  const [first] = allKeys(view);
  const pod = first === undefined ? undefined : view.find<Pod>(first);
  const container = pod === undefined ? undefined : coreDnsContainer(pod);
  const map = pod === undefined ? undefined : mountedConfigMap(pod, COREFILE, view);
  if (pod === undefined || container === undefined || map === undefined) return false;
  return configOf(map, pod, container, view).lenient.servers.some((server) =>
    server.plugins.some((plugin) => plugin.name === 'kubernetes' && plugin.pods === 'verified'),
  );
}

/** Keys are the keys of CoreDNS pods. */
export const coreDnsAgent: Agent<NetRecord> = {
  name: 'coredns',
  watches: ['Service', 'EndpointSlice', 'Namespace', 'Pod', 'ConfigMap', 'ServiceImport', ...NETWORK_KINDS],
  keysFor,
  keys: allKeys,
  render,
};
