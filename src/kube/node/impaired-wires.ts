/**
 * Wires that are slow or lose packets, as a fact of the document: the annotation `kubehop.dev/impair` of a Node or a Pod lists wires, parted by `;`, each with what
 * netem does to packets on their way out: `eth0 delay 50ms loss 20%`, as after `tc qdisc add dev eth0 root netem …`. Of a Node also the wires of pods on it, by
 * namespace and name (`default/web-0 loss 5%`): so those of a Deployment's pods, which have no text of their own.
 */
import { readNetem } from '../../net/device/netem-words.ts';
import type { NetemQdisc, NetRecord } from '../../net/records.ts';
import type { Rendering } from '../../objects/types.ts';
import { type KubeObject, objectKey } from '../../objects/types.ts';

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

const read = ({ words }: ImpairedWire) => readNetem(words === '' ? [] : words.split(' '));

/** Undefined: the wire is good, or what is written cannot be read. */
export function impairmentOf(object: KubeObject | undefined, wire: string): NetemQdisc | undefined {
  // Few objects have the annotation, and all are asked.
  if (object?.metadata.annotations?.[IMPAIR_ANNOTATION] === undefined) return undefined;
  const found = impairedWires(object).findLast((one) => one.wire === wire);
  const qdisc = found === undefined ? undefined : read(found);
  return qdisc === undefined || 'problem' in qdisc ? undefined : { ...qdisc, handle: FIRST_HANDLE };
}

export const withQdisc = (records: readonly NetRecord[], netns: string, device: string, qdisc: NetemQdisc | undefined): NetRecord[] =>
  qdisc === undefined
    ? [...records]
    : records.map((record) => (record.kind === 'device' && record.netns === netns && record.name === device ? { ...record, qdisc } : record));

/** What cannot be read, and wires that there are none of. */
export function impairmentProblems(object: KubeObject, known: (wire: string) => boolean): NonNullable<Rendering<NetRecord>['diagnostics']> {
  return impairedWires(object).flatMap((one) => {
    const qdisc = read(one);
    const message =
      one.words === ''
        ? `"${one.wire}" says nothing of what happens on that wire: write for instance "${one.wire} delay 50ms loss 20%"`
        : 'problem' in qdisc
          ? `"${one.wire}": ${qdisc.problem}`
          : known(one.wire)
            ? undefined
            : `there is no wire "${one.wire}" here: eth0 is one, and of a Node also those of its pods, as <namespace>/<pod>`;
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
