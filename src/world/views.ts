/** What a running world shows to those who look at it from another thread: plain, structured-cloneable data. */
import type { Diagnostic, Span } from '../base/diagnostic.ts';
import type { ObjectKey } from '../base/origin.ts';
import type { OpenConnectionsOf } from '../kube/policy/enforcement.ts';
import type { ChainCounters, ConnectionView, FdbView, NeighborView, SocketView } from '../net/engine.ts';
import type { DeviceType } from '../net/records.ts';
import type { TraceEvent } from '../net/trace-event.ts';
import type { Layer } from '../net/wire/packet.ts';

/** The boxes of the canvas. Lists are in stable order (creation), so that an edit moves nothing else. */
export interface Topology {
  readonly hosts: readonly HostView[];
  readonly netnses: readonly NetnsView[];
  readonly devices: readonly DeviceView[];
  readonly services: readonly ServiceView[];
  /** The world still comes up: Services are not told yet. */
  readonly coming?: true;
  /** Whether anything on the nodes enforces NetworkPolicy, and what it is. */
  readonly enforcement?: { readonly enforces: boolean; readonly sentence: string };
}

export interface HostView {
  readonly id: string;
  readonly name: string;
  readonly role: 'node' | 'switch' | 'router' | 'external';
  /** Its main address, '' for a switch. */
  readonly ip: string;
  readonly podCidr?: string;
  /** `172.30.0.0/16` for the underlay switch. */
  readonly cidr?: string;
  readonly ready: boolean;
  /** Which cluster's machine it is, where there are several. */
  readonly cluster?: string;
  /** The API server runs on it. */
  readonly controlPlane?: boolean;
  readonly objectKey?: ObjectKey;
}

export interface NetnsView {
  readonly id: string;
  readonly hostId: string;
  readonly type: 'root' | 'pod';
  /** Pod name; host name for root. */
  readonly title: string;
  readonly namespace?: string;
  readonly ip: string;
  readonly phase?: string;
  /** As kubectl has it under STATUS, where it is not `Running`. */
  readonly status?: string;
  /** Of all containers; absent: none. */
  readonly restarts?: number;
  readonly ready: boolean;
  readonly containers: readonly { readonly name: string; readonly image: string; readonly role: 'pause' | 'app'; readonly ready: boolean }[];
  readonly objectKey?: ObjectKey;
  readonly labels: Readonly<Record<string, string>>;
}

export interface DeviceView {
  readonly id: string;
  readonly netns: string;
  readonly name: string;
  readonly type: DeviceType;
  readonly mac: string;
  readonly mtuBytes: number;
  readonly up: boolean;
  readonly addresses: readonly string[];
  readonly master?: string;
  readonly peer?: string;
  readonly vni?: number;
  /** What netem or a token bucket does to packets on their way out: `delay 50ms loss 20%`. */
  readonly impaired?: string;
}

export interface ServiceView {
  readonly objectKey: ObjectKey;
  readonly name: string;
  readonly namespace: string;
  readonly type: string;
  /** `None` for headless. */
  readonly clusterIp: string;
  /** As kubectl prints PORT(S): `80/TCP`. */
  readonly ports: string;
  /** netns ids of ready endpoints, '' for those outside the cluster. */
  readonly endpoints: readonly string[];
}

/** A word or phrase of an explanation. `link` leads to a box, an object or a line of YAML; never HTML. */
export interface Phrase {
  readonly text: string;
  readonly style?: 'mono' | 'strong' | 'drop';
  readonly link?: LinkTarget;
}
export type LinkTarget =
  | { readonly kind: 'object'; readonly key: ObjectKey }
  | { readonly kind: 'netns'; readonly id: string }
  | { readonly kind: 'device'; readonly id: string }
  | { readonly kind: 'chain'; readonly id: string; readonly rule?: number };

/** One log event with its words: a row of the timeline, a stop of the animation. */
export interface HopView {
  readonly event: TraceEvent;
  /** Where on the canvas: a device id, or `<netns>#<HOOK>` / `<netns>#route` for the kernel's pills, or the netns id. */
  readonly place: string;
  /** The outermost protocol that a reader cares for: DNS, TCP, HTTP, ICMP, ARP, VXLAN … */
  readonly protocol: string;
  /** Colour family of that protocol. */
  readonly family: 'l2' | 'l3' | 'l4' | 'l7' | 'tunnel' | 'drop';
  readonly source: string;
  readonly destination: string;
  /** Frame length in bytes of the outermost layer. */
  readonly lengthBytes: number;
  /** Text on the capsule: `SYN :80`, `A? web-service`. */
  readonly label: string;
  /** `controlplane cni0` */
  readonly where: string;
  /** Few words: `encapsulated by flannel.1`. */
  readonly title: string;
  /** Row text: `SYN, DNAT to 10.244.1.4:80`. */
  readonly summary: string;
  /** Why, in one to three sentences. */
  readonly why: readonly Phrase[];
  /** For a drop: what would fix it. */
  readonly fix?: readonly Phrase[];
  /** Layers before this step, to mark what changed; absent when nothing did. */
  readonly before?: readonly Layer[];
  /** The line of YAML behind it. */
  readonly yaml?: { readonly key: ObjectKey; readonly file: string; readonly span: Span };
  /** Rules that matched at this hop, in order, for "rules that matched". */
  readonly rules: readonly RuleView[];
  /** Needed for the network but beside the story (ARP, flooded copies for others); playback may pass it quickly. */
  readonly background: boolean;
  /** Hop number within its packet, from 1, and how many hops the packet has so far. */
  readonly hop: number;
  readonly hops: number;
}

/** `text` is the rule as iptables-save prints it; `outcome` what it did: `→ KUBE-SVC-…`, `DNAT → 10.244.1.4:80`, `ACCEPT`. */
export interface RuleView {
  readonly table: string;
  readonly chain: string;
  readonly text: string;
  readonly outcome: string;
  /** Of a `statistic --mode random` match. */
  readonly probability?: number;
  readonly link?: LinkTarget;
}

/** A rule or a route beside the one that decided. */
export interface NeighborRow {
  /** As the tool prints it. */
  readonly text: string;
  readonly decided: boolean;
  /** Why it did, or what in this packet it did not fit. */
  readonly why: string;
  /** Place in its chain, from 1. */
  readonly number?: number;
  readonly writtenBy: string;
  readonly objectKey?: ObjectKey;
  readonly yaml?: { readonly file: string; readonly span: Span };
}
/** What decided a hop, among what was there at that moment. */
export interface HopContext {
  /** `nat KUBE-SERVICES` */
  readonly chain?: string;
  readonly rules?: readonly NeighborRow[];
  /** Rules of the chain before those that are shown. */
  readonly skipped?: number;
  /** The best first. */
  readonly routes?: readonly NeighborRow[];
}

/** A change of an object on its way from the API server to a component that hears of it late. */
export interface DeliveryView {
  /** `kube-proxy`, `endpointslice-controller` */
  readonly component: string;
  /** Where the component runs; absent for controllers of the control plane. */
  readonly host?: string;
  readonly objectKey: ObjectKey;
  readonly sentNs: number;
  /** Absent while the component does not listen. */
  readonly arrivesNs?: number;
  /** `EndpointSlice default/web-x2x9p, on its way to kube-proxy on node01` */
  readonly sentence: string;
}

/** Who watches the API server; of a node's agents, those that have not heard of everything stand by themselves. */
export interface WatcherView {
  readonly component: string;
  readonly host?: string;
  /** Kinds. */
  readonly watches: readonly string[];
  /** The last revision that it has heard of without a gap. */
  readonly seen: number;
  /** Objects whose newest version is on its way. */
  readonly waiting: number;
  /** When the next of them arrives. */
  readonly arrivesNs?: number;
  readonly stopped?: true;
}
/** A write of an object, or what an agent wrote on a machine. */
export interface ControlStepView {
  readonly seq: number;
  readonly timeNs: number;
  /** `replicaset-controller`, `kubectl`, `kube-proxy` */
  readonly by: string;
  readonly verb: 'creates' | 'updates' | 'deletes' | 'writes';
  readonly objectKey?: ObjectKey;
  readonly revision?: number;
  readonly host?: string;
  /** `on node01, Running`; '' where there is no more to say. */
  readonly detail: string;
  readonly sentence: string;
}
export interface ControlPlaneView {
  /** Of the last write. */
  readonly revision: number;
  readonly watchers: readonly WatcherView[];
  readonly steps: readonly ControlStepView[];
}

/** A packet's whole life, for the animation and the timeline. */
export interface PacketView {
  readonly id: number;
  readonly label: string;
  readonly firstSeq: number;
  readonly lastSeq: number;
  readonly firstNs: number;
  readonly lastNs: number;
  readonly verdict: 'delivered' | 'dropped' | 'in-flight';
}

export interface TerminalEntry {
  readonly session: string;
  readonly timeNs: number;
  /** Log position: the terminal rewinds with the canvas. */
  readonly seq: number;
  readonly kind: 'command' | 'stdout' | 'stderr' | 'prompt';
  /** Ends with a newline where the program wrote one. For `command`: the line typed, without the prompt. */
  readonly text: string;
}

export interface SessionView {
  readonly id: string;
  /** `controlplane:~$ `, `~ # ` */
  readonly prompt: string;
  /** A foreground command is running. */
  readonly busy: boolean;
  /** It ends only by Ctrl-C (ping without -c, tcpdump). */
  readonly endless: boolean;
  /** netns id the session is in. */
  readonly netns: string;
  readonly title: string;
  /** Its foreground command is `vi` (or `kubectl edit`) and waits for this text to be edited; answered by `edited`. */
  readonly editing?: { readonly path: string; readonly text: string };
}

/** What came since the last update. Absent parts have not changed. */
export interface WorldUpdate {
  /** Grows by one; the first after `open` carries everything. */
  readonly revision: number;
  readonly nowNs: number;
  readonly headSeq: number;
  readonly topology?: Topology;
  /** The world still comes up: these are the boxes that stand so far, and nothing else is told. */
  readonly coming?: true;
  /** From this place in the log on boxes and texts are as they are now; before it `moment` has them. Absent: from 0. */
  readonly eraSeq?: number;
  readonly diagnostics?: readonly Diagnostic[];
  readonly files?: readonly { readonly path: string; readonly text: string }[];
  /** New terminal entries; `terminalReset` says that earlier ones are void (new world, restore). */
  readonly terminal?: readonly TerminalEntry[];
  readonly terminalReset?: boolean;
  readonly sessions?: readonly SessionView[];
  readonly deliveries?: readonly DeliveryView[];
}

/** Boxes and applied texts of the past; the same for all events in [fromSeq, toSeq). */
export interface MomentView {
  readonly fromSeq: number;
  readonly toSeq: number;
  readonly nowNs: number;
  readonly topology: Topology;
  /** Texts that were others than those in force now; null where there was no such file. */
  readonly files: readonly { readonly path: string; readonly text: string | null }[];
}

/** Tables of one netns at one moment. */
export interface NetnsInspection {
  readonly kind: 'netns';
  readonly netns: NetnsView;
  readonly atSeq: number;
  readonly devices: readonly DeviceView[];
  /** Lines as `ip route` prints them. */
  readonly routes: readonly { readonly text: string; readonly id: string; readonly origin: string }[];
  readonly neighbors: readonly NeighborView[];
  readonly fdb: readonly FdbView[];
  readonly connections: readonly ConnectionView[];
  readonly sockets: readonly SocketView[];
  readonly chains: readonly {
    readonly id: string;
    readonly table: string;
    readonly name: string;
    readonly policy?: string;
    readonly rules: readonly { readonly text: string; readonly origin: string; readonly objectKey?: ObjectKey }[];
    readonly counters: ChainCounters;
  }[];
  /** The rule that was asked for, in words. */
  readonly explained?: readonly Phrase[];
  /** As `ipvsadm -Ln` lists them. */
  readonly virtualServers: readonly {
    readonly id: string;
    readonly protocol: string;
    readonly address: string;
    readonly scheduler: string;
    readonly servers: readonly {
      readonly address: string;
      readonly weight: number;
      readonly active: number;
      readonly inactive: number;
      readonly connections: number;
    }[];
  }[];
  readonly ipsets: readonly { readonly id: string; readonly name: string; readonly type: string; readonly members: readonly string[] }[];
}
/** What one balancing step sends to one endpoint. */
export interface ServiceShareView {
  /** `10.244.1.4:80` */
  readonly address: string;
  readonly pod?: ObjectKey;
  /** 0..1: of new connections, by what is written. */
  readonly planned: number;
  /** Connections that went there. */
  readonly seen: number;
  readonly link?: LinkTarget;
}
/** The place on a node where one port of a Service is spread over endpoints. */
export interface ServicePathView {
  /** Host id. */
  readonly node: string;
  /** `iptables`, `ip6tables`, `nftables`, `ipvs rr` … */
  readonly mode: string;
  /** Chain or virtual server. */
  readonly name: string;
  readonly link: LinkTarget;
  readonly measuredBy: 'rule counters' | 'conntrack entries' | 'ipvsadm --stats' | 'cilium_lb4_reverse_sk entries';
  readonly shares: readonly ServiceShareView[];
}
/** An API object: its kind, live YAML, events and conditions. */
export interface ObjectInspection {
  readonly kind: 'object';
  readonly key: ObjectKey;
  readonly atSeq: number;
  readonly yaml: string;
  readonly title: string;
  readonly subtitle: string;
  readonly source?: { readonly file: string; readonly span: Span };
  /** Of a policy: who enforces it, and what becomes of open connections when it changes. */
  readonly policy?: { readonly sentence: string; readonly openConnections: readonly OpenConnectionsOf[] };
  /** netns of a pod, so that the inspector can offer its tables. */
  readonly netns?: string;
  /** Of a Service: how each node spreads its connections. */
  readonly paths?: readonly ServicePathView[];
  readonly events: readonly { readonly type: string; readonly reason: string; readonly message: string; readonly age: string }[];
  readonly conditions: readonly { readonly type: string; readonly status: string; readonly reason: string; readonly message: string }[];
}
export type Inspection = NetnsInspection | ObjectInspection;

/** YAML help at a place of a file. Offsets in UTF-16 code units. */
export interface CompletionItem {
  readonly label: string;
  readonly insertText: string;
  readonly detail: string;
  readonly documentation: string;
  readonly startOffset: number;
  readonly endOffset: number;
  /** `insertText` has tab stops: `${1:web}`. */
  readonly snippet?: true;
}
export interface HoverView {
  readonly startOffset: number;
  readonly endOffset: number;
  /** Plain paragraphs, never Markdown from user text. */
  readonly paragraphs: readonly string[];
}
