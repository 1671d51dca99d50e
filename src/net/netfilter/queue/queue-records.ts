/** A program that reads packets from a queue of netfilter's and sends each back with a verdict, as a record: what it knows, as plain data. Linux: net/netfilter/nfnetlink_queue.c */
import type { ObjectKey, Origin } from '../../../base/origin.ts';

/** Ports of one protocol (by number). `name`: those that the destination calls so; then the range counts for nothing. Absent protocol: the named port's own. */
export interface QueuePorts {
  readonly protocol?: number;
  readonly name?: string;
  readonly first: number;
  readonly last: number;
}

export interface QueueRule {
  readonly action: 'accept' | 'deny' | 'pass';
  readonly path: string;
  /** Indexes of sets: the other end is in one of them. Absent: whoever it is. */
  readonly who?: readonly number[];
  readonly ports?: readonly QueuePorts[];
}

/** Rules of one direction. Lists of stage 0 and 2 are asked in order, the first rule that matches counts; those of stage 1 together: what none of them accepts is dropped. */
export interface QueueList {
  /** `NetworkPolicy shop/db` */
  readonly name: string;
  readonly object: ObjectKey;
  readonly stage: 0 | 1 | 2;
  readonly rules: readonly QueueRule[];
}

/** Addresses, and ranges with what is left out of them. */
export interface QueueSet {
  readonly addresses?: readonly string[];
  readonly ranges?: readonly { readonly range: string; readonly except: readonly string[] }[];
}

/** One end of flows: which lists restrict what it sends and what it receives, by index and in order. */
export interface QueueEnd {
  readonly name: string;
  readonly egress: readonly number[];
  readonly ingress: readonly number[];
  readonly ports?: readonly { readonly name: string; readonly protocol: number; readonly port: number }[];
}

/** Shared by reference between the machines on which the program runs. */
export interface QueueTable {
  /** By address. */
  readonly ends: Readonly<Record<string, QueueEnd>>;
  readonly sets: readonly QueueSet[];
  readonly lists: readonly QueueList[];
}

/** Id: `<netns>/nfqueue/<number>`. */
export interface NfQueue {
  readonly kind: 'nfqueue';
  readonly id: string;
  readonly origin: Origin;
  readonly netns: string;
  /** 0..65535 */
  readonly queue: number;
  /** `kindnetd` */
  readonly program: string;
  readonly table: QueueTable;
}

export const nfQueueId = (netns: string, queue: number): string => `${netns}/nfqueue/${queue}`;
