/** The wires of pods that do not stand in their node's room: where each ends at its node, and the places of a pod between. */
import { addItem, addPlace, type Draft, pointAt } from '../draft.ts';
import { podPlaces, uplinkOf } from '../layout-pods.ts';
import { roomWidth } from '../metrics.ts';
import type { Plan } from '../plan.ts';
import { hubId, levels, mainBridge, type RoomInput, spokenDevice } from '../room-plan.ts';
import type { Point } from '../scene.ts';
import type { Member } from './grouping.ts';

interface End {
  /** Where wires meet the bridge, or the kernel where there is none. */
  readonly at: Point;
  readonly inside: Point;
  readonly to: string;
  readonly bridge: string | undefined;
}

/** For each node the end of its pods' wires; looked up once. */
export class NodeEnds {
  readonly #draft: Draft;
  readonly #plan: Plan;
  readonly #ends = new Map<string, End | undefined>();

  constructor(draft: Draft, plan: Plan) {
    this.#draft = draft;
    this.#plan = plan;
  }

  of(input: RoomInput): End | undefined {
    const { id } = input.host;
    if (!this.#ends.has(id)) this.#ends.set(id, this.#find(input));
    return this.#ends.get(id);
  }

  #find(input: RoomInput): End | undefined {
    const { m, frames, rowPlans } = this.#plan;
    const frame = frames.get(input.host.id);
    const row = rowPlans.find((one) => one.inputs.some((other) => other.host.id === input.host.id));
    if (frame === undefined || row === undefined) return undefined;
    const y = levels(m, row.chipRows);
    const bridge = mainBridge(input.rootDevices)?.id;
    const hub = hubId(input.root?.id ?? `${input.host.id}/netns/root`);
    const middle = roomWidth(m) / 2;
    const to = bridge !== undefined && this.#draft.itemById.has(bridge) ? bridge : hub;
    return {
      at: pointAt(frame, middle, to === bridge ? y.barTop : y.kernelTop),
      inside: pointAt(frame, middle, to === bridge ? y.barTop + m.barH / 2 : y.kernelTop),
      to,
      bridge: to === bridge ? bridge : undefined,
    };
  }
}

/**
 * Places of a pod that is drawn as (or within) `item`: `programs` is where its packets begin, `edge` where its wire leaves. `room`: its wire and its
 * eth0 are drawn, the latter in that room.
 */
export function placeOfPod(draft: Draft, ends: NodeEnds, member: Member, item: string, programs: Point, edge: Point, tile: boolean, room?: string): void {
  const { view, pod, input } = member;
  const eth = uplinkOf(pod.devices);
  const end = ends.of(input);
  const peer = eth?.peer;
  const frame = { dx: 0, dy: 0, flip: false };
  if (eth !== undefined) {
    addPlace(draft, {
      id: eth.id,
      point: edge,
      item,
      ...(peer === undefined || end === undefined ? {} : { up: { to: peer, from: edge, via: [], at: end.at } }),
    });
    if (peer !== undefined && end !== undefined) {
      addPlace(draft, { id: peer, point: end.at, item: end.to, up: { to: end.to, from: end.at, via: [], at: end.inside } });
      if (room !== undefined && !tile) {
        const w = 36;
        addItem(draft, {
          kind: 'chip',
          id: eth.id,
          rect: { x: edge.x - w / 2, y: edge.y - 8, w, h: 16 },
          parent: view.id,
          target: { kind: 'device', id: eth.id },
          spoken: spokenDevice(eth),
          title: eth.name,
          tone: 'l2',
          up: eth.up,
          small: true,
        });
        const bend = Math.max(30, (end.at.y - edge.y) * 0.45);
        draft.wires.push({
          id: `${eth.id}|${peer}`,
          kind: 'veth',
          tone: 'l2',
          points: [{ x: edge.x, y: edge.y + 8 }, { x: edge.x, y: edge.y + bend }, { x: end.at.x, y: end.at.y - bend }, end.at],
          curve: true,
          from: eth.id,
          to: end.to,
          room: undefined,
          target: { kind: 'device', id: peer },
          spoken: `veth pair ${eth.name} of ${view.title} on ${input.host.name}`,
        });
      }
    }
  }
  podPlaces(draft, frame, { ...pod, tile }, item, programs, programs, eth);
}
