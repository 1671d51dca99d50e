/** The embed's query parameters: a contract that never changes its meaning within v1. Unknown ones are ignored, odd values become the default. */
import type { Lens } from '../canvas/contract.ts';

export interface EmbedParameters {
  /** Only the graph is drawn so far; `split`, `yaml` and `terminal` show it too. */
  readonly view: 'graph';
  readonly theme: 'auto' | 'light' | 'dark';
  readonly lens: Lens;
  /** A box to bring to the middle: its name, address or id, `pod/client`, `service/web-service`; '' for the whole picture. */
  readonly focus: string;
  readonly controls: 'full' | 'min' | 'none';
  readonly autoplay: boolean;
  readonly loop: boolean;
  /** Hop to stand at, from 1; undefined: before the first. */
  readonly step: number | undefined;
  /** 0.1..4 */
  readonly speed: number;
  readonly caption: string;
}

const MAX_TEXT = 200;

function oneOf<T extends string>(value: string, allowed: readonly T[], fallback: T): T {
  return allowed.find((one) => one === value) ?? fallback;
}

const flag = (value: string): boolean => value === '1' || value === 'true';

/** Reads `?theme=dark&step=4`; names and words in any case. */
export function parseEmbedParameters(search: string): EmbedParameters {
  const values = new Map<string, string>();
  for (const [name, value] of new URLSearchParams(search.slice(0, 4_000))) if (!values.has(name.toLowerCase())) values.set(name.toLowerCase(), value);
  const word = (name: string) => (values.get(name) ?? '').trim().toLowerCase();
  const step = Number(word('step'));
  const speed = Number(word('speed'));
  return {
    view: 'graph',
    theme: oneOf(word('theme'), ['auto', 'light', 'dark'], 'auto'),
    lens: oneOf(word('lens'), ['wires', 'services', 'policy'], 'wires'),
    focus: (values.get('focus') ?? '').trim().slice(0, MAX_TEXT),
    controls: oneOf(word('controls'), ['full', 'min', 'none'], 'full'),
    autoplay: flag(word('autoplay')),
    loop: flag(word('loop')),
    step: Number.isInteger(step) && step > 0 && step < 1_000_000 ? step : undefined,
    speed: Number.isFinite(speed) && speed > 0 ? Math.min(4, Math.max(0.1, speed)) : 1,
    caption: (values.get('caption') ?? '').trim().slice(0, MAX_TEXT),
  };
}
