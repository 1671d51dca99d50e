/** Every box, wire and packet that real worlds bring to the canvas, one of each look: for the gallery's golden text and for looking at. */
import type { HopView } from '../../../world/views.ts';
import { capsuleOf } from '../capsule.ts';
import { paintAll, paintItem, paintWire } from '../paint.ts';
import { paintCapsule } from '../paint-moment.ts';
import type { Item, Rect, Scene, Wire } from '../scene.ts';
import type { Shape } from '../shape.ts';

export interface Specimen {
  readonly group: 'box' | 'wire' | 'packet';
  /** What makes it look different from its like. */
  readonly look: string;
  /** Around the origin; a box's upper left corner is the origin. */
  readonly shapes: readonly Shape[];
  readonly size: { readonly w: number; readonly h: number };
}

/** What is different about the look of a box, without its name and place. */
function lookOf(item: Item): string {
  switch (item.kind) {
    case 'room':
      return `host${item.ready ? '' : ', not ready'}${item.flipped ? ', upside down' : ''}${item.folded > 0 ? ', with folded pods' : ''}`;
    case 'pod': {
      const { view } = item;
      const apps = view.containers.filter((one) => one.role === 'app');
      const state = `${view.status ?? view.phase ?? 'by hand'}${view.ready ? '' : ', not ready'}${view.restarts === undefined ? '' : ', restarted'}`;
      return `pod ${item.size}, ${state}, ${apps.length} app container${apps.length === 1 ? '' : 's'}${item.flipped ? ', upside down' : ''}`;
    }
    case 'bar':
      return `bridge or switch, ${item.tone}${item.detail === '' ? ', without words' : ''}`;
    case 'chip':
      return `device, ${item.small ? 'at a pod' : 'of a host'}, ${item.tone}${item.up ? '' : ', down'}${item.title === '' ? ', without a name' : ''}`;
    case 'kernel':
      return `kernel${item.strip ? ', strip' : ''}${item.flipped ? ', upside down' : ''}`;
    case 'pill':
      return `hook ${item.title}${item.dot ? ', dot' : ''}`;
    case 'service':
      return `Service ${/^[0-9]/.test(item.detail) ? 'with an address' : item.detail}, ${item.endpoints.length === 0 ? 'no endpoint' : 'endpoints'}, ${item.rect.h < 40 ? 'small' : 'full'}`;
    case 'outside':
      return `outside: ${item.title}${item.note === '' ? '' : ', with a note'}`;
    case 'frame':
      return 'cluster';
    case 'fold':
      return 'boxes folded into one';
  }
}

const wireLook = (wire: Wire): string =>
  `${wire.kind}, ${wire.tone}${wire.curve ? ', curved' : ''}${wire.label === undefined ? '' : wire.label.warns === true ? ', slow or lossy' : ', with words'}`;

const packetLook = (hop: HopView): string => {
  const { tone, tunnelled, reply, dropped } = capsuleOf(hop);
  return dropped ? 'dropped' : `${tone}${tunnelled ? ', in a tunnel' : ''}${reply ? ', reply' : ''}`;
};

function moved(shape: Shape, dx: number, dy: number): Shape {
  if (shape.type === 'group') return { ...shape, children: shape.children.map((one) => moved(one, dx, dy)) };
  if (shape.type !== 'path') return { ...shape, x: shape.x + dx, y: shape.y + dy };
  // Absolute commands are capital letters; arcs carry radii and flags before their point.
  return {
    ...shape,
    d: shape.d.replace(/([A-Za-z])([^A-Za-z]*)/g, (whole, command: string, rest: string) => {
      if (command === command.toLowerCase()) return whole;
      const numbers = (rest.match(/-?[\d.]+/g) ?? []).map(Number);
      const from = command === 'A' ? 5 : 0;
      return command + numbers.map((value, at) => (at < from ? value : Math.round((value + ((at - from) % 2 === 0 ? dx : dy)) * 100) / 100)).join(' ');
    }),
  };
}

const atOrigin = (shapes: readonly Shape[], rect: Rect): Shape[] => shapes.map((shape) => moved(shape, -rect.x, -rect.y));

export interface SeenWorld {
  readonly scene: Scene;
  readonly hops: readonly HopView[];
}

/** One of each look, in order of groups and looks. */
export function specimens(worlds: readonly SeenWorld[]): readonly Specimen[] {
  const found = new Map<string, Specimen>();
  const add = (group: Specimen['group'], look: string, make: () => Omit<Specimen, 'group' | 'look'>) => {
    if (!found.has(`${group} ${look}`)) found.set(`${group} ${look}`, { group, look, ...make() });
  };
  for (const { scene, hops } of worlds) {
    for (const item of scene.items) {
      const drawn = () => (item.kind === 'room' ? paintAll([item], []).map(({ shape }) => shape) : [paintItem(item)]);
      add('box', lookOf(item), () => ({ shapes: atOrigin(drawn(), item.rect), size: item.rect }));
      if (item.kind === 'pod' && item.size === 'card')
        for (const [size, w, h] of [
          ['small', 72, 40],
          ['tile', 44, 20],
        ] as const) {
          const other: Item = { ...item, size, rect: { x: 0, y: 0, w, h } };
          add('box', lookOf(other), () => ({ shapes: [paintItem(other)], size: { w, h } }));
        }
    }
    for (const wire of scene.wires) {
      // Their ways are the layout's; the look is a straight piece with the words under it.
      const straight: Wire = {
        ...wire,
        curve: false,
        points: [
          { x: 0, y: 10 },
          { x: 160, y: 10 },
        ],
        ...(wire.label === undefined ? {} : { label: { ...wire.label, at: { x: 80, y: wire.label.warns === true ? 10 : 30 }, anchor: 'middle' as const } }),
      };
      add('wire', wireLook(wire), () => ({ shapes: [paintWire(straight)], size: { w: 160, h: 40 } }));
    }
    for (const hop of hops) {
      const capsule = capsuleOf(hop);
      add('packet', packetLook(hop), () => ({ shapes: paintCapsule(capsule, { x: capsule.w / 2, y: capsule.h / 2 }), size: capsule }));
    }
  }
  const groups = ['box', 'wire', 'packet'];
  return [...found.values()].sort((a, b) => groups.indexOf(a.group) - groups.indexOf(b.group) || (a.look < b.look ? -1 : 1));
}
