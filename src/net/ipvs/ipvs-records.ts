/** What IPVS holds in a netns, as records: virtual services with their real servers. */
import type { Origin } from '../../base/origin.ts';

export const IPVS_SCHEDULERS = ['rr', 'wrr', 'lc', 'wlc', 'lblc', 'lblcr', 'dh', 'sh', 'sed', 'nq', 'fo', 'ovf', 'mh', 'twos'] as const;
export type IpvsScheduler = (typeof IPVS_SCHEDULERS)[number];

/** `masq` is NAT; `route` direct routing (the frame goes to the real server as it is); `tunnel` IP in IP. */
export type IpvsForwarding = 'masq' | 'route' | 'tunnel';

export interface IpvsDestination {
  /** Dotted text, or IPv6 text. */
  readonly address: string;
  readonly port: number;
  readonly forwarding: IpvsForwarding;
  /** 0: no new connections. */
  readonly weight: number;
  /** Connections above which it gets no new ones, and below which it does again; 0 = no bound. */
  readonly upperThreshold: number;
  readonly lowerThreshold: number;
  /** kube-proxy has taken it out of service and waits for its connections to end. */
  readonly draining?: true;
  readonly origin?: Origin;
}

/** Id: `<netns>/ipvs/<protocol>/<address>:<port>`, of a firewall mark `<netns>/ipvs/fwmark/<mark>`. */
export interface IpvsService {
  readonly kind: 'ipvs-service';
  readonly id: string;
  readonly origin: Origin;
  readonly netns: string;
  readonly protocol: 'tcp' | 'udp' | 'sctp' | 'fwmark';
  /** Of a firewall mark: its number as text, and port 0. */
  readonly address: string;
  readonly port: number;
  readonly scheduler: IpvsScheduler;
  /** Of `-b`: sh-fallback, sh-port, mh-fallback, mh-port or flag-1 … flag-3. */
  readonly schedulerFlags?: readonly string[];
  /** `-p`: the same client keeps its server for so long after its last connection. */
  readonly persistentSeconds?: number;
  /** `-M`: clients of one network are one; prefix length, 32 (128) where absent. */
  readonly persistentPrefix?: number;
  /** `-o`: each packet of UDP is scheduled anew. */
  readonly onePacket?: boolean;
  readonly destinations: readonly IpvsDestination[];
}

export const ipvsServiceId = (netns: string, protocol: IpvsService['protocol'], address: string, port: number): string =>
  protocol === 'fwmark' ? `${netns}/ipvs/fwmark/${address}` : `${netns}/ipvs/${protocol}/${address.includes(':') ? `[${address}]` : address}:${port}`;
