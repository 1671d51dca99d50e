/** The ids under which a cluster's records stand: paths that people can read. */
import type { Chain } from '../../net/records.ts';

export const rootNetnsId = (host: string): string => `${host}/netns/root`;
export const podNetnsId = (host: string, pod: string, namespace: string): string => `${host}/netns/${pod}.${namespace}`;
export const deviceId = (netns: string, device: string): string => `${netns}/device/${device}`;
export const chainId = (netns: string, table: Chain['table'], chain: string, family?: Chain['family']): string =>
  `${netns}/chain${family === 'ipv6' ? '6' : ''}/${table}/${chain}`;
export const neighborId = (netns: string, device: string, ip: string): string => `${netns}/neighbor/${device}/${ip}`;
export const fdbId = (netns: string, device: string, mac: string, dst: string): string => `${netns}/fdb/${device}/${mac}/${dst}`;
export const processId = (netns: string, process: string): string => `${netns}/process/${process}`;

/** Table main. */
export const MAIN_TABLE = 254;
/** Of a route of table main without metric. */
export const routeId = (netns: string, destination: string): string => `${netns}/route/${MAIN_TABLE}/${destination}`;

/** Host name of the switch that joins the nodes, and of the router at its edge. */
export const UNDERLAY_HOST = 'underlay';
export const ROUTER_HOST = 'router';

/** ifindex of the devices every node has; veths come after them, see `vethIndex`. */
/** The second tunnel of flannel in a cluster of two families: after all veths. */
export const FLANNEL6_INDEX = 0x3000000;
export const DEVICE_INDEX = { lo: 1, eth0: 2, 'flannel.1': 3, cni0: 4, 'kube-ipvs0': 5 } as const;
