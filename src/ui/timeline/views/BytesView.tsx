/** The frame at the playhead as bytes, joined to its fields both ways: what is pointed at or chosen on one side is marked on the other. */
import { memo, useEffect, useMemo, useRef, useState } from 'react';
import { type ByteField, type ByteLayer, dissect, fieldAt } from '../../../net/wire/dissect/dissect.ts';
import { ScrollRegion } from '../../shell/ScrollRegion.tsx';
import { withKeys } from '../../shell/with-keys.ts';
import { useCurrentHop, usePlayground } from '../../state/context.ts';
import { useEvent } from '../../state/use-event.ts';
import { filterOf } from '../filter-of.ts';
import styles from './Bytes.module.css';

const ROW_BYTES = 16;
/** A jumbo frame and more; the rest is counted. */
const MAX_BYTES = 9_216;
const pair = (byte: number): string => byte.toString(16).padStart(2, '0');
const sign = (byte: number): string => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '·');

const DEPTHS = ['', styles.part, styles.partOfPart] as const;

interface Frame {
  readonly seq: number;
  readonly bytes: Uint8Array | null;
}

/** The last answer stays until the next one is there. */
function useFrame(seq: number | undefined): Frame | undefined {
  const { client } = usePlayground();
  const [frame, setFrame] = useState<Frame | undefined>(undefined);
  useEffect(() => {
    if (seq === undefined) return;
    let alive = true;
    client.call('bytes', seq).then(
      (bytes) => {
        if (alive) setFrame({ seq, bytes });
      },
      () => undefined,
    );
    return () => {
      alive = false;
    };
  }, [client, seq]);
  return frame;
}

const Fields = memo(function Fields({ layers, marked }: { readonly layers: readonly ByteLayer[]; readonly marked: ByteField | undefined }) {
  return (
    <ScrollRegion className={styles.fields} label="Fields of the frame: up and down go from field to field">
      {layers.map((layer) => (
        <section key={layer.start} data-family={layer.family} className={styles.layer}>
          <h3 className={styles.layerTitle} data-start={layer.start} data-length={layer.length}>
            {layer.title} <span className={styles.layerBytes}>{layer.length} bytes</span>
          </h3>
          {withKeys(layer.fields, (field) => field.label).map(({ key, item: field }) => (
            <div
              key={key}
              className={`${styles.field} ${field === marked ? styles.fieldOn : ''}`}
              aria-current={field === marked ? 'true' : undefined}
              data-start={field.start}
              data-length={field.length}
              data-depth={field.depth}
              title={field.name}
            >
              <span className={`${styles.label} ${DEPTHS[field.depth]}`}>{field.label}</span> <span className={styles.value}>{field.value}</span>
            </div>
          ))}
        </section>
      ))}
    </ScrollRegion>
  );
});

/** Bytes between two places where a field begins or ends, never over the end of a row: nothing finer can be marked. */
function segmentsOf(
  bytes: Uint8Array,
  layers: readonly ByteLayer[],
): readonly (readonly { readonly at: number; readonly length: number; readonly family: string }[])[] {
  const ends = new Set(layers.flatMap((layer) => layer.fields.flatMap((field) => [field.start, field.start + field.length])));
  const rows = [];
  for (let start = 0; start < Math.min(bytes.length, MAX_BYTES); start += ROW_BYTES) {
    const row = [];
    const stop = Math.min(bytes.length, start + ROW_BYTES);
    for (let at = start; at < stop; ) {
      let end = at + 1;
      while (end < stop && !ends.has(end)) end += 1;
      const family = layers.find((layer) => at >= layer.start && at < layer.start + layer.length)?.family ?? 'l7';
      row.push({ at, length: end - at, family });
      at = end;
    }
    rows.push(row);
  }
  return rows;
}

/** Drawn once for a frame; what is marked is marked in the page itself. */
const Dump = memo(function Dump({ bytes, layers }: { readonly bytes: Uint8Array; readonly layers: readonly ByteLayer[] }) {
  const rows = useMemo(() => segmentsOf(bytes, layers), [bytes, layers]);
  return (
    <ScrollRegion className={styles.dump} label="Bytes of the frame: left and right go from field to field">
      {rows.map((row) => (
        <div key={row[0]?.at} className={styles.row}>
          <span className={styles.offset}>{(row[0]?.at ?? 0).toString(16).padStart(4, '0')}</span>
          <span className={styles.hex}>
            {row.map(({ at, length, family }) => (
              <span key={at} className={styles.segment} data-at={at} data-length={length} data-family={family}>
                {Array.from(bytes.subarray(at, at + length), pair).join(' ')}
              </span>
            ))}
          </span>
          <span className={styles.text} aria-hidden="true">
            {row.map(({ at, length, family }) => (
              <span key={at} className={styles.segment} data-at={at} data-length={length} data-family={family}>
                {Array.from(bytes.subarray(at, at + length), sign).join('')}
              </span>
            ))}
          </span>
        </div>
      ))}
      {bytes.length > MAX_BYTES ? <p className={styles.empty}>… and {bytes.length - MAX_BYTES} more</p> : null}
    </ScrollRegion>
  );
});

interface Span {
  readonly start: number;
  readonly length: number;
}

/** What is pointed at: a byte, or a line of the fields. */
function pointed(target: EventTarget | null): number | Span | undefined {
  const cell = target instanceof Element ? target.closest('[data-at], [data-start]') : null;
  if (cell === null) return undefined;
  const at = cell.getAttribute('data-at');
  return at === null ? { start: Number(cell.getAttribute('data-start')), length: Number(cell.getAttribute('data-length')) } : Number(at);
}

export function BytesView() {
  const { session } = usePlayground();
  // Who goes by events sees the frame as it was at each.
  const { hops, hop } = useCurrentHop();
  const frame = useFrame(hop?.event.seq);
  const shown = frame === undefined ? undefined : hop?.event.seq === frame.seq ? hop : hops.find((one) => one.event.seq === frame.seq);
  const bytes = frame?.bytes ?? undefined;
  const layers = useMemo(() => (bytes === undefined || shown === undefined ? [] : dissect(bytes, shown.event.layers)), [bytes, shown]);
  const fields = useMemo(() => layers.flatMap((layer) => layer.fields), [layers]);
  /** Chosen by click or key: field's name and place, so that the next hop shows the same one. */
  const [chosen, setChosen] = useState<ByteField | undefined>(undefined);
  const [over, setOver] = useState<number | Span | undefined>(undefined);
  const root = useRef<HTMLDivElement>(null);
  const fieldOf = (place: number | Span): ByteField | undefined =>
    typeof place === 'number' ? fieldAt(layers, place) : fields.find((field) => field.start === place.start && field.length === place.length);
  const kept =
    chosen === undefined
      ? undefined
      : (fields.find((field) => field.label === chosen.label && field.start === chosen.start) ??
        fields.find((field) => field.name === chosen.name && field.label === chosen.label));
  const marked = over === undefined ? kept : fieldOf(over);
  const span: Span | undefined = typeof over === 'object' ? over : marked;

  useEvent(root, 'pointerover', (event) => setOver(pointed(event.target)));
  useEvent(root, 'pointerleave', () => setOver(undefined));
  useEvent(root, 'click', (event) => {
    const line = event.target instanceof Element ? event.target.closest('[data-depth]') : null;
    const place = pointed(event.target);
    if (place === undefined) return;
    // Flags share their byte: the line that was clicked is meant.
    const index = line === null ? -1 : [...(root.current?.querySelectorAll('[data-depth]') ?? [])].indexOf(line);
    setChosen(fields[index] ?? fieldOf(place));
  });
  useEvent(root, 'keydown', (event) => {
    const step = event.key === 'ArrowDown' || event.key === 'ArrowRight' ? 1 : event.key === 'ArrowUp' || event.key === 'ArrowLeft' ? -1 : 0;
    if (step === 0 || fields.length === 0) return;
    event.preventDefault();
    event.stopPropagation();
    const at = kept === undefined ? -1 : fields.indexOf(kept);
    setOver(undefined);
    setChosen(fields[Math.max(0, Math.min(fields.length - 1, at + step))]);
  });
  useEffect(() => {
    const element = root.current;
    if (element === null || span === undefined) return;
    const cells = [...element.querySelectorAll<HTMLElement>('[data-at]')].filter((cell) => {
      const at = Number(cell.dataset.at);
      return at < span.start + span.length && at + Number(cell.dataset.length) > span.start;
    });
    for (const cell of cells) cell.dataset.on = '';
    if (over === undefined) {
      cells[0]?.scrollIntoView({ block: 'nearest' });
      element.querySelector('[aria-current]')?.scrollIntoView({ block: 'nearest' });
    }
    return () => {
      for (const cell of cells) delete cell.dataset.on;
    };
  }, [span, over]);

  const filter = marked === undefined ? '' : filterOf(marked);
  // The element stays, whatever it shows: its listeners are put on once.
  return (
    <div className={styles.both} ref={root}>
      {hop === undefined || bytes === undefined ? (
        <p className={styles.empty}>
          {hop === undefined ? 'Before the first hop: no frame yet.' : frame === undefined ? 'Reading …' : 'This event is about no packet.'}
        </p>
      ) : (
        <>
          <Fields layers={layers} marked={marked} />
          <Dump layers={layers} bytes={bytes} />
          <p className={styles.now}>
            <span role="status">
              {marked === undefined ? `${bytes.length} bytes, as a capture has them. Point at a field or at a byte.` : words(marked, bytes.length)}
            </span>
            {filter === '' ? null : (
              <button type="button" onClick={() => session.setState({ filter, timelineView: 'hops' })}>
                Filter: {filter}
              </button>
            )}
          </p>
        </>
      )}
    </div>
  );
}

function words({ name, label, value, start, length }: ByteField, total: number): string {
  const place = length === 1 ? `byte ${start}` : `bytes ${start} to ${start + length - 1}`;
  return `${name === '' ? label : `${label} (${name})`}: ${value} · ${place} of ${total}`;
}
