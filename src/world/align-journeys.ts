/** Two runs of one request laid side by side, packet by packet and hop by hop: of two worlds (overlay against underlay), or before and after an edit. */
import { align } from '../base/align.ts';
import type { HopView } from './views.ts';

/** Why the two sides of a row are not the same; `undefined` where they are. */
export type HopDifference =
  /** Only one side has such a hop, or such a packet. */
  | 'only-left'
  | 'only-right'
  /** One was delivered and the other dropped, or they were dropped for different reasons. */
  | 'outcome'
  /** The same stop and another decision: another route, rule, port or next hop. */
  | 'decision'
  /** The same decision about other addresses or lengths. */
  | 'headers';

export interface AlignedHop {
  /** Indexes into the two lists of hops. */
  readonly left: number | undefined;
  readonly right: number | undefined;
  readonly difference: HopDifference | undefined;
}

/** A packet of one run and its counterpart. */
export interface AlignedPacket {
  /** `SYN :80`, of the side that has it. */
  readonly label: string;
  readonly left: number | undefined;
  readonly right: number | undefined;
  readonly hops: readonly AlignedHop[];
}

export interface Alignment {
  readonly packets: readonly AlignedPacket[];
  /** The first row in which the runs part (`headers` alone does not count); undefined where they never do. */
  readonly first: AlignedHop | undefined;
}

interface Life {
  readonly packet: number;
  readonly label: string;
  readonly protocol: string;
  /** Indexes of its hops. */
  readonly hops: readonly number[];
}

function livesOf(hops: readonly HopView[]): Life[] {
  const lives = new Map<number, { packet: number; label: string; protocol: string; hops: number[] }>();
  hops.forEach((hop, index) => {
    const { packetId } = hop.event;
    if (packetId < 0) return;
    const known = lives.get(packetId);
    if (known === undefined) lives.set(packetId, { packet: packetId, label: hop.label, protocol: hop.protocol, hops: [index] });
    else known.hops.push(index);
  });
  return [...lives.values()];
}

/** What a place is, whatever it is called: `controlplane/netns/client.default/device/eth0` and its like on another machine. */
function siteOf(hop: HopView): 'pod' | 'root' {
  return hop.event.netns.endsWith('/netns/root') ? 'root' : 'pod';
}

const stopOf = (hop: HopView): string => hop.place.slice(hop.event.netns.length);

/** Grows with what two hops have in common; 0 when they are different stops of a way. */
function likeness(a: HopView, b: HopView): number {
  const sameNetns = a.event.netns === b.event.netns;
  if (!sameNetns && siteOf(a) !== siteOf(b)) return 0;
  const sameStop = stopOf(a) === stopOf(b);
  const sameKind = a.event.step.kind === b.event.step.kind;
  if (!sameStop && !sameKind) return 0;
  const end = isEnd(a) && isEnd(b) ? 2 : 0;
  // Two machines of the same task have different names; two stops of one machine have not the same task.
  if (!sameNetns && !sameStop && end === 0) return 0;
  // A tunnel's own packet stops where the wrapped one stops, too: of two stops the one at which the packet has the same addresses is meant.
  const sameFace = a.source === b.source && a.destination === b.destination;
  return (sameNetns ? 3 : 1) + (sameStop ? 3 : 0) + (sameKind ? 2 : 0) + (sameFace ? 3 : 0) + end;
}

const isEnd = (hop: HopView): boolean => hop.event.step.kind === 'delivered' || hop.event.step.kind === 'dropped';

/** What was decided, without what it was decided about. */
function decisionOf({ event: { step }, rules }: HopView): string {
  const chain = rules.map((rule) => `${rule.table} ${rule.chain} ${rule.text}`).join('\n');
  switch (step.kind) {
    case 'routed':
      return `${step.decision} ${step.device} ${step.route.text} ${chain}`;
    case 'bridged':
      return `${step.how} ${step.to.join(' ')}`;
    case 'encapsulated':
      return `${step.protocol} ${step.vni}`;
    case 'translated':
      return `${step.how} ${chain}`;
    case 'bpf':
      return `${step.program} ${step.verdict}`;
    case 'resolved':
      return step.how;
    case 'matched':
      return `${step.verdict} ${chain}`;
    default:
      return chain;
  }
}

function outcomeOf({ event: { step } }: HopView): string {
  return step.kind === 'dropped' ? `dropped ${step.reason}` : step.kind === 'delivered' ? 'delivered' : '';
}

const NEIGHBOR: ReadonlySet<string> = new Set(['resolved', 'queued']);

function differenceOf(a: HopView, b: HopView): HopDifference | undefined {
  if (outcomeOf(a) !== outcomeOf(b)) return 'outcome';
  // Whoever goes first has to ask for a neighbour's MAC, and whoever comes after knows it: nobody decided anything else.
  if (NEIGHBOR.has(a.event.step.kind) && NEIGHBOR.has(b.event.step.kind)) return 'headers';
  if (a.event.step.kind !== b.event.step.kind || decisionOf(a) !== decisionOf(b)) return 'decision';
  return a.source === b.source && a.destination === b.destination && a.lengthBytes === b.lengthBytes ? undefined : 'headers';
}

/** Labels of the same packet in two worlds may differ in an address or a port: `A? web`, `SYN :80`. */
function sameLabel(a: Life, b: Life): number {
  if (a.label === b.label) return 4;
  const word = (label: string): string => label.split(' ', 1)[0] ?? '';
  return a.protocol === b.protocol && word(a.label) === word(b.label) ? 2 : 0;
}

/** `left` and `right` are hops as `World.hops` gives them. Packets come in the order of the runs, each with its hops. */
export function alignJourneys(left: readonly HopView[], right: readonly HopView[]): Alignment {
  const [lefts, rights] = [livesOf(left), livesOf(right)];
  const packets = align(lefts.length, rights.length, (l, r) => sameLabel(lefts[l] as Life, rights[r] as Life)).map((pair): AlignedPacket => {
    const a = pair.left === undefined ? undefined : lefts[pair.left];
    const b = pair.right === undefined ? undefined : rights[pair.right];
    const hop = (life: Life, hops: readonly HopView[], at: number): HopView => hops[life.hops[at] as number] as HopView;
    const rows =
      a === undefined || b === undefined
        ? (a ?? (b as Life)).hops.map((index): AlignedHop => (a === undefined ? onlyRight(index) : onlyLeft(index)))
        : align(a.hops.length, b.hops.length, (l, r) => likeness(hop(a, left, l), hop(b, right, r))).map((one): AlignedHop => {
            if (one.right === undefined) return onlyLeft(a.hops[one.left as number] as number);
            if (one.left === undefined) return onlyRight(b.hops[one.right] as number);
            const difference = differenceOf(hop(a, left, one.left), hop(b, right, one.right));
            return { left: a.hops[one.left], right: b.hops[one.right], difference };
          });
    return { label: (a ?? (b as Life)).label, left: a?.packet, right: b?.packet, hops: rows };
  });
  let first: AlignedHop | undefined;
  for (const packet of packets) first ??= packet.hops.find((row) => row.difference !== undefined && row.difference !== 'headers');
  return { packets, first };
}

const onlyLeft = (index: number): AlignedHop => ({ left: index, right: undefined, difference: 'only-left' });
const onlyRight = (index: number): AlignedHop => ({ left: undefined, right: index, difference: 'only-right' });
