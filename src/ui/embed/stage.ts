/** The embed's picture: the scene as SVG, packets on a canvas above it; drag and pinch look around, the wheel scrolls the host page. */
import type { Topology } from '../../world/views.ts';
import { chooseScene, fitView, type Margins, type Shape } from '../canvas/choose-layout.ts';
import type { Lens, PlaybackSource } from '../canvas/contract.ts';
import { fitTexts } from '../canvas/fit-texts.ts';
import { linkedItems } from '../canvas/hit-test.ts';
import { lensOpacity } from '../canvas/lens.ts';
import { lodAt } from '../canvas/lod.ts';
import { Overlay } from '../canvas/overlay.ts';
import { paintAll } from '../canvas/paint.ts';
import { type Item, type Scene, unite } from '../canvas/scene.ts';
import { cssInks, toElement } from '../canvas/shape.ts';
import { assignSlots } from '../canvas/slots.ts';
import { drawTiles } from '../canvas/tiles.ts';
import { readPalette, watchPalette } from '../theme/theme.ts';
import { element, svgElement, toDom } from './dom.ts';
import { findFocus, type StoryBoxes } from './story.ts';

const margins: Margins = { top: 10, right: 10, bottom: 10, left: 10 };
const MIN = 0.1;
const MAX = 4;
/** A picture whose letters would have to shrink below this shows only the boxes of its story. */
const READABLE = 0.86;

interface Pointer {
  x: number;
  y: number;
}

export interface StageOptions {
  readonly lens: Lens;
  readonly focus: string;
  readonly positions: Readonly<Record<string, readonly [number, number]>>;
}

function roomOf(scene: Scene, item: Item): Item {
  let at = item;
  while (at.parent !== undefined) {
    const parent = scene.itemById.get(at.parent);
    if (parent === undefined) break;
    at = parent;
  }
  return at;
}

export class Stage {
  readonly root: HTMLElement;
  readonly #svg: SVGSVGElement;
  readonly #world: SVGGElement;
  readonly #overlay: Overlay;
  readonly #options: StageOptions;
  #topology: Topology | undefined;
  #boxes: StoryBoxes | undefined;
  #scene: Scene | undefined;
  #shape: Shape | undefined;
  #view = { x: 0, y: 0, zoom: 1 };
  #movedByHand = false;
  readonly #pointers = new Map<number, Pointer>();

  constructor(playback: PlaybackSource, options: StageOptions) {
    this.#options = options;
    this.#svg = svgElement('svg', { class: 'scene', role: 'img', 'aria-label': 'Map of the cluster' });
    this.#world = svgElement('g');
    this.#svg.append(this.#world);
    const canvas = element('canvas', { class: 'overlay', 'aria-hidden': 'true' });
    this.root = element('div', { class: 'stage' }, this.#svg, canvas);
    const fonts = () => {
      const style = getComputedStyle(document.documentElement);
      return { mono: style.getPropertyValue('--font-mono') || 'monospace', sans: style.getPropertyValue('--font-sans') || 'sans-serif' };
    };
    this.#overlay = new Overlay(canvas, playback, readPalette(document.documentElement), fonts(), drawTiles);
    watchPalette(() => {
      this.#overlay.setPalette(readPalette(document.documentElement), fonts());
      this.#overlay.draw();
    });
    playback.subscribe(() => this.#overlay.draw());
    new ResizeObserver(() => this.#layout()).observe(this.root);
    this.#listen();
  }

  /** New boxes; `boxes` are those of the story, for when there is no room for all. */
  show(topology: Topology, boxes: StoryBoxes | undefined): void {
    this.#topology = topology;
    this.#boxes = boxes;
    this.#layout();
  }

  #layout(): void {
    const topology = this.#topology;
    const size = { width: this.root.clientWidth, height: this.root.clientHeight };
    if (topology === undefined || size.width === 0 || size.height === 0) return;
    const slots = assignSlots(topology);
    const base = { slots, positions: this.#options.positions };
    const all = chooseScene(topology, base, size, margins, this.#shape);
    const boxes = this.#boxes;
    const tooSmall = fitView(all.scene.bounds, size, margins).zoom < READABLE || all.shape.density === 'compact';
    const chosen =
      boxes !== undefined && boxes.pods.size > 0 && tooSmall
        ? chooseScene(topology, { ...base, show: boxes.pods, showServices: boxes.services }, size, margins, this.#shape)
        : all;
    this.#shape = chosen.shape;
    this.#scene = chosen.scene;
    this.#draw(chosen.scene);
    this.#overlay.setScene(chosen.scene);
    if (!this.#movedByHand) this.#fit();
    else this.#apply();
  }

  #draw(scene: Scene): void {
    const shapes = paintAll(
      scene.items.filter((item) => item.kind !== 'pod' || item.size !== 'tile'),
      scene.wires,
    ).map(({ kind, shape }) => {
      const spec = toElement(shape, cssInks);
      if (spec === undefined) return undefined;
      const made = toDom(spec);
      const opacity = lensOpacity(this.#options.lens, kind);
      if (opacity < 1) made.setAttribute('opacity', String(opacity));
      return made;
    });
    this.#world.replaceChildren(...shapes.filter((shape) => shape !== undefined));
    fitTexts(this.#svg);
  }

  #fit(): void {
    const scene = this.#scene;
    if (scene === undefined) return;
    const size = { width: this.root.clientWidth, height: this.root.clientHeight };
    this.#view = fitView(scene.bounds, size, margins);
    const focus = findFocus(scene, this.#options.focus);
    if (focus !== undefined) {
      // A box is seen in its room, a Service together with the rooms of its endpoints.
      const rooms = [focus, ...(focus.kind === 'service' ? linkedItems(scene, focus.id) : [])].map((item) => roomOf(scene, item));
      const { x, y, w, h } = unite(rooms.map((room) => room.rect));
      this.#view = fitView({ x: x - 16, y: y - 16, w: w + 32, h: h + 32 }, size, margins);
      this.#overlay.setMarks({ selected: focus.id, focused: undefined, hovered: undefined });
    }
    this.#apply();
  }

  #apply(): void {
    const { x, y, zoom } = this.#view;
    this.#world.setAttribute('transform', `translate(${x} ${y}) scale(${zoom})`);
    const lod = lodAt(zoom);
    this.#svg.dataset.lod = lod.name;
    if (this.#svg.style.getPropertyValue('--k') !== String(lod.k)) {
      this.#svg.style.setProperty('--k', String(lod.k));
      fitTexts(this.#svg);
    }
    this.#overlay.setView({ ...this.#view, width: this.root.clientWidth, height: this.root.clientHeight, ratio: Math.min(3, devicePixelRatio || 1) });
    this.#overlay.draw();
  }

  #zoomAt(px: number, py: number, factor: number): void {
    const zoom = Math.max(MIN, Math.min(MAX, this.#view.zoom * factor));
    const real = zoom / this.#view.zoom;
    this.#view = { zoom, x: px - (px - this.#view.x) * real, y: py - (py - this.#view.y) * real };
    this.#movedByHand = true;
    this.#apply();
  }

  #listen(): void {
    // Only with Ctrl (a pinch on a touchpad says Ctrl too): otherwise the article scrolls.
    this.root.addEventListener(
      'wheel',
      (event) => {
        if (!event.ctrlKey && !event.metaKey) return;
        event.preventDefault();
        const box = this.root.getBoundingClientRect();
        this.#zoomAt(event.clientX - box.left, event.clientY - box.top, Math.exp(-event.deltaY * 0.01));
      },
      { passive: false },
    );
    this.root.addEventListener('pointerdown', (event) => {
      this.#pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
      if (event.pointerType === 'mouse') this.root.setPointerCapture(event.pointerId);
    });
    this.root.addEventListener('pointermove', (event) => this.#moved(event));
    for (const name of ['pointerup', 'pointercancel', 'pointerleave'] as const)
      this.root.addEventListener(name, (event) => this.#pointers.delete(event.pointerId));
    this.root.addEventListener('dblclick', () => {
      this.#movedByHand = false;
      this.#fit();
    });
  }

  #moved(event: PointerEvent): void {
    const pointer = this.#pointers.get(event.pointerId);
    if (pointer === undefined) return;
    const others = [...this.#pointers.values()].filter((one) => one !== pointer);
    const dx = event.clientX - pointer.x;
    const dy = event.clientY - pointer.y;
    const other = others[0];
    if (other !== undefined) {
      const before = Math.hypot(pointer.x - other.x, pointer.y - other.y);
      const after = Math.hypot(event.clientX - other.x, event.clientY - other.y);
      const box = this.root.getBoundingClientRect();
      this.#view = { ...this.#view, x: this.#view.x + dx / 2, y: this.#view.y + dy / 2 };
      this.#zoomAt((event.clientX + other.x) / 2 - box.left, (event.clientY + other.y) / 2 - box.top, before === 0 ? 1 : after / before);
    } else if (event.pointerType === 'mouse') {
      // One finger scrolls the article; it never moves the picture.
      this.#view = { ...this.#view, x: this.#view.x + dx, y: this.#view.y + dy };
      this.#movedByHand = true;
      this.#apply();
    }
    pointer.x = event.clientX;
    pointer.y = event.clientY;
  }
}
