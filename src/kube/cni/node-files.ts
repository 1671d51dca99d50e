/** What a container runtime and its plugins have on a node's disk: configurations, programs, who has which address, and the answers to ADD. */
import { bytesToBase64 } from '../../net/wire/binary-text.ts';
import { encodeUtf8 } from '../../net/wire/utf8.ts';
import type { StoreView } from '../../objects/types.ts';
import { podsOn } from '../node/pods-by-node.ts';
import type { HostLocalStore } from '../pod/host-local-store.ts';
import { sandboxId } from '../pod/identity.ts';
import { hasSandbox } from '../pod/running.ts';
import type { Pod } from '../pod/types.ts';
import { cniCall, delegateConfig } from './call.ts';
import { daemonsOf } from './daemons.ts';
import { cnis, confOf, hasLeft, netDirOf } from './index.ts';
import { BIN_DIR, NET_DIR, type NetConf } from './net-conf.ts';
import { REFERENCE_PLUGINS, SUBNET_ENV, subnetEnvOf } from './plug.ts';

export const NETWORKS_DIR = '/var/lib/cni/networks';
const RESULTS_DIR = '/var/lib/cni/results';
const FLANNEL_DIR = '/var/lib/cni/flannel';

/** By absolute path, each made when it is read. */
export function cniFiles(node: string, view: StoreView): ReadonlyMap<string, () => string> {
  const files = new Map<string, () => string>();
  const dir = netDirOf(node, view);
  for (const file of dir.files) files.set(`${NET_DIR}/${file.name}`, () => file.text);
  for (const plugin of REFERENCE_PLUGINS) files.set(`${BIN_DIR}/${plugin}`, program);
  for (const cni of cnis)
    if (cni.role !== undefined && (daemonsOf(cni.role, view).get(node)?.started === true || hasLeft(cni, node, view)) && cni.name !== 'kindnet')
      files.set(`${BIN_DIR}/${cni.name === 'cilium' ? 'cilium-cni' : cni.name}`, program);

  const subnetEnv = subnetEnvOf(node, view);
  if (subnetEnv !== undefined) files.set(SUBNET_ENV, () => subnetEnv);
  const store = view.find<HostLocalStore>(`HostLocalStore/${node}`)?.spec;
  const forgotten = new Set(store?.forgotten);
  const counters = new Set<string>();
  for (const pod of podsOn(view, node).filter(hasSandbox)) {
    const id = sandboxId(pod.metadata.uid ?? '');
    const ips = pod.status?.podIPs?.map((one) => one.ip) ?? [pod.status?.podIP ?? ''];
    const conf = confOf(node, ips[0] ?? '', view);
    if (conf === undefined) continue;
    const networks = storeOf(conf);
    if (networks !== undefined) {
      counters.add(networks);
      for (const ip of ips) if (!forgotten.has(ip)) files.set(`${networks}/${ip}`, () => `${id}\r\neth0`);
    }
    files.set(`${RESULTS_DIR}/${conf.name}-${id}-eth0`, () => cachedResult(pod, conf, view));
    if (conf.plugins[0]?.type === 'flannel')
      files.set(`${FLANNEL_DIR}/${id}`, () => JSON.stringify(delegateConfig(conf.plugins[0] ?? {}, conf, subnetEnv ?? '')));
  }
  for (const networks of counters) {
    if (store?.lastReservedIp !== undefined) files.set(`${networks}/last_reserved_ip.0`, () => store.lastReservedIp ?? '');
    if (store?.lastReservedIp2 !== undefined) files.set(`${networks}/last_reserved_ip.1`, () => store.lastReservedIp2 ?? '');
    files.set(`${networks}/lock`, () => '');
  }
  return files;
}

/** Where host-local keeps what it has given out; undefined where another gives addresses. kindnetd says where; others take what is usual. */
function storeOf(conf: NetConf): string | undefined {
  if (conf.name === 'kindnet' && conf.file.by === undefined) return '/run/cni-ipam-state/kindnet';
  return ['flannel', 'bridge', 'ptp'].includes(conf.plugins[0]?.type ?? '') ? `${NETWORKS_DIR}/${conf.name}` : undefined;
}

const program = (): string => '\u007fELF';

/** CNI: libcni/api.go, cachedInfo. */
function cachedResult(pod: Pod, conf: NetConf, view: StoreView): string {
  const call = cniCall(pod, view);
  if (call === undefined) return '';
  return JSON.stringify({
    kind: 'cniCacheV1',
    containerId: call.sandbox,
    config: bytesToBase64(encodeUtf8(conf.file.text)),
    ifName: 'eth0',
    networkName: call.network,
    netns: call.netnsPath,
    cniArgs: (call.environment.CNI_ARGS ?? '').split(';').map((one) => [one.slice(0, one.indexOf('=')), one.slice(one.indexOf('=') + 1)]),
    result: call.result,
  });
}
