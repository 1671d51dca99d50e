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
/** In the order in which they are asked. */
export type PolicyTier = 'Admin' | 'NetworkPolicy' | 'Baseline';
export type PolicyAction = 'Accept' | 'Deny' | 'Pass';

export interface PortTerm {
  readonly path: string;
  /** Undefined: of the protocol that the named port has. */
  readonly protocol?: string;
  /** A port's name in the destination pod, else the range. */
  readonly name?: string;
  readonly first: number;
  readonly last: number;
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
  | { readonly kind: 'domains'; readonly path: string; readonly names: readonly string[] };

export interface PolicyRule {
  readonly path: string;
  readonly name?: string;
  readonly action: PolicyAction;
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
