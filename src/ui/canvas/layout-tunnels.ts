/** Draws VXLAN networks: a tube between two tunnel devices, bows for three, and a shared band below each row for more. */
import type { DeviceView, Topology } from '../../world/views.ts';
import type { Draft } from './draft.ts';
import type { Plan } from './plan.ts';
import type { Point, Rect, Wire } from './scene.ts';

interface End {
  readonly device: DeviceView;
  readonly rect: Rect;
  readonly row: number;
}

const MAX_BOWS = 3;

function tube(id: string, from: string, to: string, vni: number, points: readonly Point[], curve: boolean, label?: Wire['label']): Wire {
  return {
    id,
    kind: 'tunnel',
    tone: 'tun',
    points,
    curve,
    from,
    to,
    room: undefined,
    target: { kind: 'device', id: from },
    spoken: `VXLAN tunnel, VNI ${vni}`,
    ...(label === undefined ? {} : { label }),
  };
}

function bow(a: End, b: End, vni: number, depth: number, label: Wire['label'] | undefined): Wire {
  const start = { x: a.rect.x + a.rect.w / 2, y: a.rect.y + a.rect.h };
  const end = { x: b.rect.x + b.rect.w / 2, y: b.rect.y + b.rect.h };
  const low = Math.max(start.y, end.y) + depth;
  return tube(`${a.device.id}~${b.device.id}`, a.device.id, b.device.id, vni, [start, { x: start.x, y: low }, { x: end.x, y: low }, end], true, label);
}

export function layoutTunnels(draft: Draft, topology: Topology, plan: Plan): void {
  const rowOf = new Map<string, number>();
  plan.rowPlans.forEach((row, index) => {
    for (const input of row.inputs) if (input.root !== undefined) rowOf.set(input.root.id, index);
  });
  const rectOf = new Map(draft.items.filter((item) => item.kind === 'chip' && !item.small).map((item) => [item.id, item.rect]));
  const networks = new Map<number, End[]>();
  for (const device of topology.devices) {
    const rect = rectOf.get(device.id);
    const row = rowOf.get(device.netns);
    if (device.type !== 'vxlan' || rect === undefined || row === undefined) continue;
    const ends = networks.get(device.vni ?? 0);
    if (ends === undefined) networks.set(device.vni ?? 0, [{ device, rect, row }]);
    else ends.push({ device, rect, row });
  }
  let network = 0;
  for (const [vni, ends] of networks) {
    const text = `VXLAN vni ${vni} · mtu ${ends[0]?.device.mtuBytes ?? 0}`;
    if (plan.direction === 'column' && ends.length === 2) columnTube(draft, plan, ends as [End, End], vni, text);
    else if (ends.length <= MAX_BOWS) bows(draft, plan, ends, vni, text, network);
    else bands(draft, plan, ends, vni, text, network);
    network += 1;
  }
}

function columnTube(draft: Draft, plan: Plan, [upper, lower]: [End, End], vni: number, text: string): void {
  const x = upper.rect.x + upper.rect.w / 2;
  const start = { x, y: upper.rect.y + upper.rect.h };
  const end = { x: lower.rect.x + lower.rect.w / 2, y: lower.rect.y };
  const label = { text, at: { x: x + 18, y: plan.zoneH / 2 + 2 }, anchor: 'start' as const };
  draft.wires.push(tube(`${upper.device.id}~${lower.device.id}`, upper.device.id, lower.device.id, vni, [start, end], false, label));
}

function bows(draft: Draft, plan: Plan, ends: readonly End[], vni: number, text: string, network: number): void {
  const depth = plan.zoneH * 0.95 + network * 6;
  ends.forEach((a, i) => {
    ends.slice(i + 1).forEach((b, distance) => {
      const bowDepth = depth + distance * 22;
      const middle = (a.rect.x + b.rect.x + a.rect.w) / 2;
      // On the tube itself, as on a map: the curve's own middle.
      const [startY, endY] = [a.rect.y + a.rect.h, b.rect.y + b.rect.h];
      const y = (startY + endY) / 8 + 0.75 * (Math.max(startY, endY) + bowDepth);
      draft.wires.push(bow(a, b, vni, bowDepth, i === 0 && distance === 0 ? { text, at: { x: middle, y }, anchor: 'middle' } : undefined));
    });
  });
}

function bands(draft: Draft, plan: Plan, ends: readonly End[], vni: number, text: string, network: number): void {
  const rows = [...new Set(ends.map((end) => end.row))].sort((a, b) => a - b);
  const trunkX = -48 - network * 14;
  const bandY = (row: number) => (plan.rowPlans[row]?.bottomY ?? 0) + plan.zoneH * 0.52 + network * 10;
  const first = ends[0] as End;
  for (const end of ends) {
    const x = end.rect.x + end.rect.w / 2;
    draft.wires.push(
      tube(
        `${end.device.id}~${vni}`,
        end.device.id,
        end.device.id,
        vni,
        [
          { x, y: end.rect.y + end.rect.h },
          { x, y: bandY(end.row) },
        ],
        false,
      ),
    );
  }
  for (const row of rows) {
    const inRow = ends.filter((end) => end.row === row);
    const last = inRow[inRow.length - 1] as End;
    const y = bandY(row);
    const left = rows.length > 1 ? trunkX : (inRow[0] as End).rect.x + first.rect.w / 2;
    const label = row === rows[0] ? { text, at: { x: (inRow[0] as End).rect.x + first.rect.w / 2 + 24, y }, anchor: 'start' as const } : undefined;
    draft.wires.push(
      tube(
        `vxlan${vni}/row${row}`,
        first.device.id,
        first.device.id,
        vni,
        [
          { x: left, y },
          { x: last.rect.x + last.rect.w / 2, y },
        ],
        false,
        label,
      ),
    );
  }
  if (rows.length > 1) {
    draft.wires.push(
      tube(
        `vxlan${vni}/trunk`,
        first.device.id,
        first.device.id,
        vni,
        [
          { x: trunkX, y: bandY(rows[0] as number) },
          { x: trunkX, y: bandY(rows[rows.length - 1] as number) },
        ],
        false,
      ),
    );
  }
}
