/** The embed's bottom bar: a sentence that says what happens, transport, a scrubber with ticks, time, and the way to the whole playground. */
import type { StepKind } from '../../net/trace-event.ts';
import type { HopView } from '../../world/views.ts';
import type { Playback } from '../state/playback.ts';
import { formatTime, unitFor } from '../timeline/format.ts';
import { element, icon, svgElement } from './dom.ts';
import type { EmbedParameters } from './parameters.ts';

const glyphs = { back: 'M10.5 3.5L5 8l5.5 4.5z', play: 'M4.5 3l8 5-8 5z', pause: 'M5.5 3.5v9M10.5 3.5v9', forward: 'M5.5 3.5L11 8l-5.5 4.5z' } as const;
const TRACK = 1000;
const SPEAK_EVERY_MS = 1_100;
const told: ReadonlySet<StepKind> = new Set<StepKind>(['created', 'translated', 'encapsulated', 'decapsulated', 'delivered', 'dropped']);
const colours: Readonly<Record<HopView['family'], string>> = { l2: 'l2', l3: 'l3', l4: 'l4', l7: 'l7', tunnel: 'tun', drop: 'drop' };

function button(label: string, path: string, filled: boolean, onClick: () => void): HTMLButtonElement {
  const made = element('button', { type: 'button', 'aria-label': label, title: label }, icon(path, filled));
  made.addEventListener('click', onClick);
  return made;
}

/** Replaces the words of a line by those of a hop: what, where and why. */
function writeSentence(line: HTMLElement, hop: HopView, index: number, count: number): void {
  const drop = hop.family === 'drop';
  const title = element('b', drop ? { class: 'drop' } : {}, `${drop ? '✕ ' : ''}${hop.title}`);
  const place = element('span', { class: 'where' }, ` · ${hop.where}`);
  const why = hop.why.map((phrase) =>
    element(phrase.style === 'mono' ? 'code' : phrase.style === undefined ? 'span' : 'b', phrase.style === 'drop' ? { class: 'drop' } : {}, phrase.text),
  );
  line.replaceChildren(
    element('span', { class: 'count' }, `Hop ${index + 1} of ${count} · `),
    title,
    place,
    ...(why.length === 0 ? [] : [element('span', {}, ' — '), ...why]),
  );
}

/** Plain words for a screen reader. */
const spoken = (hop: HopView): string => `${hop.where}: ${hop.title}`;

export class Bar {
  readonly root: HTMLElement;
  readonly #playback: Playback;
  readonly #line = element('p', { class: 'say' });
  readonly #live = element('p', { class: 'hidden', 'aria-live': 'polite' });
  readonly #play: HTMLButtonElement;
  readonly #back: HTMLButtonElement;
  readonly #forward: HTMLButtonElement;
  readonly #ticks = svgElement('svg', { class: 'ticks', viewBox: `0 0 ${TRACK} 14`, preserveAspectRatio: 'none', 'aria-hidden': 'true' });
  readonly #head = element('div', { class: 'head' });
  readonly #range = element('input', { type: 'range', min: '0', max: String(TRACK), step: '1', value: '0', 'aria-label': 'Playhead' });
  readonly #time = element('span', { class: 'time' });
  #idle = '';
  #shown = '';
  #ticksOf: readonly HopView[] | undefined;
  #speakAt = 0;
  #speakTimer: ReturnType<typeof setTimeout> | undefined;

  /** @param openUrl where "Open in Kubehop" leads. */
  constructor(playback: Playback, parameters: EmbedParameters, openUrl: string, onTouched: () => void) {
    this.#playback = playback;
    const touched = (act: () => void) => () => {
      onTouched();
      act();
    };
    this.#back = button(
      'Step back',
      glyphs.back,
      false,
      touched(() => playback.step(-1)),
    );
    this.#play = button(
      'Play',
      glyphs.play,
      true,
      touched(() => playback.toggle()),
    );
    this.#forward = button(
      'Step forward',
      glyphs.forward,
      false,
      touched(() => playback.step(1)),
    );
    this.#range.addEventListener(
      'input',
      touched(() => playback.scrub((Number(this.#range.value) / TRACK) * playback.durationMs)),
    );
    const track = element('div', { class: 'track' }, this.#ticks, element('div', { class: 'rail' }, this.#head), this.#range);
    const open = element('a', { class: 'open', href: openUrl, target: '_blank', rel: 'noopener noreferrer' }, 'Open in Kubehop ↗');
    const full = parameters.controls === 'full';
    const row = element(
      'div',
      { class: 'row' },
      ...(full ? [this.#back, this.#play, this.#forward, track, this.#time] : [this.#play, element('span', { class: 'grow' })]),
      open,
    );
    this.root = element('div', { class: 'bar' }, this.#line, row, this.#live);
    playback.subscribe(() => this.#moved());
    playback.subscribeCoarse(() => this.update());
  }

  /** What is said while no hop is reached. */
  setIdle(text: string): void {
    this.#idle = text;
    this.update();
  }

  update(): void {
    const { index, hopCount, playing } = this.#playback.getSnapshot();
    const hop = this.#playback.hop;
    const key = `${index}/${hopCount}/${hop?.event.seq ?? this.#idle}`;
    if (key !== this.#shown) {
      this.#shown = key;
      if (hop === undefined) this.#line.replaceChildren(this.#idle);
      else {
        writeSentence(this.#line, hop, index, hopCount);
        this.#speak(spoken(hop));
      }
      this.#range.setAttribute('aria-valuetext', hop === undefined ? 'before the first hop' : `hop ${index + 1} of ${hopCount}: ${hop.title}`);
    }
    const label = playing ? 'Pause' : 'Play';
    if (this.#play.title !== label) {
      this.#play.title = label;
      this.#play.setAttribute('aria-label', label);
      this.#play.replaceChildren(icon(playing ? glyphs.pause : glyphs.play, !playing));
    }
    this.#back.disabled = hopCount === 0 || index < 0;
    this.#forward.disabled = hopCount === 0 || index >= hopCount - 1;
    this.#play.disabled = hopCount === 0;
    this.#range.disabled = hopCount === 0;
    if (this.#ticksOf !== this.#playback.hops()) this.#drawTicks();
    this.#moved();
  }

  /** At most one sentence a second, the newest. */
  #speak(text: string): void {
    clearTimeout(this.#speakTimer);
    const wait = Math.max(0, this.#speakAt + SPEAK_EVERY_MS - performance.now());
    this.#speakTimer = setTimeout(() => {
      this.#speakAt = performance.now();
      this.#live.textContent = text;
    }, wait);
  }

  #drawTicks(): void {
    const hops = this.#playback.hops();
    this.#ticksOf = hops;
    const paths = new Map<HopView['family'], string>();
    const last = new Map<HopView['family'], number>();
    hops.forEach((hop, index) => {
      const x = Math.round((this.#playback.timeOf(index) / Math.max(1, this.#playback.durationMs)) * TRACK);
      // Only what changes a packet or ends it: a tick for each hop would be a wall.
      if (hop.background || !told.has(hop.event.step.kind) || x - (last.get(hop.family) ?? -99) < 8) return;
      last.set(hop.family, x);
      paths.set(hop.family, `${paths.get(hop.family) ?? ''}M${x} ${hop.family === 'drop' ? 0 : 2}v${hop.family === 'drop' ? 14 : 10}`);
    });
    const order: readonly HopView['family'][] = ['l2', 'l3', 'l4', 'l7', 'tunnel', 'drop'];
    this.#ticks.replaceChildren(
      ...order.flatMap((family) => {
        const d = paths.get(family);
        if (d === undefined) return [];
        const path = svgElement('path', { d, 'stroke-width': '2.5', fill: 'none', 'vector-effect': 'non-scaling-stroke' });
        path.style.stroke = `var(--${colours[family]})`;
        return [path];
      }),
    );
  }

  #moved(): void {
    const ratio = Math.max(0, Math.min(1, this.#playback.elapsedMs / Math.max(1, this.#playback.durationMs)));
    this.#head.style.left = `${(ratio * 100).toFixed(2)}%`;
    if (document.activeElement !== this.#range || this.#playback.playing) this.#range.value = String(Math.round(ratio * TRACK));
    const hops = this.#playback.hops();
    const start = hops[0]?.event.timeNs ?? 0;
    const span = (hops[hops.length - 1]?.event.timeNs ?? 0) - start;
    const unit = unitFor(span);
    const text = hops.length === 0 ? '' : `${formatTime(Math.max(0, this.#playback.timeNs - start), unit)} ${unit.name}`;
    if (this.#time.textContent !== text) this.#time.textContent = text;
  }
}
