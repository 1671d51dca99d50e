/** The composition root: the only place that sees every floor. Wires records, engine and API server together. */

import { hashText } from '../base/prng.ts';
import type { Change } from '../base/record-store.ts';
import { RecordStore } from '../base/record-store.ts';
import { admission, initialObjects, kinds, watchLatency } from '../kube/index.ts';
import { mergeRecord } from '../kube/node/merge-record.ts';
import { netnsOfPod } from '../kube/pod/sandbox-agent.ts';
import type { Pod } from '../kube/pod/types.ts';
import { proxyNews } from '../kube/service/kube-proxy-conntrack.ts';
import { mergeVirtualService, RealServerDrain } from '../kube/service/kube-proxy-drain.ts';
import { Network } from '../net/network.ts';
import type { NetRecord } from '../net/records.ts';
import { createUserland } from '../net/socket/userland.ts';
import type { Kernel, Userland } from '../net/stack/userland.ts';
import { ApiServer } from '../objects/api-server.ts';
import { keyIn } from '../objects/cluster-key.ts';
import type { KubeObject } from '../objects/types.ts';
import { ControlPlanes } from './control-planes.ts';
import type { WorldParts } from './parts.ts';

/** 2026-04-04 09:00:00 UTC: the wall clock at virtual time 0, fixed so that output is the same on every run. */
export const EPOCH_MS = 1_775_293_200_000;

export interface Installation {
  readonly records: RecordStore<NetRecord>;
  readonly engine: Network;
  readonly planes: ControlPlanes;
  readonly drain: RealServerDrain;
}

export interface InstallOptions {
  readonly seed: number;
  readonly parts: WorldParts;
  readonly trace?: boolean;
  /** The wall clock at virtual time 0, Unix epoch in milliseconds; EPOCH_MS when absent. */
  readonly epochMs?: number;
  readonly userland?: (kernel: Kernel) => Userland;
  /** Nobody takes stale entries out of connection tables: a recording has kube-proxy's rules without its process. */
  readonly staleConnections?: 'stay';
  /** See NetworkOptions in net/network.ts. */
  readonly veths?: boolean;
  /** With keys as `cluster-key.ts` has them; `acting`: who wrote it. */
  readonly onObjectChange?: (change: Change<KubeObject>, acting: string | undefined) => void;
}

/** Connections and datagrams that a pod of its own netns has been given. */
function accepted(pod: Pod | undefined, engine: Network): number {
  const netns = pod === undefined || pod.spec.hostNetwork === true ? undefined : netnsOfPod(pod);
  return netns === undefined ? 0 : engine.mib(netns, 'TcpPassiveOpens') + engine.mib(netns, 'UdpInDatagrams');
}

export function install(options: InstallOptions): Installation {
  const { parts } = options;
  const records = new RecordStore<NetRecord>();
  const engine = new Network(
    { seed: options.seed, records, veths: options.veths === true, ...(options.trace === undefined ? {} : { trace: options.trace }) },
    options.userland ?? ((kernel) => createUserland(kernel, parts.apps)),
  );
  const open = (cluster: string): ApiServer<NetRecord> => {
    const onChange = options.onObjectChange;
    const api: ApiServer<NetRecord> = new ApiServer<NetRecord>({
      kinds,
      controllers: parts.controllers,
      admission,
      agents: cluster === '' ? parts.agents : parts.further.agentsOf(cluster, parts.agents),
      records,
      nowNs: () => engine.nowNs,
      epochMs: options.epochMs ?? EPOCH_MS,
      // Two clusters give their objects different names and uids.
      seed: cluster === '' ? options.seed : hashText(cluster, options.seed),
      merge: (before, rendered, present) =>
        rendered.kind === 'ipvs-service' ? mergeVirtualService(before, rendered, present, engine) : mergeRecord(before, rendered, present),
      ...(options.staleConnections === 'stay'
        ? {}
        : {
            onNews: (agent: string, keys: readonly string[]) => {
              proxyNews(agent, keys, engine, api.view);
              parts.hearNews?.(agent, keys, engine, api.view);
            },
          }),
      latency: watchLatency,
      measure: (key) => accepted(api.view.find<Pod>(key), engine),
      ...(onChange === undefined
        ? {}
        : { onChange: (change: Change<KubeObject>) => onChange(cluster === '' ? change : { ...change, id: keyIn(cluster, change.id) }, api.acting) }),
    });
    for (const object of initialObjects) api.create(object);
    return api;
  };
  return { records, engine, planes: new ControlPlanes(open, () => parts.further), drain: new RealServerDrain(records, engine) };
}
