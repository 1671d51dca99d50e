/** What can be done to a wire: cut, mended, made slow or lossy, as a fact of a text where one stands behind it, else as the line an administrator would type. */

import { ownText } from '../reach/fixed-world.ts';
import { annotate } from '../reach/text-edit.ts';
import type { DeviceView, NetnsView } from '../views.ts';
import type { World } from '../world.ts';
import type { Action } from './action-views.ts';

const DOWN = 'kubehop.dev/down';
const IMPAIR = 'kubehop.dev/impair';

/** Whose text says how a wire is, and by which name. */
interface Teller {
  readonly key: string;
  readonly wire: string;
}

/** A node's card is its Node's; a pod's wire its own where it has a text, else its node's: one in a Deployment's template would be of all pods, made anew. */
function tellerOf(world: World, netns: NetnsView, device: string): Teller | undefined {
  const key = netns.objectKey;
  if (device !== 'eth0' || key === undefined) return undefined;
  if (ownText(world, key) !== undefined) return { key, wire: device };
  const node = netns.type === 'pod' ? world.topology().netnses.find((one) => one.hostId === netns.hostId && one.type === 'root')?.objectKey : undefined;
  return node === undefined || ownText(world, node) === undefined ? undefined : { key: node, wire: `${netns.namespace ?? 'default'}/${netns.title}` };
}

/** Entries of an annotation without those of this wire, and those. */
function entriesOf(
  world: World,
  { key, wire }: Teller,
  annotation: string,
  separator: string,
): { readonly own: readonly string[]; readonly others: readonly string[] } {
  const all = (world.api.view.find(key)?.metadata.annotations?.[annotation] ?? '').split(separator).flatMap((one) => (one.trim() === '' ? [] : [one.trim()]));
  const isOwn = (entry: string) => entry.split(/\s/)[0] === wire;
  return { own: all.filter(isOwn), others: all.filter((entry) => !isOwn(entry)) };
}

function told(world: World, teller: Teller | undefined, annotation: string, separator: string, entry: string | undefined): Action['edit'] | undefined {
  const own = teller === undefined ? undefined : ownText(world, teller.key);
  if (teller === undefined || own === undefined) return undefined;
  const { others } = entriesOf(world, teller, annotation, separator);
  return annotate(world.files, own, annotation, [...others, ...(entry === undefined ? [] : [entry])].join(separator === ',' ? ',' : `${separator} `));
}

const DELAY = 'delay 50ms';
const LOSS = 'loss 20%';
const DELAYED = /\bdelay\b/;
const LOSSY = /\bloss\b/;

/** On the host whose root netns has the device, or whose pods do. */
export function wireActions(world: World, id: string): Action[] {
  const device = world.topology().devices.find((one) => one.id === id);
  const netns = world.topology().netnses.find((one) => one.id === device?.netns);
  if (device === undefined || netns === undefined || device.type === 'loopback') return [];
  const peer = world.topology().devices.find((one) => one.id === device.peer);
  // The end on the node is one of a pod's wire: what is done to it is done to the pod's, which has a name that stays.
  const podEnd = netns.type === 'root' && device.type === 'veth' ? peer : undefined;
  const podNetns = podEnd === undefined ? undefined : world.topology().netnses.find((one) => one.id === podEnd.netns && one.type === 'pod');
  if (podEnd !== undefined && podNetns !== undefined && podEnd.name === 'eth0') return ofWire(world, podEnd, podNetns, device);
  // A pod has no tools of its own for this: its other end, on the node, is as good.
  const near = netns.type === 'root' ? device : peer;
  return near === undefined || !near.netns.endsWith('/netns/root') ? [] : ofWire(world, device, netns, near);
}

/** `near`: the device on the host that a command names. */
function ofWire(world: World, device: DeviceView, netns: NetnsView, near: DeviceView): Action[] {
  const { name } = near;
  // The name of a pod's end on the node says nothing to anybody.
  const called = netns.type === 'pod' && device.name === 'eth0' ? `the wire of ${netns.title}` : name;
  const host = netns.hostId;
  const type = (line: string) => [{ host, line }];
  const teller = tellerOf(world, netns, device.name);
  const isUp = device.up && near.up;
  if (!isUp) {
    // What a command has cut a command mends.
    const mended = teller !== undefined && entriesOf(world, teller, DOWN, ',').own.length > 0 ? told(world, teller, DOWN, ',', undefined) : undefined;
    return [
      {
        title: `Mend ${called}`,
        because: 'It is down.',
        ...(mended === undefined ? { commands: type(`ip link set ${name} up`), undo: type(`ip link set ${name} down`) } : { edit: mended }),
      },
    ];
  }
  const cut = told(world, teller, DOWN, ',', teller?.wire);
  return [
    {
      title: `Cut ${called}`,
      because:
        near.type === 'veth' ? 'The pod at its other end is alone: its eth0 loses its carrier.' : `Nothing passes ${name} of ${host} until it is up again.`,
      ...(cut === undefined ? { commands: type(`ip link set ${name} down`), undo: type(`ip link set ${name} up`) } : { edit: cut }),
    },
    ...impairments(world, teller, near, host, called),
  ];
}

function impairments(world: World, teller: Teller | undefined, near: DeviceView, host: string, called: string): Action[] {
  const { name } = near;
  const type = (line: string) => [{ host, line }];
  const said = teller === undefined ? undefined : entriesOf(world, teller, IMPAIR, ';').own[0]?.split(/\s+/).slice(1).join(' ');
  const byHand = said === undefined || said === '' ? near.impaired : undefined;
  const now = byHand ?? said ?? '';
  const make = (title: string, because: string, words: string): Action => {
    const edit = byHand !== undefined || teller === undefined ? undefined : told(world, teller, IMPAIR, ';', `${teller.wire} ${words}`);
    const line = type(`tc qdisc ${near.impaired === undefined ? 'add' : 'replace'} dev ${name} root netem ${words}`);
    return { title, because, ...(edit === undefined ? { commands: line, undo: type(`tc qdisc del dev ${name} root`) } : { edit }) };
  };
  const both = (words: string) => (now === '' ? words : `${now} ${words}`);
  const mended = byHand === undefined && teller !== undefined ? told(world, teller, IMPAIR, ';', undefined) : undefined;
  return [
    ...(now === ''
      ? []
      : [
          {
            title: called === name ? `Make ${name} a good wire again` : `Make ${called} a good one again`,
            because: `Its netem says ${now}.`,
            ...(mended === undefined
              ? { commands: type(`tc qdisc del dev ${name} root`), undo: type(`tc qdisc add dev ${name} root netem ${now}`) }
              : { edit: mended }),
          },
        ]),
    ...(DELAYED.test(now) ? [] : [make(`Make ${called} slow`, 'netem holds each packet for 50 ms on its way out.', both(DELAY))]),
    ...(LOSSY.test(now) ? [] : [make(`Make ${called} lose every fifth packet`, 'netem on its way out drops 20 % by chance.', both(LOSS))]),
  ];
}
