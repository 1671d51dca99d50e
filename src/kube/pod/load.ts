/**
 * `kubehop.dev/rate`: what a pod or a Host asks others for by itself, one stream a line: `http://web/ 20/s`. Each stream is a program in its network namespace,
 * from when its first container runs until it ends. A cluster as it is found has been quiet: the first arrivals are when its reader comes.
 */
import type { Origin } from '../../base/origin.ts';
import { type LoadLine, parseLoad } from '../../net/app/load/config.ts';
import type { Process } from '../../net/records.ts';
import type { FieldError } from '../../objects/types.ts';
import { invalid } from '../field-errors.ts';
import { processId } from '../node/record-ids.ts';

export const RATE_ANNOTATION = 'kubehop.dev/rate';
/** Virtual time at which the reader comes. */
export const SETTLED_NS = 15 * 60 * 1e9;

type Annotations = Readonly<Record<string, string>> | undefined;

/** Pods of one template have one text. */
const read = new Map<string, readonly LoadLine[] | string>();
const MAX_READ = 200;

function linesOf(text: string): readonly LoadLine[] | string {
  let lines = read.get(text);
  if (lines === undefined) {
    lines = parseLoad(text);
    if (read.size >= MAX_READ) read.clear();
    read.set(text, lines);
  }
  return lines;
}

/** `path`: of the annotations. */
export function rateErrors(path: string, annotations: Annotations): FieldError[] {
  const text = annotations?.[RATE_ANNOTATION];
  const lines = typeof text === 'string' ? linesOf(text) : undefined;
  return typeof lines === 'string' ? [invalid(`${path}[${RATE_ANNOTATION}]`, text, lines)] : [];
}

/** `run`: how often the container had been started before; a new one begins anew. */
export function loadProcesses(annotations: Annotations, netns: string, origin: Origin, name: string, run: number): Process[] {
  const text = annotations?.[RATE_ANNOTATION];
  const lines = text === undefined ? [] : linesOf(text);
  if (typeof lines === 'string') return [];
  return lines.map((line, index): Process => {
    const own = index === 0 ? name : `${name}-${index + 1}`;
    return { kind: 'process', id: processId(netns, own), origin, netns, app: 'load', name: own, config: { ...line, startNs: SETTLED_NS, run } };
  });
}
