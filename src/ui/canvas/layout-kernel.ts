/** Lays out a node's kernel: netfilter's hooks and routing as stops, in two rows of pills or as dots in a strip. */
import { addItem, addPlace, type Draft, type Frame, pointAt, rectAt } from './draft.ts';
import { type Metrics, roomWidth } from './metrics.ts';
import { aside, hubId, type Levels, type RoomInput } from './room-plan.ts';

/** Centres of the hooks where packets come in and leave, from the kernel's left and right edge. */
const PRE_X = 50;
const POST_X = 53;

/** Centres of the kernel's stops, from the room's left edge, and their widths. */
function pillsOf(
  m: Metrics,
): readonly { readonly hook: string; readonly title: string; readonly short: string; readonly x: number; readonly w: number; readonly row: 1 | 2 }[] {
  const left = m.pad;
  const width = roomWidth(m) - 2 * m.pad;
  if (m.strip) {
    const at = (part: number) => left + width * part;
    return [
      { hook: 'PREROUTING', title: 'PREROUTING', short: 'PRE', x: at(0.47), w: 10, row: 1 },
      { hook: 'route', title: 'route', short: 'route', x: at(0.57), w: 10, row: 1 },
      { hook: 'INPUT', title: 'INPUT', short: 'IN', x: at(0.645), w: 6, row: 1 },
      { hook: '', title: 'process', short: 'proc', x: at(0.69), w: 6, row: 1 },
      { hook: 'OUTPUT', title: 'OUTPUT', short: 'OUT', x: at(0.735), w: 6, row: 1 },
      { hook: 'FORWARD', title: 'FORWARD', short: 'FWD', x: at(0.81), w: 10, row: 1 },
      { hook: 'POSTROUTING', title: 'POSTROUTING', short: 'POST', x: at(0.91), w: 10, row: 1 },
    ];
  }
  return [
    { hook: 'PREROUTING', title: 'PREROUTING', short: 'PRE', x: left + PRE_X, w: 84, row: 1 },
    { hook: 'route', title: 'route', short: 'route', x: left + 140, w: 52, row: 1 },
    { hook: 'FORWARD', title: 'FORWARD', short: 'FWD', x: left + 219, w: 64, row: 1 },
    { hook: 'POSTROUTING', title: 'POSTROUTING', short: 'POST', x: left + width - POST_X, w: 90, row: 1 },
    { hook: 'INPUT', title: 'INPUT', short: 'IN', x: left + 140, w: 52, row: 2 },
    { hook: '', title: 'process', short: 'proc', x: left + 207, w: 60, row: 2 },
    { hook: 'OUTPUT', title: 'OUTPUT', short: 'OUT', x: left + 274, w: 54, row: 2 },
  ];
}

/** Where the bridge meets the kernel: above the hooks where packets come in and leave. */
export function kernelGates(m: Metrics): readonly number[] {
  return pillsOf(m).flatMap((pill) => (pill.hook === 'PREROUTING' || pill.hook === 'POSTROUTING' ? [pill.x] : []));
}

export function layoutKernel(draft: Draft, input: RoomInput, m: Metrics, frame: Frame, y: Levels, rootId: string): void {
  const { host } = input;
  const width = roomWidth(m);
  const kernel = rectAt(frame, m.pad, y.kernelTop, width - 2 * m.pad, m.kernelH);
  const id = hubId(rootId);
  const target = { kind: 'netns', id: rootId } as const;
  addItem(draft, {
    kind: 'kernel',
    id,
    rect: kernel,
    parent: host.id,
    target,
    spoken: `Kernel of ${host.name}: netfilter and routing`,
    strip: m.strip,
    flipped: frame.flip,
  });
  const pillH = m.strip ? 10 : 25;
  const rowY = (row: 1 | 2) => (m.strip ? y.kernelTop + m.kernelH / 2 - pillH / 2 : y.kernelTop + (row === 1 ? 24 : 61));
  const gapY = m.strip ? y.kernelTop + m.kernelH / 2 : y.kernelTop + 24 + pillH + 6;
  const edgeY = m.strip ? y.kernelBottom + m.gap / 2 : y.kernelBottom - 5;
  const pills = pillsOf(m);
  addPlace(draft, {
    id,
    point: pointAt(frame, m.pad + (width - 2 * m.pad) / 2, y.kernelTop + m.kernelH / 2),
    item: id,
    hub: { gapY: pointAt(frame, 0, gapY).y, edgeY: pointAt(frame, 0, edgeY).y },
  });
  for (const pill of pills) {
    const placeId = pill.hook === '' ? rootId : `${rootId}#${pill.hook}`;
    const itemId = pill.hook === '' ? `${rootId}#process` : placeId;
    const h = m.strip ? pill.w : pillH;
    const rect = rectAt(frame, pill.x - pill.w / 2, rowY(pill.row) + (pillH - h) / 2, pill.w, h);
    const point = { x: rect.x + rect.w / 2, y: rect.y + rect.h / 2 };
    const link = pill.hook === '' || pill.hook === 'route' ? target : ({ kind: 'chain', id: `${rootId}/chain/filter/${pill.hook}` } as const);
    // The chains of a hook are several tables'; PREROUTING has no filter table.
    const chain = pill.hook === 'PREROUTING' || pill.hook === 'POSTROUTING' ? ({ kind: 'chain', id: `${rootId}/chain/nat/${pill.hook}` } as const) : link;
    const spoken =
      pill.hook === ''
        ? `Programs on ${host.name} itself`
        : pill.hook === 'route'
          ? `Routing tables of ${host.name}`
          : `netfilter hook ${pill.hook} on ${host.name}`;
    addItem(draft, { kind: 'pill', id: itemId, rect, parent: id, target: chain, spoken, title: pill.title, short: pill.short, dot: m.strip });
    const rest = { rest: aside(frame, m.strip ? -20 : (pill.row === 1 ? -1 : 1) * (pillH / 2 + 13)) };
    addPlace(draft, { id: placeId, point, item: itemId, ...rest, side: pill.row === 1 ? 'hook' : 'local', up: { to: id, from: point, via: [], at: point } });
  }
  if (m.strip) return;
  const byHook = new Map(pills.map((pill) => [pill.hook, pill]));
  const get = (hook: string) => byHook.get(hook) as (typeof pills)[number];
  const mid = (row: 1 | 2) => rowY(row) + pillH / 2;
  const inner = (name: string, points: readonly (readonly [number, number])[]) =>
    draft.wires.push({
      id: `${id}/${name}`,
      kind: 'inner',
      tone: 'mute',
      points: points.map(([x, py]) => pointAt(frame, x, py)),
      curve: false,
      from: id,
      to: id,
      room: host.id,
      target: undefined,
      spoken: '',
    });
  const right = (hook: string) => get(hook).x + get(hook).w / 2;
  const left = (hook: string) => get(hook).x - get(hook).w / 2;
  inner('a', [
    [right('PREROUTING'), mid(1)],
    [left('route'), mid(1)],
  ]);
  inner('b', [
    [right('route'), mid(1)],
    [left('FORWARD'), mid(1)],
  ]);
  inner('c', [
    [right('FORWARD'), mid(1)],
    [left('POSTROUTING'), mid(1)],
  ]);
  inner('d', [
    [get('route').x, rowY(1) + pillH],
    [get('INPUT').x, rowY(2)],
  ]);
  inner('e', [
    [right('INPUT'), mid(2)],
    [left(''), mid(2)],
  ]);
  inner('f', [
    [right(''), mid(2)],
    [left('OUTPUT'), mid(2)],
  ]);
  inner('g', [
    [right('OUTPUT'), mid(2)],
    [get('POSTROUTING').x + 8, mid(2)],
    [get('POSTROUTING').x + 8, rowY(1) + pillH],
  ]);
}
