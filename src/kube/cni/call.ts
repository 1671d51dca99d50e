/** What the container runtime and its plugins say to each other when a pod is plugged in: every program that is run, what it reads and what it answers. CNI: SPEC.md, libcni/api.go */
import { formatIp, parseIp, parseIpPrefix } from '../../net/addr/ip.ts';
import type { NetRecord, VethDevice } from '../../net/records.ts';
import type { StoreView } from '../../objects/types.ts';
import { findNode } from '../node/cluster-network.ts';
import { deviceId, podNetnsId, rootNetnsId } from '../node/record-ids.ts';
import { sandboxId } from '../pod/identity.ts';
import { hasSandbox } from '../pod/running.ts';
import { namespaceOf, type Pod } from '../pod/types.ts';
import { fieldOf, isJsonObject, type JsonObject } from './go-json.ts';
import { cniOf, confOf, plugOf } from './index.ts';
import { ipamOf, type NetConf } from './net-conf.ts';
import { CHAINED, subnetEnvOf } from './plug.ts';
import { mappedPorts } from './portmap.ts';

export interface CniStep {
  /** `flannel`, `bridge`, `host-local`: a program of /opt/cni/bin. */
  readonly plugin: string;
  /** 0: the runtime runs it; 1: another plugin does. */
  readonly depth: number;
  /** What it does, in one sentence. */
  readonly does: string;
  /** What it reads from its standard input. */
  readonly config: JsonObject;
  /** What it prints. */
  readonly result: JsonObject;
}

export interface CniCall {
  readonly node: string;
  readonly sandbox: string;
  readonly netnsPath: string;
  readonly network: string;
  /** Path of the file that was read. */
  readonly file: string;
  readonly environment: { readonly CNI_COMMAND: string; readonly CNI_ARGS: string; readonly [name: string]: string };
  readonly steps: readonly CniStep[];
  /** The last plugin's. */
  readonly result: JsonObject;
}

/** A name as the runtime gives to a sandbox's netns, from its id. containerd: pkg/netns */
export function sandboxNetnsName(netns: string): string {
  let a = 0x811c9dc5;
  const digits: string[] = [];
  for (let round = 0; round < 4; round += 1) {
    for (const c of `${round}${netns}`) a = Math.imul(a ^ c.charCodeAt(0), 0x01000193) >>> 0;
    digits.push(a.toString(16).padStart(8, '0'));
  }
  const hex = digits.join('');
  return `cni-${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20, 32)}`;
}

/** The ADD for a pod that has a sandbox on a node with a configuration; DEL runs the same plugins in the opposite order. */
export function cniCall(pod: Pod, view: StoreView): CniCall | undefined {
  const node = hasSandbox(pod) ? findNode(pod.spec.nodeName ?? '', view) : undefined;
  const conf = node === undefined ? undefined : confOf(node.name, pod.status?.podIP ?? '', view);
  if (node === undefined || conf === undefined) return undefined;
  const plug = plugOf(cniOf(node, view), pod.status?.podIP ?? '');
  const netns = podNetnsId(node.name, pod.metadata.name, namespaceOf(pod));
  const ips = pod.status?.podIPs?.map((one) => one.ip) ?? [pod.status?.podIP ?? ''];
  const [four, six] = [ips.find((ip) => !ip.includes(':')) ?? '', ips.find((ip) => ip.includes(':'))];
  const records = [...plug.cni.attach(plug.site, { pod, netns, ip: four, ip6: six }), ...plug.cni.renderPodNetwork(plug.site)];
  const sandbox = sandboxId(pod.metadata.uid ?? '');
  const netnsPath = `/var/run/netns/${sandboxNetnsName(netns)}`;
  const wiring = wiringOf(records, netns, rootNetnsId(node.name), netnsPath);
  const steps = stepsOf(conf, pod, wiring, subnetEnvOf(node.name, view) ?? '');
  const args = {
    K8S_POD_NAMESPACE: namespaceOf(pod),
    K8S_POD_NAME: pod.metadata.name,
    K8S_POD_INFRA_CONTAINER_ID: sandbox,
    K8S_POD_UID: pod.metadata.uid ?? '',
  };
  return {
    node: node.name,
    sandbox,
    netnsPath,
    network: conf.name,
    file: `/etc/cni/net.d/${conf.file.name}`,
    environment: {
      CNI_COMMAND: 'ADD',
      CNI_CONTAINERID: sandbox,
      CNI_NETNS: netnsPath,
      CNI_IFNAME: 'eth0',
      CNI_ARGS: `IgnoreUnknown=1;${Object.entries(args)
        .map(([name, value]) => `${name}=${value}`)
        .join(';')}`,
      CNI_PATH: '/opt/cni/bin',
    },
    steps,
    result: steps.at(-1)?.result ?? {},
  };
}

/** What stands in the end, taken apart. */
interface Wiring {
  readonly interfaces: readonly JsonObject[];
  /** Index of the pod's own among them. */
  readonly podInterface: number;
  readonly addresses: readonly { readonly address: string; readonly gateway: string }[];
  readonly routes: readonly JsonObject[];
  readonly netnsPath: string;
  readonly hostEnd: string;
  readonly bridge: string | undefined;
}

function wiringOf(records: readonly NetRecord[], netns: string, root: string, netnsPath: string): Wiring {
  const eth0 = records.find((record): record is VethDevice => record.kind === 'device' && record.id === deviceId(netns, 'eth0') && record.type === 'veth');
  const veth = records.find((record): record is VethDevice => record.kind === 'device' && record.id === eth0?.peer && record.type === 'veth');
  const bridge = records.find((record) => record.kind === 'device' && record.type === 'bridge' && record.netns === root);
  const own = (record: NetRecord | undefined): JsonObject[] => (record?.kind === 'device' ? [{ name: record.name, mac: record.mac }] : []);
  const interfaces: JsonObject[] = [...own(bridge), ...own(veth), { name: 'eth0', mac: eth0?.mac ?? '', sandbox: netnsPath }];
  const routes = records.flatMap((record) => (record.kind === 'route' && record.netns === netns && record.gateway !== undefined ? [record] : []));
  return {
    interfaces,
    podInterface: interfaces.length - 1,
    addresses: (eth0?.addresses ?? []).map(({ ip, prefixLength }) => ({
      address: `${ip}/${prefixLength}`,
      gateway: routes.find((route) => route.gateway?.includes(':') === ip.includes(':'))?.gateway ?? firstOf(ip, prefixLength),
    })),
    routes: routes.map((route) => ({ dst: route.destination, gw: route.gateway ?? '' })),
    netnsPath,
    hostEnd: veth?.name ?? '',
    bridge: bridge?.kind === 'device' ? bridge.name : undefined,
  };
}

function firstOf(ip: string, prefixLength: number): string {
  const range = parseIpPrefix(`${ip}/${prefixLength}`);
  const network = range?.network ?? parseIp(ip) ?? 0;
  return formatIp(typeof network === 'bigint' ? network + 1n : (network + 1) | 0);
}

/** Fields that results had until version 1.0.0. */
const withVersions = (cniVersion: string, address: string): JsonObject => (/^0\./.test(cniVersion) ? { version: address.includes(':') ? '6' : '4' } : {});

function stepsOf(conf: NetConf, pod: Pod, wiring: Wiring, subnetEnv: string): CniStep[] {
  const { cniVersion } = conf;
  const loopback: CniStep = {
    plugin: 'loopback',
    depth: 0,
    does: 'brings lo up in the new network namespace',
    config: { cniVersion: '0.3.1', name: 'cni-loopback', type: 'loopback' },
    result: {
      cniVersion: '0.3.1',
      interfaces: [{ name: 'lo', mac: '00:00:00:00:00:00', sandbox: wiring.netnsPath }],
      ips: [{ version: '4', interface: 0, address: '127.0.0.1/8' }],
      dns: {},
    },
  };
  const result: JsonObject = {
    cniVersion,
    interfaces: wiring.interfaces,
    ips: wiring.addresses.map(({ address, gateway }) => ({ ...withVersions(cniVersion, address), interface: wiring.podInterface, address, gateway })),
    ...(wiring.routes.length === 0 ? {} : { routes: wiring.routes }),
    dns: {},
  };
  const steps: CniStep[] = [loopback];
  for (const [index, plugin] of conf.plugins.entries()) {
    const config: JsonObject = {
      ...plugin,
      cniVersion,
      name: conf.name,
      ...(index === 0 ? {} : { prevResult: result }),
      ...(plugin.type === 'portmap' && mappedPorts(pod).length > 0
        ? {
            runtimeConfig: {
              portMappings: mappedPorts(pod).map((port) => ({
                hostPort: port.hostPort ?? 0,
                containerPort: port.containerPort,
                protocol: (port.protocol ?? 'TCP').toLowerCase(),
                hostIP: port.hostIP ?? '',
              })),
            },
          }
        : {}),
    };
    if (plugin.type === 'flannel') {
      const delegate = delegateConfig(plugin, conf, subnetEnv);
      steps.push({
        plugin: 'flannel',
        depth: 0,
        does: `reads /run/flannel/subnet.env and has the plugin ${textOf(delegate, 'type')} do the work`,
        config,
        result,
      });
      steps.push(...mainSteps(textOf(delegate, 'type'), delegate, result, wiring, 1));
    } else if (CHAINED.has(plugin.type)) steps.push({ plugin: plugin.type, depth: 0, does: chainedWords(plugin.type, pod), config, result });
    else steps.push(...mainSteps(plugin.type, config, result, wiring, 0));
  }
  return steps;
}

const textOf = (object: JsonObject, name: string): string => {
  const value = fieldOf(object, name);
  return typeof value === 'string' ? value : '';
};

function chainedWords(type: string, pod: Pod): string {
  const ports = mappedPorts(pod);
  if (type !== 'portmap') return 'has nothing to do for this pod';
  return ports.length === 0
    ? 'has nothing to do: no container names a hostPort'
    : `leads port${ports.length === 1 ? '' : 's'} ${ports.map((port) => port.hostPort).join(', ')} of the node to the pod`;
}

/** flannel: cni-plugin/flannel_linux.go, doCmdAdd and getDelegateIPAM. */
export function delegateConfig(plugin: JsonObject, conf: NetConf, subnetEnv: string): JsonObject {
  const value = (name: string): string | undefined => new RegExp(`^${name}=(.*)$`, 'm').exec(subnetEnv)?.[1];
  const delegate = fieldOf(plugin, 'delegate');
  const given: JsonObject = isJsonObject(delegate) ? delegate : {};
  const range = (name: string): JsonObject[][] => {
    const prefix = parseIpPrefix(value(name) ?? '');
    return prefix === undefined ? [] : [[{ subnet: `${formatIp(prefix.network)}/${prefix.prefixLength}` }]];
  };
  const networks = ['FLANNEL_NETWORK', 'FLANNEL_IPV6_NETWORK'].flatMap((name) => value(name) ?? []);
  return inOrder({
    cniVersion: conf.cniVersion,
    ipMasq: value('FLANNEL_IPMASQ') !== 'true',
    ipam: { ranges: [...range('FLANNEL_SUBNET'), ...range('FLANNEL_IPV6_SUBNET')], routes: networks.map((dst) => ({ dst })), type: 'host-local' },
    isGateway: true,
    mtu: Number(value('FLANNEL_MTU') ?? 1500),
    type: 'bridge',
    ...given,
    name: conf.name,
  });
}

/** Go writes the keys of a map in order. */
const inOrder = (object: JsonObject): JsonObject => Object.fromEntries(Object.entries(object).sort(([a], [b]) => (a < b ? -1 : 1)));

/** The plugin that makes the wire, and host-local, which it asks for addresses. */
function mainSteps(type: string, config: JsonObject, result: JsonObject, wiring: Wiring, depth: number): CniStep[] {
  const given = wiring.addresses.map(({ address }) => address).join(' and ');
  if (type === 'cilium-cni' || type === 'calico')
    return [{ plugin: type, depth, does: `asks its agent for ${given} and joins the pod by ${wiring.hostEnd}`, config, result }];
  const ipam = ipamOf(config);
  const wire =
    wiring.bridge === undefined
      ? `makes the wire ${wiring.hostEnd} ⇄ eth0 and a route on the node to this pod alone`
      : `makes ${wiring.bridge} where it is missing, the wire ${wiring.hostEnd} ⇄ eth0, and plugs its end into ${wiring.bridge}`;
  return [
    { plugin: type, depth, does: `${wire}; then address and routes in the pod`, config, result },
    {
      plugin: 'host-local',
      depth: depth + 1,
      does: `gives ${given}, the next free one of ${ipam.ranges.map((range) => range.subnet).join(' and ')}, and writes it down in /var/lib/cni/networks`,
      config,
      result: {
        cniVersion: fieldOf(result, 'cniVersion'),
        ips: wiring.addresses.map(({ address, gateway }) => ({ ...withVersions(String(fieldOf(result, 'cniVersion')), address), address, gateway })),
        routes: ipam.routes,
        dns: {},
      },
    },
  ];
}
