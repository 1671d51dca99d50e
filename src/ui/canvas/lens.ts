/** The three ways to look at one scene: what each is not about is faint. */
import type { Lens } from './contract.ts';
import type { Item, WireKind } from './scene.ts';

const faint: Readonly<Record<Lens, ReadonlySet<Item['kind'] | WireKind>>> = {
  wires: new Set(),
  services: new Set<Item['kind'] | WireKind>(['kernel', 'pill', 'bar', 'chip', 'veth', 'inner', 'uplink', 'tunnel', 'outside']),
  policy: new Set<Item['kind'] | WireKind>(['kernel', 'pill', 'bar', 'chip', 'veth', 'inner', 'uplink', 'tunnel', 'outside', 'service', 'service-line']),
};

/** How strongly a kind is drawn under a lens, 0..1. */
export function lensOpacity(lens: Lens, kind: Item['kind'] | WireKind): number {
  if (faint[lens].has(kind)) return 0.28;
  return lens === 'wires' && kind === 'service-line' ? 0.5 : 1;
}
