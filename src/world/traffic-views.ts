/** What a page shows of requests that flow: plain, structured-cloneable data. */
import type { ObjectKey } from '../base/origin.ts';
import type { Outcome } from '../net/app/load/tally.ts';

export interface TrafficSecond {
  readonly requests: number;
  /** Of them: all but 2xx and 3xx. */
  readonly errors: number;
  /** Of those that ended in this second; absent without any, or where only servers count. */
  readonly p50Ms?: number;
  readonly p95Ms?: number;
  readonly p99Ms?: number;
}

export interface TrafficShare {
  readonly key: ObjectKey;
  readonly name: string;
  /** In the seconds that are shown. */
  readonly requests: number;
  readonly errors: number;
  /** 0..1 */
  readonly share: number;
}

export interface TrafficView {
  /** Those who ask know how long it took and what never arrived; those who answer know neither. */
  readonly countedBy: 'clients' | 'servers';
  /** Streams of requests, as they are written; [] where only servers count. */
  readonly streams: readonly { readonly key: ObjectKey; readonly target: string }[];
  /** Virtual time, whole seconds, of the last entry of `seconds`: the last one that is over. */
  readonly lastSecond: number;
  /** The last minute, the oldest first. */
  readonly seconds: readonly TrafficSecond[];
  /** Since the programs began. */
  readonly totals: readonly { readonly outcome: Outcome; readonly requests: number }[];
  /** Over the last minute. */
  readonly p50Ms?: number;
  readonly p95Ms?: number;
  readonly p99Ms?: number;
  /** A Service's endpoints, as they have counted what they answered. */
  readonly endpoints: readonly TrafficShare[];
}

/** Requests a second, the mean of the last seconds that are over. */
export interface FlowMark {
  readonly key: ObjectKey;
  readonly requests: number;
  /** Of them: all but 2xx and 3xx. */
  readonly errors: number;
}

export interface FlowsView {
  readonly nowNs: number;
  /** Of Pods, Services and Hosts. */
  readonly marks: readonly FlowMark[];
  /** Device ids with the packets that each has received and sent since it is there. */
  readonly devices: readonly (readonly [id: string, packets: number])[];
}
