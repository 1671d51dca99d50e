/**
 * Who may talk to whom, as plain data: what NetworkPolicy, ClusterNetworkPolicy and the older AdminNetworkPolicy say, in one form.
 *
 * Build on it so: `policyModel(view)` (policy-model.ts) compiles a cluster, `verdict(model, flow)` (verdict.ts) judges one flow and keeps the walk,
 * `policyMatrix(model, ports)` (matrix.ts) judges all pairs at once.
 */
import type { IpPrefix } from '../../net/addr/ip.ts';
import type { Ip } from '../../net/wire/packet.ts';
import type { ObjectKey } from '../../objects/types.ts';
import type { LabelSelector, Labels } from '../label-selector.ts';

/** ICMP has no ports: a rule that names ports never matches it. */
export type PolicyProtocol = 'TCP' | 'UDP' | 'SCTP' | 'ICMP';
export type PolicyDirection = 'ingress' | 'egress';
/** `Admin`, `NetworkPolicy`, `Baseline`; in Calico the name of a tier, in Cilium `Cilium`. */
export type PolicyTier = string;
/** `Log` decides nothing: Calico's. */
export type PolicyAction = 'Accept' | 'Deny' | 'Pass' | 'Log';

/** Policies that are asked together, one such step after the other. */
export interface PolicyStage {
  readonly name: PolicyTier;
  /** `ordered`: the first rule that matches counts. `deny first`: a denying rule of any policy counts before all that allow. */
  readonly how: 'ordered' | 'deny first';
  /** What becomes of a flow of which nothing here decides, where a policy of this stage isolates the pod. */
  readonly end: 'deny' | 'pass';
}

export interface PortTerm {
  readonly path: string;
  /** Undefined: of the protocol that the named port has. */
  readonly protocol?: string;
  /** A port's name in the destination pod, else the range. */
  readonly name?: string;
  readonly first: number;
  readonly last: number;
  /** All of the protocol, also where it has no ports. */
  readonly whole?: true;
}

export interface PolicyBlock {
  readonly range: IpPrefix;
  readonly except: readonly IpPrefix[];
}

/** `own`: the policy's namespace, by name; else by labels. */
export type NamespaceTerm = { readonly own: string } | { readonly labels: LabelSelector };

/** Who, at the other end. `path` leads to the line of YAML: `spec.ingress[0].from[1]`. */
export type PeerTerm =
  | { readonly kind: 'pods'; readonly path: string; readonly namespaces: NamespaceTerm; readonly pods?: LabelSelector }
  | { readonly kind: 'networks'; readonly path: string; readonly blocks: readonly PolicyBlock[] }
  | { readonly kind: 'nodes'; readonly path: string; readonly nodes: LabelSelector }
  | { readonly kind: 'domains'; readonly path: string; readonly names: readonly string[] }
  | EntityTerm;

/** Whatever a CNI's own words mean. */
export interface EntityTerm {
  readonly kind: 'entity';
  readonly path: string;
  /** As it is written; equal for terms that mean the same. */
  readonly text: string;
  /** Whether it depends on who asks: a pod's own node is another than others' nodes. */
  readonly perSubject?: true;
  matches(endpoint: PolicyEndpoint, ip: Ip | undefined, subject: PolicyEndpoint): boolean;
}

export interface PolicyRule {
  readonly path: string;
  readonly name?: string;
  readonly action: PolicyAction;
  /** What the pod itself must be, besides being selected. */
  readonly subject?: EntityTerm;
  /** What a rule asks besides: `its contents are read by a proxy: GET /health`. */
  readonly note?: string;
  /** Undefined: everybody; empty: nobody. */
  readonly peers?: readonly PeerTerm[];
  /** Undefined: every port of every protocol. */
  readonly ports?: readonly PortTerm[];
}

export interface CompiledPolicy {
  readonly key: ObjectKey;
  readonly name: string;
  readonly namespace?: string;
  readonly tier: PolicyTier;
  /** Lower is asked first; within equal ones, by name. 0 for NetworkPolicy, whose order does not matter. */
  readonly priority: number;
  readonly subject: { readonly namespaces: NamespaceTerm; readonly pods?: LabelSelector };
  /** In place of `subject`, where a CNI's own words select. */
  selects?(pod: PolicyPod): boolean;
  /** Absent: it isolates in each direction about which it says something. */
  readonly isolates?: Readonly<Record<PolicyDirection, boolean>>;
  /** Undefined: it says nothing about this direction. A NetworkPolicy's empty list isolates. */
  readonly ingress?: readonly PolicyRule[];
  readonly egress?: readonly PolicyRule[];
}

export interface NamedPort {
  readonly name: string;
  readonly port: number;
  readonly protocol: string;
}

/** A pod with a network of its own; those in their node's network are the node, and no selector of pods finds them. */
export interface PolicyPod {
  /** `shop/web-0` */
  readonly id: string;
  readonly namespace: string;
  readonly name: string;
  readonly labels: Labels;
  readonly namespaceLabels: Labels;
  readonly node: string;
  readonly ports: readonly NamedPort[];
}

export interface PolicyNode {
  readonly name: string;
  readonly labels: Labels;
}

/** One end of a flow: a pod, a node (with the pods in its network), or an address of nobody here. */
export interface PolicyEndpoint {
  readonly id: string;
  readonly ips: readonly Ip[];
  readonly pod?: PolicyPod;
  readonly node?: PolicyNode;
  /** Ports that listen here by name, of host-network pods too: for the matrix's columns. */
  readonly ports: readonly NamedPort[];
}

export interface PolicyFlow {
  readonly from: PolicyEndpoint;
  readonly to: PolicyEndpoint;
  /** As the packet has them where the CNI looks; the first of the endpoint when absent. */
  readonly fromIp?: Ip;
  readonly toIp?: Ip;
  readonly protocol: PolicyProtocol;
  /** After DNAT: the port of the pod. 0 for ICMP. */
  readonly port: number;
}

export interface TermWalk {
  readonly path: string;
  readonly matched: boolean;
  /** `label app is api, not web` */
  readonly reason: string;
}
export interface RuleWalk {
  readonly path: string;
  readonly name?: string;
  readonly action: PolicyAction;
  readonly matched: boolean;
  /** As the rule has it. */
  readonly note?: string;
  readonly ports: readonly TermWalk[];
  readonly peers: readonly TermWalk[];
}
/** One policy that selects the pod in this direction, as it was asked. */
export interface PolicyWalk {
  readonly policy: ObjectKey;
  readonly tier: PolicyTier;
  readonly outcome: 'accept' | 'deny' | 'pass' | 'no match';
  /** Up to and with the rule that decided. */
  readonly rules: readonly RuleWalk[];
}
export interface DirectionVerdict {
  readonly direction: PolicyDirection;
  /** The pod whose policies are asked. Undefined: this end is no pod with a network of its own, nothing restricts it. */
  readonly subject?: string;
  readonly allowed: boolean;
  /** One sentence: `shop/default-deny isolates it and no rule of a policy allows this`. */
  readonly reason: string;
  readonly policies: readonly PolicyWalk[];
  /** What decided, where one policy did. */
  readonly by?: { readonly policy: ObjectKey; readonly path?: string };
}
export interface PolicyVerdict {
  readonly allowed: boolean;
  readonly egress: DirectionVerdict;
  readonly ingress: DirectionVerdict;
}
