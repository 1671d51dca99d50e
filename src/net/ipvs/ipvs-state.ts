/** IPVS of one netns as packets meet it: services, real servers with what they have to do, connections. Linux: net/netfilter/ipvs/ip_vs_ctl.c, ip_vs_conn.c */
import { ipOf, networkOf } from '../addr/ip.ts';
import type { Ip } from '../wire/packet.ts';
import { IP_PROTO_SCTP } from '../wire/sctp.ts';
import { ES, IpvsConnection, TCP_TIMEOUTS, UDP_TIMEOUT } from './ipvs-connection.ts';
import type { IpvsDestination, IpvsService } from './ipvs-records.ts';
import { SCTP_ESTABLISHED, SCTP_TIMEOUTS } from './ipvs-sctp.ts';

const NS = 1e9;
/** A template outlives the connections it controls, looked at every minute. */
const TEMPLATE_EXTENSION_NS = 60 * NS;
const ESTIMATE_NS = 2 * NS;
const COLLECT_NS = NS;
/** After so many empty intervals nothing is left of a rate. */
const MAX_INTERVALS = 100;

const PROTOCOLS: Readonly<Record<string, number>> = { tcp: 6, udp: 17, sctp: 132 };

/** What `--stats` and `--rate` show: [connections, packets in, packets out, bytes in, bytes out]. */
export class Statistics {
  counts: number[] = [0, 0, 0, 0, 0];
  /** Counts at the end of the last interval of the estimator, and the rates then. */
  #last: number[] = [0, 0, 0, 0, 0];
  #rates: number[] = [0, 0, 0, 0, 0];
  #atNs = 0;

  add(i: number, amount: number, nowNs: number): void {
    this.#advance(nowNs);
    this.counts[i] = (this.counts[i] as number) + amount;
  }

  /** A quarter of the news counts each two seconds. */
  #advance(nowNs: number): void {
    if (nowNs - this.#atNs < ESTIMATE_NS) return;
    const intervals = Math.min(MAX_INTERVALS, Math.floor((nowNs - this.#atNs) / ESTIMATE_NS));
    for (let i = 0; i < 5; i += 1) {
      let rate = this.#rates[i] as number;
      rate += (((this.counts[i] as number) - (this.#last[i] as number)) / 2 - rate) / 4;
      this.#rates[i] = rate * 0.75 ** (intervals - 1);
      this.#last[i] = this.counts[i] as number;
    }
    this.#atNs = Math.floor(nowNs / ESTIMATE_NS) * ESTIMATE_NS;
  }

  /** Per second, rounded as the kernel rounds them. */
  rates(nowNs: number): readonly number[] {
    this.#advance(nowNs);
    return this.#rates.map((r) => Math.round(r));
  }

  zero(): void {
    this.counts = [0, 0, 0, 0, 0];
    this.#last = [0, 0, 0, 0, 0];
    this.#rates = [0, 0, 0, 0, 0];
  }

  save(): SavedStatistics {
    return { counts: [...this.counts], last: [...this.#last], rates: [...this.#rates], atNs: this.#atNs };
  }

  load(s: SavedStatistics | undefined): void {
    this.counts = s === undefined ? [0, 0, 0, 0, 0] : [...s.counts];
    this.#last = s === undefined ? [0, 0, 0, 0, 0] : [...s.last];
    this.#rates = s === undefined ? [0, 0, 0, 0, 0] : [...s.rates];
    this.#atNs = s?.atNs ?? 0;
  }
}

interface SavedStatistics {
  readonly counts: readonly number[];
  readonly last: readonly number[];
  readonly rates: readonly number[];
  readonly atNs: number;
}

export class DestinationState {
  record: IpvsDestination;
  readonly key: string;
  readonly ip: Ip;
  readonly port: number;
  active = 0;
  inactive = 0;
  persistent = 0;
  overloaded = false;
  /** Still a server of its service (IP_VS_DEST_F_AVAILABLE). */
  available = true;
  readonly statistics = new Statistics();

  constructor(record: IpvsDestination) {
    this.record = record;
    this.key = keyOf(record);
    this.ip = ipOf(record.address);
    this.port = record.port;
  }

  get weight(): number {
    return this.record.weight;
  }

  /** ip_vs_bind_dest(), ip_vs_unbind_dest(): the upper threshold shuts the door, the lower one (or three quarters) opens it. */
  judge(): void {
    const { upperThreshold: upper, lowerThreshold: lower } = this.record;
    const total = this.active + this.inactive;
    if (upper !== 0 && total >= upper) this.overloaded = true;
    else if (lower !== 0 ? total < lower : upper !== 0 ? total * 4 < upper * 3 : true) this.overloaded = false;
  }
}

const keyOf = (d: IpvsDestination): string => `${d.address} ${d.port}`;

export class ServiceState {
  record: IpvsService;
  readonly protocol: number;
  readonly ip: Ip;
  readonly mark: number;
  /** The youngest first, as the kernel keeps them. */
  destinations: DestinationState[] = [];
  /** What the scheduler keeps; see ipvs-schedulers.ts. */
  memory: number[] = [];
  readonly local = new Map<string, readonly string[]>();
  readonly statistics = new Statistics();
  traceIndexes = new Map<string, number>();

  constructor(record: IpvsService) {
    this.record = record;
    this.protocol = PROTOCOLS[record.protocol] ?? 0;
    this.ip = record.protocol === 'fwmark' ? 0 : ipOf(record.address);
    this.mark = record.protocol === 'fwmark' ? Number(record.address) : 0;
  }

  /** The record changed: servers that stay keep what they have counted. */
  update(record: IpvsService): void {
    if (record.scheduler !== this.record.scheduler) {
      this.memory = [];
      this.local.clear();
    }
    this.record = record;
    this.traceIndexes = new Map();
    const before = new Map(this.destinations.map((d) => [d.key, d]));
    this.destinations = record.destinations.map((d) => {
      const known = before.get(keyOf(d));
      before.delete(keyOf(d));
      if (known === undefined) return new DestinationState(d);
      known.record = d;
      known.judge();
      return known;
    });
    this.destinations.reverse();
    for (const gone of before.values()) gone.available = false;
  }
}

const addressKey = (s: ServiceState): string => `${s.protocol} ${s.ip} ${s.record.port}`;

const inKey = (protocol: number, clientIp: Ip, clientPort: number, virtualIp: Ip, virtualPort: number): string =>
  `${protocol} ${clientIp} ${clientPort} ${virtualIp} ${virtualPort}`;

export class IpvsState {
  readonly #services = new Map<string, ServiceState>();
  /** By what a client's packet looks like, and by what an answer looks like. */
  readonly #byClient = new Map<string, IpvsConnection>();
  readonly #byAnswer = new Map<string, IpvsConnection>();
  readonly #templates = new Map<string, IpvsConnection>();
  readonly #byAddress = new Map<string, ServiceState>();
  readonly #byMark = new Map<number, ServiceState>();
  #serial = 0;
  #collectAtNs = 0;
  tcpTimeouts: number[] = [...TCP_TIMEOUTS];
  udpTimeout = UDP_TIMEOUT;
  readonly statistics = new Statistics();

  get size(): number {
    return this.#services.size;
  }

  put(record: IpvsService): void {
    let service = this.#services.get(record.id);
    if (service === undefined) {
      service = new ServiceState(record);
      this.#services.set(record.id, service);
    }
    service.update(record);
    if (record.protocol === 'fwmark') this.#byMark.set(service.mark, service);
    else this.#byAddress.set(addressKey(service), service);
  }

  remove(id: string): void {
    const service = this.#services.get(id);
    if (service === undefined) return;
    for (const d of service.destinations) d.available = false;
    this.#services.delete(id);
    if (service.record.protocol === 'fwmark') this.#byMark.delete(service.mark);
    else this.#byAddress.delete(addressKey(service));
  }

  /** The service that a connection belongs to, while it has one. */
  serviceOf(c: IpvsConnection): ServiceState | undefined {
    return (
      this.#byAddress.get(`${c.protocol} ${c.virtualIp} ${c.virtualPort}`) ??
      this.#byAddress.get(`${c.protocol} ${c.virtualIp} 0`) ??
      this.#ownerOf(c.destination)
    );
  }

  #ownerOf(destination: DestinationState): ServiceState | undefined {
    for (const s of this.#byMark.values()) if (s.destinations.includes(destination)) return s;
    return undefined;
  }

  service(id: string): ServiceState | undefined {
    return this.#services.get(id);
  }

  services(): Iterable<ServiceState> {
    return this.#services.values();
  }

  /** ip_vs_service_find(): by mark, by address and port, by address alone. */
  findService(mark: number, protocol: number, ip: Ip, port: number): ServiceState | undefined {
    if (mark !== 0) {
      const marked = this.#byMark.get(mark);
      if (marked !== undefined) return marked;
    }
    return this.#byAddress.get(`${protocol} ${ip} ${port}`) ?? this.#byAddress.get(`${protocol} ${ip} 0`);
  }

  // ---- connections

  findByClient(protocol: number, clientIp: Ip, clientPort: number, virtualIp: Ip, virtualPort: number, nowNs: number): IpvsConnection | undefined {
    return this.#live(this.#byClient.get(inKey(protocol, clientIp, clientPort, virtualIp, virtualPort)), nowNs);
  }

  findByAnswer(protocol: number, serverIp: Ip, serverPort: number, clientIp: Ip, clientPort: number, nowNs: number): IpvsConnection | undefined {
    return this.#live(this.#byAnswer.get(inKey(protocol, serverIp, serverPort, clientIp, clientPort)), nowNs);
  }

  #live(c: IpvsConnection | undefined, nowNs: number): IpvsConnection | undefined {
    if (c === undefined) return undefined;
    if (c.expiresNs > nowNs) return c;
    this.expire(c);
    return undefined;
  }

  open(
    protocol: number,
    clientIp: Ip,
    clientPort: number,
    virtualIp: Ip,
    virtualPort: number,
    destination: DestinationState,
    options: { readonly onePacket: boolean; readonly conntrack: boolean },
    nowNs: number,
  ): IpvsConnection {
    this.#serial += 1;
    const c = new IpvsConnection(this.#serial, protocol, clientIp, clientPort, virtualIp, virtualPort, destination, {
      template: false,
      onePacket: options.onePacket,
    });
    c.conntrack = options.conntrack;
    c.timeoutSeconds = 3;
    c.expiresNs = nowNs + c.timeoutSeconds * NS;
    destination.inactive += 1;
    destination.judge();
    if (!options.onePacket) this.#link(c);
    return c;
  }

  #link(c: IpvsConnection): void {
    this.#byClient.set(inKey(c.protocol, c.clientIp, c.clientPort, c.virtualIp, c.virtualPort), c);
    const { destination } = c;
    this.#byAnswer.set(inKey(c.protocol, destination.ip, destination.port, c.clientIp, c.clientPort), c);
  }

  expire(c: IpvsConnection): void {
    const { destination } = c;
    if (c.template) {
      this.#templates.delete(templateKey(c.protocol, c.clientIp, c.virtualIp, c.virtualPort));
      destination.persistent -= 1;
      return;
    }
    const key = inKey(c.protocol, c.clientIp, c.clientPort, c.virtualIp, c.virtualPort);
    if (this.#byClient.get(key) === c) this.#byClient.delete(key);
    const answer = inKey(c.protocol, destination.ip, destination.port, c.clientIp, c.clientPort);
    if (this.#byAnswer.get(answer) === c) this.#byAnswer.delete(answer);
    if (c.inactive) destination.inactive -= 1;
    else destination.active -= 1;
    destination.judge();
    const template = c.control === undefined ? undefined : this.#templates.get(c.control);
    if (template !== undefined) template.controlled -= 1;
  }

  /** Takes out what is over, so that servers have only what they really have (a second late at most). */
  collect(nowNs: number): void {
    if (nowNs < this.#collectAtNs) return;
    let next = Number.POSITIVE_INFINITY;
    for (const c of this.#byClient.values()) {
      if (c.expiresNs <= nowNs) this.expire(c);
      else if (c.expiresNs < next) next = c.expiresNs;
    }
    for (const c of this.#templates.values()) {
      if (c.expiresNs <= nowNs && c.controlled > 0) c.expiresNs = nowNs + TEMPLATE_EXTENSION_NS;
      if (c.expiresNs <= nowNs) this.expire(c);
      else if (c.expiresNs < next) next = c.expiresNs;
    }
    // What lives is looked at again when the first of it may be over, at most once a second.
    this.#collectAtNs = Math.max(nowNs + COLLECT_NS, Math.min(next, nowNs + 60 * COLLECT_NS));
  }

  /** A packet came by: its connection lives on. */
  touch(c: IpvsConnection, state: number, nowNs: number): void {
    const { destination } = c;
    if (state !== c.state || c.timeoutSeconds === 0) {
      const wasInactive = c.inactive;
      if (c.protocol === 6) c.inactive = state !== ES;
      else if (c.protocol === IP_PROTO_SCTP) c.inactive = state !== SCTP_ESTABLISHED;
      if (wasInactive !== c.inactive) {
        destination.active += c.inactive ? -1 : 1;
        destination.inactive += c.inactive ? 1 : -1;
      }
      c.state = state;
    }
    if (c.protocol === IP_PROTO_SCTP) c.timeoutSeconds = SCTP_TIMEOUTS[state] ?? 2;
    else c.timeoutSeconds = c.protocol === 6 ? (this.tcpTimeouts[state] ?? 60) : this.udpTimeout;
    c.expiresNs = nowNs + c.timeoutSeconds * NS;
  }

  // ---- persistence

  findTemplate(protocol: number, clientIp: Ip, virtualIp: Ip, virtualPort: number, nowNs: number): IpvsConnection | undefined {
    const c = this.#templates.get(templateKey(protocol, clientIp, virtualIp, virtualPort));
    if (c === undefined) return undefined;
    if (c.expiresNs > nowNs) return c;
    if (c.controlled > 0) {
      c.expiresNs = nowNs + TEMPLATE_EXTENSION_NS;
      return c;
    }
    this.expire(c);
    return undefined;
  }

  makeTemplate(
    protocol: number,
    clientIp: Ip,
    virtualIp: Ip,
    virtualPort: number,
    destination: DestinationState,
    seconds: number,
    nowNs: number,
  ): IpvsConnection {
    this.#serial += 1;
    const c = new IpvsConnection(this.#serial, protocol, clientIp, 0, virtualIp, virtualPort, destination, { template: true, onePacket: false });
    c.timeoutSeconds = seconds;
    c.expiresNs = nowNs + seconds * NS;
    destination.persistent += 1;
    this.#templates.set(templateKey(protocol, clientIp, virtualIp, virtualPort), c);
    return c;
  }

  control(c: IpvsConnection, template: IpvsConnection, nowNs: number): void {
    c.control = templateKey(template.protocol, template.clientIp, template.virtualIp, template.virtualPort);
    template.controlled += 1;
    template.expiresNs = nowNs + template.timeoutSeconds * NS;
  }

  /** The client's network as persistence sees it. */
  persistentClient(service: ServiceState, ip: Ip): Ip {
    const length = service.record.persistentPrefix;
    return length === undefined ? ip : networkOf(ip, length);
  }

  /** Templates and connections, in order of their making. */
  list(nowNs: number): IpvsConnection[] {
    return [...this.#byClient.values(), ...this.#templates.values()].filter((c) => c.expiresNs > nowNs || c.controlled > 0).sort((a, b) => a.serial - b.serial);
  }

  zero(): void {
    this.statistics.zero();
    for (const s of this.#services.values()) {
      s.statistics.zero();
      for (const d of s.destinations) d.statistics.zero();
    }
  }

  // ---- snapshots

  save(): SavedIpvs {
    const owner = new Map<DestinationState, string>();
    for (const [id, s] of this.#services) for (const d of s.destinations) owner.set(d, id);
    const saveConnection = (c: IpvsConnection): SavedConnection => ({
      serial: c.serial,
      protocol: c.protocol,
      clientIp: c.clientIp,
      clientPort: c.clientPort,
      virtualIp: c.virtualIp,
      virtualPort: c.virtualPort,
      destination: c.destination.record,
      service: owner.get(c.destination),
      template: c.template,
      fields: {
        state: c.state,
        timeoutSeconds: c.timeoutSeconds,
        expiresNs: c.expiresNs,
        inactive: c.inactive,
        conntrack: c.conntrack,
        control: c.control,
        controlled: c.controlled,
      },
    });
    return {
      serial: this.#serial,
      collectAtNs: this.#collectAtNs,
      tcpTimeouts: [...this.tcpTimeouts],
      udpTimeout: this.udpTimeout,
      statistics: this.statistics.save(),
      connections: [...this.#byClient.values(), ...this.#templates.values()].sort((a, b) => a.serial - b.serial).map(saveConnection),
      services: [...this.#services].map(([id, s]) => ({
        id,
        memory: [...s.memory],
        local: [...s.local],
        statistics: s.statistics.save(),
        destinations: s.destinations.map((d) => [d.key, d.statistics.save(), d.overloaded] as const),
      })),
    };
  }

  load(saved: SavedIpvs | undefined): void {
    this.#byClient.clear();
    this.#byAnswer.clear();
    this.#templates.clear();
    this.#serial = saved?.serial ?? 0;
    this.#collectAtNs = saved?.collectAtNs ?? 0;
    this.tcpTimeouts = [...(saved?.tcpTimeouts ?? TCP_TIMEOUTS)];
    this.udpTimeout = saved?.udpTimeout ?? UDP_TIMEOUT;
    this.statistics.load(saved?.statistics);
    const savedServices = new Map(saved?.services.map((s) => [s.id, s]));
    for (const [id, service] of this.#services) {
      const s = savedServices.get(id);
      service.memory = [...(s?.memory ?? [])];
      service.local.clear();
      for (const [key, servers] of s?.local ?? []) service.local.set(key, servers);
      service.statistics.load(s?.statistics);
      const byKey = new Map(s?.destinations.map(([key, statistics, overloaded]) => [key, { statistics, overloaded }]));
      for (const d of service.destinations) {
        d.active = 0;
        d.inactive = 0;
        d.persistent = 0;
        d.overloaded = byKey.get(d.key)?.overloaded ?? false;
        d.statistics.load(byKey.get(d.key)?.statistics);
      }
    }
    const gone = new Map<IpvsDestination, DestinationState>();
    for (const s of saved?.connections ?? []) {
      const service = s.service === undefined ? undefined : this.#services.get(s.service);
      const key = keyOf(s.destination);
      let destination = service?.destinations.find((d) => d.key === key) ?? gone.get(s.destination);
      if (destination === undefined) {
        // Its server was taken away while the connection lived on.
        destination = new DestinationState(s.destination);
        destination.available = false;
        gone.set(s.destination, destination);
      }
      const c = new IpvsConnection(s.serial, s.protocol, s.clientIp, s.clientPort, s.virtualIp, s.virtualPort, destination, {
        template: s.template,
        onePacket: false,
      });
      Object.assign(c, s.fields);
      if (c.template) {
        destination.persistent += 1;
        this.#templates.set(templateKey(c.protocol, c.clientIp, c.virtualIp, c.virtualPort), c);
      } else {
        if (c.inactive) destination.inactive += 1;
        else destination.active += 1;
        this.#link(c);
      }
    }
  }
}

const templateKey = (protocol: number, clientIp: Ip, virtualIp: Ip, virtualPort: number): string => `${protocol} ${clientIp} ${virtualIp} ${virtualPort}`;

interface SavedConnection {
  readonly serial: number;
  readonly protocol: number;
  readonly clientIp: Ip;
  readonly clientPort: number;
  readonly virtualIp: Ip;
  readonly virtualPort: number;
  readonly destination: IpvsDestination;
  readonly service: string | undefined;
  readonly template: boolean;
  readonly fields: Pick<IpvsConnection, 'state' | 'timeoutSeconds' | 'expiresNs' | 'inactive' | 'conntrack' | 'control' | 'controlled'>;
}

export interface SavedIpvs {
  readonly serial: number;
  readonly collectAtNs: number;
  readonly tcpTimeouts: readonly number[];
  readonly udpTimeout: number;
  readonly statistics: SavedStatistics;
  readonly connections: readonly SavedConnection[];
  readonly services: readonly {
    readonly id: string;
    readonly memory: readonly number[];
    readonly local: readonly (readonly [string, readonly string[]])[];
    readonly statistics: SavedStatistics;
    readonly destinations: readonly (readonly [string, SavedStatistics, boolean])[];
  }[];
}
