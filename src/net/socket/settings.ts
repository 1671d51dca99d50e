/** The TCP and port sysctls of a netns, compiled: times in ns. Linux: Documentation/networking/ip-sysctl.rst */
import { sysctl } from '../stack/sysctl.ts';
import type { Kernel } from '../stack/userland.ts';

export interface TransportSettings {
  readonly synRetries: number;
  readonly synLinearTimeouts: number;
  readonly synAckRetries: number;
  readonly retries2: number;
  readonly orphanRetries: number;
  readonly finTimeoutNs: number;
  readonly keepAliveTimeNs: number;
  readonly keepAliveIntervalNs: number;
  readonly keepAliveProbes: number;
  readonly timestamps: boolean;
  readonly sack: boolean;
  readonly dsack: boolean;
  readonly windowScaling: boolean;
  /** 0 never, 1 always, 2 over loopback only. */
  readonly timeWaitReuse: number;
  readonly timeWaitReuseDelayNs: number;
  readonly maxSynBacklog: number;
  readonly synCookies: number;
  readonly maxBacklog: number;
  readonly rtoMinNs: number;
  readonly rtoMaxNs: number;
  /** Bytes of receive buffer a socket begins with, and may grow to. */
  readonly receiveBufferBytes: number;
  readonly maxReceiveBufferBytes: number;
  readonly udpReceiveBufferBytes: number;
  readonly firstPort: number;
  readonly portCount: number;
  /** A retransmission timeout draws a new flow hash. */
  readonly rehashes: boolean;
}

function compile(values: Readonly<Record<string, number>>): TransportSettings {
  const tcp = (leaf: string): number => sysctl(values, `net.ipv4.tcp_${leaf}`);
  const first = sysctl(values, 'net.ipv4.ip_local_port_range[0]');
  const last = sysctl(values, 'net.ipv4.ip_local_port_range[1]');
  return {
    synRetries: tcp('syn_retries'),
    synLinearTimeouts: tcp('syn_linear_timeouts'),
    synAckRetries: tcp('synack_retries'),
    retries2: tcp('retries2'),
    orphanRetries: tcp('orphan_retries'),
    finTimeoutNs: tcp('fin_timeout') * 1e9,
    keepAliveTimeNs: tcp('keepalive_time') * 1e9,
    keepAliveIntervalNs: tcp('keepalive_intvl') * 1e9,
    keepAliveProbes: tcp('keepalive_probes'),
    timestamps: tcp('timestamps') !== 0,
    sack: tcp('sack') !== 0,
    dsack: tcp('dsack') !== 0,
    windowScaling: tcp('window_scaling') !== 0,
    timeWaitReuse: tcp('tw_reuse'),
    timeWaitReuseDelayNs: tcp('tw_reuse_delay') * 1e6,
    maxSynBacklog: tcp('max_syn_backlog'),
    synCookies: tcp('syncookies'),
    maxBacklog: sysctl(values, 'net.core.somaxconn'),
    rtoMinNs: tcp('rto_min_us') * 1000,
    rtoMaxNs: tcp('rto_max_ms') * 1e6,
    receiveBufferBytes: tcp('rmem[1]'),
    maxReceiveBufferBytes: Math.max(tcp('rmem[2]'), sysctl(values, 'net.core.rmem_max')),
    udpReceiveBufferBytes: sysctl(values, 'net.core.rmem_default'),
    firstPort: first,
    portCount: Math.max(1, last - first + 1),
    rehashes: sysctl(values, 'net.core.txrehash') !== 0,
  };
}

interface Compiled {
  readonly values: Readonly<Record<string, number>>;
  readonly settings: TransportSettings;
}

/** Compiled once for each table of values, which are replaced when one changes. Nothing in here is state: it all follows from the records. */
export class SettingsCache {
  readonly #kernel: Kernel;
  readonly #byNetns = new Map<string, Compiled>();
  readonly #kernelsOwn = compile({});

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
  }

  of(netns: string): TransportSettings {
    const record = this.#kernel.records.find(netns);
    if (record?.kind !== 'netns') return this.#kernelsOwn;
    const known = this.#byNetns.get(netns);
    if (known?.values === record.sysctls) return known.settings;
    let settings = this.#kernelsOwn;
    for (const name in record.sysctls) {
      if (!name.startsWith('net.ipv4.tcp_') && !name.startsWith('net.ipv4.ip_local_') && !name.startsWith('net.core.')) continue;
      settings = compile(record.sysctls);
      break;
    }
    this.#byNetns.set(netns, { values: record.sysctls, settings });
    return settings;
  }

  forget(netns: string): void {
    this.#byNetns.delete(netns);
  }
}
