/**
 * Wires that are slow or lose packets, as a fact of the document: the annotation `kubehop.dev/impair` of a Node or a Pod lists wires, parted by `;`, each with what
 * netem does to packets on their way out: `eth0 delay 50ms 5ms loss 20% duplicate 1% corrupt 1%`, as after `tc qdisc add dev eth0 root netem …`. Of a Node also the wires of pods on it, by
 * namespace and name (`default/web-0 loss 5%`): so those of a Deployment's pods, which have no text of their own.
 */
import type { NetemQdisc, NetRecord } from '../../net/records.ts';
import type { Rendering } from '../../objects/types.ts';
import { type KubeObject, objectKey } from '../../objects/types.ts';
import { parseDurationNs } from './cluster-network.ts';

export const IMPAIR_ANNOTATION = 'kubehop.dev/impair';
/** The first major number that the kernel gives by itself. Linux: net/sched/sch_api.c, qdisc_alloc_handle */
const FIRST_HANDLE = 0x8001;
const MAX_WIRES = 64;

export interface ImpairedWire {
  /** `eth0`, or of a Node `<namespace>/<pod>`. */
  readonly wire: string;
  /** Netem's options as they are written. */
  readonly words: string;
}

/** The entries of the annotation in order, unread. */
export function impairedWires(object: KubeObject | undefined): readonly ImpairedWire[] {
  const value = object?.metadata.annotations?.[IMPAIR_ANNOTATION] ?? '';
  return value
    .split(';', MAX_WIRES)
    .map((entry) => entry.trim().split(/\s+/))
    .flatMap(([wire, ...words]) => (wire === undefined || wire === '' ? [] : [{ wire, words: words.join(' ') }]));
}

/** These options of netem; all of them are read by tc, which is not here when a page opens (net/device/netem-words.ts). Undefined: not readable. */
function read({ words }: ImpairedWire): NetemQdisc | undefined {
  const parts = [...words.matchAll(/(?:^| )(delay|loss|duplicate|corrupt) (\S+)(?: (\d\S*))?/g)];
  if (words === '' || parts.map(([part]) => part).join('') !== words) return undefined;
  const of = (option: string) => parts.find((part) => part[1] === option);
  const time = (text: string | undefined) => (text === undefined ? 0 : parseDurationNs(text));
  const ratio = (option: string) => (/^[\d.]+%$/.test(of(option)?.[2] ?? '0%') ? Number.parseFloat(of(option)?.[2] ?? '0') / 100 : Number.NaN);
  const [delayNs, jitterNs] = [time(of('delay')?.[2]), time(of('delay')?.[3])];
  const [lossRatio = 0, duplicateRatio = 0, corruptRatio = 0] = ['loss', 'duplicate', 'corrupt'].map(ratio);
  if (delayNs === undefined || jitterNs === undefined || !(Math.max(lossRatio, duplicateRatio, corruptRatio) <= 1)) return undefined;
  const none = {
    delayCorrelation: 0,
    lossCorrelation: 0,
    duplicateCorrelation: 0,
    corruptCorrelation: 0,
    reorderCorrelation: 0,
    reorderRatio: 0,
    reorderGap: 0,
  };
  return { kind: 'netem', handle: FIRST_HANDLE, limitPackets: 1000, delayNs, jitterNs, lossRatio, duplicateRatio, corruptRatio, ...none, rateBitsPerSecond: 0 };
}

/** Undefined: the wire is good, or what is written cannot be read. */
export function impairmentOf(object: KubeObject | undefined, wire: string): NetemQdisc | undefined {
  // Few objects have the annotation, and all are asked.
  if (object?.metadata.annotations?.[IMPAIR_ANNOTATION] === undefined) return undefined;
  const found = impairedWires(object).findLast((one) => one.wire === wire);
  return found === undefined ? undefined : read(found);
}

export const withQdisc = (records: readonly NetRecord[], netns: string, device: string, qdisc: NetemQdisc | undefined): NetRecord[] =>
  qdisc === undefined
    ? [...records]
    : records.map((record) => (record.kind === 'device' && record.netns === netns && record.name === device ? { ...record, qdisc } : record));

/** What cannot be read, and wires that there are none of. */
export function impairmentProblems(object: KubeObject, known: (wire: string) => boolean): NonNullable<Rendering<NetRecord>['diagnostics']> {
  return impairedWires(object).flatMap((one) => {
    const message =
      read(one) === undefined
        ? `"${one.wire}": write for instance "delay 50ms 5ms loss 20%" (delay, loss, duplicate, corrupt)`
        : known(one.wire)
          ? undefined
          : `there is no wire "${one.wire}" here: eth0 is one, of a Node also <namespace>/<pod>`;
    if (message === undefined) return [];
    return [
      {
        key: objectKey(object),
        path: `metadata.annotations[${IMPAIR_ANNOTATION}]`,
        diagnostic: { severity: 'warning' as const, code: 'impaired-wire', message },
      },
    ];
  });
}
