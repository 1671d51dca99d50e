/** The BPF programs and maps of one host as packets and sockets meet them: records compiled, and what the programs remember. */

import { ipOf } from '../addr/ip.ts';
import { type Cidr, ip4, maskOf, parseCidr } from '../addr/ip4.ts';
import { mac } from '../addr/mac.ts';
import type { Ip4, Mac } from '../wire/packet.ts';
import { BpfConntrack, type CtEntry } from './bpf-conntrack.ts';
import { BpfNat, type SnatEntry } from './bpf-nat.ts';
import type { BpfBackend, BpfConfig, BpfEndpoint, BpfIpcacheEntry, BpfPolicy, BpfProgram, BpfRecord, BpfService, SocketProgramName } from './bpf-records.ts';
import { IDENTITY_WORLD } from './bpf-records.ts';
import { type LearnedName, LearnedNames } from './learned-names.ts';
import { PolicyMap, type SavedCounter } from './policy-map.ts';

export interface BackendState {
  /** Of cilium_lb4_backends_v3. */
  readonly id: number;
  readonly ip: Ip4;
  readonly port: number;
  readonly record: BpfBackend;
}

export interface ServiceState {
  readonly record: BpfService;
  readonly ip: Ip4;
  /** REVNAT_ID; each scope has its own. */
  readonly revNatId: number;
  readonly sourceRanges: readonly Cidr[] | undefined;
  readonly backends: readonly BackendState[];
}

export interface EndpointState {
  readonly record: BpfEndpoint;
  readonly ip: Ip4;
  readonly mac: Mac;
  readonly isHost: boolean;
}

export interface IpcacheState {
  readonly record: BpfIpcacheEntry;
  readonly identity: number;
  /** 0: none. */
  readonly tunnelEndpoint: Ip4;
}

export interface CompiledConfig {
  readonly record: BpfConfig;
  readonly nodeIp: Ip4;
  readonly routerIp: Ip4;
  readonly podCidr: Cidr;
  readonly nativeCidr: Cidr | undefined;
}

/** What a socket was told instead of its backend's address. */
export interface ReverseSocketEntry {
  readonly ip: Ip4;
  readonly port: number;
  /** Record id of the frontend; the entry is stale when it is another one's. */
  readonly service: string;
}
export interface AffinityEntry {
  readonly backend: string;
  readonly lastUsedNs: number;
}

/** Maps of what sockets and clients chose: the oldest entry goes when there is no room (LRU). */
const MAX_SOCKET_ENTRIES = 65_536;
const NOWHERE: Cidr = { address: 0, network: 0, prefixLength: 32 };

export interface SavedBpf {
  readonly conntrack: readonly CtEntry[];
  readonly nat: readonly SnatEntry[];
  readonly reverse: readonly (readonly [string, ReverseSocketEntry])[];
  readonly affinity: readonly (readonly [string, AffinityEntry])[];
  readonly serviceIds: readonly (readonly [string, number])[];
  readonly backendIds: readonly (readonly [string, number])[];
  readonly programIds: readonly (readonly [string, number])[];
  readonly nextIds: readonly [number, number, number];
  readonly policyCounters: readonly (readonly [ip: string, readonly SavedCounter[]])[];
  readonly learned: readonly LearnedName[];
}

const serviceKey = (protocol: string, ip: Ip4, port: number, scope: BpfService['scope']): string => `${protocol} ${ip} ${port} ${scope}`;
/** Both scopes are one frontend to clients that come back: affinity and answers belong to it. */
export const frontendOf = (service: BpfService): string => (service.scope === 'internal' ? service.id.slice(0, -2) : service.id);

export class BpfState {
  readonly hostId: string;
  config: CompiledConfig | undefined = undefined;
  /** In the order in which they were loaded. */
  readonly programs = new Map<string, BpfProgram>();
  readonly #socketPrograms = new Map<SocketProgramName, BpfProgram>();
  readonly #records = new Map<string, BpfService>();
  readonly #services = new Map<string, ServiceState>();
  readonly #endpoints = new Map<Ip4, EndpointState>();
  readonly #byDevice = new Map<string, EndpointState>();
  /** By prefix length, the longest first. */
  readonly #prefixes: Map<Ip4, IpcacheState>[] = Array.from({ length: 33 }, () => new Map<Ip4, IpcacheState>());

  readonly #policies = new Map<Ip4, PolicyMap>();

  // ---- remembered; part of snapshots
  readonly conntrack = new BpfConntrack();
  readonly nat = new BpfNat();
  readonly reverse = new Map<string, ReverseSocketEntry>();
  readonly affinity = new Map<string, AffinityEntry>();
  readonly names = new LearnedNames();
  readonly #serviceIds = new Map<string, number>();
  readonly #backendIds = new Map<string, number>();
  readonly #programIds = new Map<string, number>();
  /** The next of a service, a backend, a program. */
  #nextIds: [number, number, number] = [1, 1, 1];

  constructor(hostId: string) {
    this.hostId = hostId;
  }

  get isEmpty(): boolean {
    return this.programs.size === 0 && this.#records.size === 0 && this.#endpoints.size === 0 && this.#policies.size === 0 && this.config === undefined;
  }

  put(record: BpfRecord): void {
    switch (record.kind) {
      case 'bpf-program':
        this.programs.set(record.id, record);
        if (!this.#programIds.has(record.id)) this.#programIds.set(record.id, this.#nextId(2));
        if (record.hook === 'cgroup') this.#socketPrograms.set(record.name, record);
        return;
      case 'bpf-config':
        this.config = compileConfig(record);
        return;
      case 'bpf-service':
        this.#records.set(record.id, record);
        this.#services.set(serviceKey(record.protocol, ip4(record.ip), record.port, record.scope), this.#compileService(record));
        return;
      case 'bpf-endpoint': {
        const endpoint = { record, ip: ip4(record.ip), mac: mac(record.mac), isHost: record.endpointId === 0 };
        this.#endpoints.set(endpoint.ip, endpoint);
        if (record.device !== '') this.#byDevice.set(record.device, endpoint);
        return;
      }
      case 'bpf-ipcache': {
        const range = parseCidr(record.prefix);
        if (range === undefined) return;
        const tunnelEndpoint = record.tunnelEndpoint === undefined ? 0 : ip4(record.tunnelEndpoint);
        this.#prefixes[range.prefixLength]?.set(range.network, { record, identity: record.identity, tunnelEndpoint });
        return;
      }
      case 'bpf-policy':
        this.#policies.set(ip4(record.ip), new PolicyMap(record, this.#policies.get(ip4(record.ip))));
    }
  }

  remove(record: BpfRecord): void {
    switch (record.kind) {
      case 'bpf-program':
        this.programs.delete(record.id);
        this.#programIds.delete(record.id);
        if (record.hook === 'cgroup') this.#socketPrograms.delete(record.name);
        return;
      case 'bpf-config':
        this.config = undefined;
        return;
      case 'bpf-service': {
        this.#records.delete(record.id);
        this.#services.delete(serviceKey(record.protocol, ip4(record.ip), record.port, record.scope));
        this.#serviceIds.delete(record.id);
        return;
      }
      case 'bpf-endpoint': {
        this.#endpoints.delete(ip4(record.ip));
        if (this.#byDevice.get(record.device)?.record.ip === record.ip) this.#byDevice.delete(record.device);
        return;
      }
      case 'bpf-ipcache': {
        const range = parseCidr(record.prefix);
        if (range !== undefined) this.#prefixes[range.prefixLength]?.delete(range.network);
        return;
      }
      case 'bpf-policy':
        this.#policies.delete(ip4(record.ip));
    }
  }

  #nextId(which: 0 | 1 | 2): number {
    const id = this.#nextIds[which];
    this.#nextIds[which] = id + 1;
    return id;
  }

  #compileService(record: BpfService): ServiceState {
    let revNatId = this.#serviceIds.get(record.id);
    if (revNatId === undefined) {
      revNatId = this.#nextId(0);
      this.#serviceIds.set(record.id, revNatId);
    }
    const backends = record.backends.map((backend): BackendState => {
      const key = `${record.protocol} ${backend.ip}:${backend.port}`;
      let id = this.#backendIds.get(key);
      if (id === undefined) {
        id = this.#nextId(1);
        this.#backendIds.set(key, id);
      }
      return { id, ip: ip4(backend.ip), port: backend.port, record: backend };
    });
    const sourceRanges = record.sourceRanges?.flatMap((text) => parseCidr(text) ?? []);
    return { record, ip: ip4(record.ip), revNatId, sourceRanges, backends };
  }

  /** Is there such a program in the root cgroup? */
  runs(name: SocketProgramName): boolean {
    return this.#socketPrograms.has(name);
  }

  programId(id: string): number {
    return this.#programIds.get(id) ?? 0;
  }

  /** Cilium: lb4_lookup_service; `inside`: a client on this node or in a pod, for whom a frontend of two scopes has another set of backends. */
  findService(protocol: string, ip: Ip4, port: number, inside: boolean): ServiceState | undefined {
    const service = this.#services.get(serviceKey(protocol, ip, port, 'external'));
    if (service === undefined || !inside || !service.record.twoScopes) return service;
    return this.#services.get(serviceKey(protocol, ip, port, 'internal'));
  }

  /** The frontend with this record id, in whichever scope it has. */
  hasFrontend(id: string): boolean {
    return this.#records.has(id) || this.#records.has(`${id}/i`);
  }

  /** REVNAT_ID of a frontend; 0: none. */
  revNatId(id: string): number {
    return this.#serviceIds.get(id) ?? 0;
  }

  services(): readonly ServiceState[] {
    return [...this.#services.values()];
  }

  findEndpoint(ip: Ip4): EndpointState | undefined {
    return this.#endpoints.get(ip);
  }

  endpointOf(device: string): EndpointState | undefined {
    return this.#byDevice.get(device);
  }

  endpoints(): readonly EndpointState[] {
    return [...this.#endpoints.values()];
  }

  /** The longest prefix that holds the address. */
  ipcache(ip: Ip4): IpcacheState | undefined {
    for (let length = 32; length >= 0; length -= 1) {
      const prefixes = this.#prefixes[length] as Map<Ip4, IpcacheState>;
      if (prefixes.size === 0) continue;
      const entry = prefixes.get(ip & maskOf(length));
      if (entry !== undefined) return entry;
    }
    return undefined;
  }

  identityOf(ip: Ip4): number {
    return this.#endpoints.get(ip)?.record.identity ?? this.ipcache(ip)?.identity ?? IDENTITY_WORLD;
  }

  /** The policy map of the endpoint with this address; undefined where no policy has ever been written for it. */
  policyOf(ip: Ip4): PolicyMap | undefined {
    return this.#policies.get(ip);
  }

  policies(): readonly BpfPolicy[] {
    return [...this.#policies.values()].map((map) => map.record);
  }

  ipcacheEntries(): readonly IpcacheState[] {
    return this.#prefixes.flatMap((prefixes) => [...prefixes].sort(([a], [b]) => b - a).map(([, entry]) => entry));
  }

  /** Remembers in an LRU map. */
  remember<V>(map: Map<string, V>, key: string, value: V): void {
    map.delete(key);
    if (map.size >= MAX_SOCKET_ENTRIES)
      for (const oldest of map.keys()) {
        map.delete(oldest);
        break;
      }
    map.set(key, value);
  }

  save(): SavedBpf {
    return {
      conntrack: this.conntrack.save(),
      nat: this.nat.list(),
      reverse: [...this.reverse],
      affinity: [...this.affinity],
      serviceIds: [...this.#serviceIds],
      backendIds: [...this.#backendIds],
      programIds: [...this.#programIds],
      nextIds: [...this.#nextIds],
      policyCounters: [...this.#policies.values()].map((map) => [map.record.ip, map.save()] as const),
      learned: this.names.list(),
    };
  }

  load(saved: SavedBpf | undefined): void {
    this.conntrack.load(saved?.conntrack ?? []);
    this.nat.load(saved?.nat ?? []);
    const fill = <V>(map: Map<string, V>, entries: readonly (readonly [string, V])[] | undefined): void => {
      map.clear();
      for (const [key, value] of entries ?? []) map.set(key, value);
    };
    fill(this.reverse, saved?.reverse);
    fill(this.affinity, saved?.affinity);
    this.names.load(saved?.learned ?? []);
    const counters = new Map(saved?.policyCounters ?? []);
    for (const map of this.#policies.values()) map.load(counters.get(map.record.ip) ?? []);
    if (saved === undefined) return;
    fill(this.#serviceIds, saved.serviceIds);
    fill(this.#backendIds, saved.backendIds);
    fill(this.#programIds, saved.programIds);
    this.#nextIds = [...saved.nextIds];
    for (const [key, service] of this.#services) this.#services.set(key, this.#compileService(service.record));
  }
}

function compileConfig(record: BpfConfig): CompiledConfig {
  return {
    record,
    nodeIp: ipOf(record.nodeIp) as Ip4,
    routerIp: ipOf(record.routerIp) as Ip4,
    podCidr: parseCidr(record.podCidr) ?? NOWHERE,
    nativeCidr: record.nativeRoutingCidr === undefined ? undefined : parseCidr(record.nativeRoutingCidr),
  };
}
