/** Two runs of this document side by side: before and after an edit, or this future and one that was left for it. */
import { useEffect, useMemo, useRef, useState } from 'react';
import type { PlaygroundClient } from '../../../worker/protocol.ts';
import { type Alignment, alignJourneys } from '../../../world/align-journeys.ts';
import type { HopView } from '../../../world/views.ts';
import { AlignedHops } from '../../compare/AlignedHops.tsx';
import { firstPair, loadSide, type Side, sidesOf } from '../../compare/sides.ts';
import { ScrollRegion } from '../../shell/ScrollRegion.tsx';
import { useCurrentHop, useDocument, useMirror, usePlayground, useSession } from '../../state/context.ts';
import { useEvent } from '../../state/use-event.ts';
import styles from './Views.module.css';

type Loaded =
  | { readonly kind: 'loading' }
  | { readonly kind: 'failed'; readonly words: string }
  | { readonly kind: 'done'; readonly left: readonly HopView[]; readonly right: readonly HopView[]; readonly alignment: Alignment };

function useSides(): readonly Side[] {
  const playground = usePlayground();
  const runs = useSession((session) => session.runs);
  const futures = useDocument((document) => document.futures);
  const terminal = useMirror((mirror) => mirror.terminal);
  return useMemo(() => sidesOf({ runs, futures, terminal, inputs: playground.client.lastDocument()?.inputs ?? [] }), [playground, runs, futures, terminal]);
}

/** Runs what has to be run in a worker beside the page's, one side after the other. */
function usePair(left: Side | undefined, right: Side | undefined): Loaded {
  const playground = usePlayground();
  const [loaded, setLoaded] = useState<Loaded>({ kind: 'loading' });
  const sides = useRef({ left, right });
  sides.current = { left, right };
  const key = `${left?.id ?? ''}|${left?.title ?? ''}|${right?.id ?? ''}|${right?.title ?? ''}|${right?.kind === 'run' ? right.run.toSeq : ''}`;
  useEffect(() => {
    const [one, two] = [sides.current.left, sides.current.right];
    if (key === '' || one === undefined || two === undefined) return;
    let alive = true;
    let own: PlaygroundClient | undefined;
    setLoaded({ kind: 'loading' });
    const load = async () => {
      const document = await playground.client.call('document');
      const { terminal, headSeq } = playground.mirror.getState();
      const other = () => {
        own ??= playground.createClient();
        if (own === undefined) throw new Error('There is no second worker for another world here.');
        return own;
      };
      const source = { client: playground.client, other, document, terminal, headSeq };
      const hops = [await loadSide(one, source), await loadSide(two, source)] as const;
      if (alive) setLoaded({ kind: 'done', left: hops[0], right: hops[1], alignment: alignJourneys(hops[0], hops[1]) });
    };
    load()
      .catch((error: unknown) => {
        if (alive) setLoaded({ kind: 'failed', words: error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error) });
      })
      .finally(() => own?.close());
    return () => {
      alive = false;
      own?.close();
    };
  }, [playground, key]);
  return loaded;
}

function Choice(props: { readonly label: string; readonly sides: readonly Side[]; readonly value: string; readonly onChange: (id: string) => void }) {
  return (
    <select className={`${styles.choice} ${styles.pair}`} aria-label={props.label} value={props.value} onChange={(event) => props.onChange(event.target.value)}>
      {props.sides.map((side) => (
        <option key={side.id} value={side.id}>
          {side.title}
        </option>
      ))}
    </select>
  );
}

function words(loaded: Loaded): string {
  if (loaded.kind === 'loading') return 'Running …';
  if (loaded.kind === 'failed') return loaded.words;
  const rows = loaded.alignment.packets.flatMap((packet) => packet.hops);
  const different = rows.filter((row) => row.difference !== undefined && row.difference !== 'headers').length;
  return different === 0 ? `No other decision in ${rows.length} hops` : `${different} of ${rows.length} hops differ`;
}

const isHere = (side: Side | undefined): boolean => side?.kind === 'run' || side?.kind === 'since';

export function CompareView() {
  const playground = usePlayground();
  const sides = useSides();
  const run = useSession((session) => session.run);
  const { hop } = useCurrentHop();
  const chosen = useSession((session) => session.comparing);
  const [onlyDifferent, setOnlyDifferent] = useState(false);
  const pair = chosen?.every((id) => sides.some((side) => side.id === id)) === true ? chosen : firstPair(sides, run);
  const left = sides.find((side) => side.id === pair?.[0]);
  const right = sides.find((side) => side.id === pair?.[1]);
  const loaded = usePair(left, right);
  const region = useRef<HTMLElement>(null);
  const first = useRef<HTMLTableRowElement>(null);
  useEvent(region, 'click', (event) => {
    const cell = event.target instanceof Element ? event.target.closest('[data-seq]') : null;
    if (cell !== null) void playground.goTo(Number(cell.getAttribute('data-seq')));
  });
  const toFirst = () => first.current?.scrollIntoView({ block: 'center' });
  useEffect(() => {
    if (loaded.kind === 'done') first.current?.scrollIntoView({ block: 'center' });
  }, [loaded]);
  // The element stays, whatever it shows: its listener is put on once.
  const choose = (at: 0 | 1) => (id: string) => playground.session.setState({ comparing: at === 0 ? [id, right?.id ?? id] : [left?.id ?? id, id] });
  return (
    <>
      {sides.length < 2 ? null : (
        <div className={styles.bar}>
          <Choice label="On the left" sides={sides} value={left?.id ?? ''} onChange={choose(0)} />
          <Choice label="On the right" sides={sides} value={right?.id ?? ''} onChange={choose(1)} />
          <button type="button" className={styles.button} disabled={loaded.kind !== 'done' || loaded.alignment.first === undefined} onClick={toFirst}>
            First difference
          </button>
          <label className={styles.check}>
            <input type="checkbox" checked={onlyDifferent} onChange={(event) => setOnlyDifferent(event.target.checked)} />
            only packets that differ
          </label>
          <span className={`${styles.mute} ${styles.said}`} role="status">
            {left === undefined ? '' : words(loaded)}
          </span>
        </div>
      )}
      <ScrollRegion className={styles.scroll} ref={region} label="Two runs side by side">
        {sides.length < 2 ? (
          <p className={styles.empty}>One run only. Run a command again after an edit, or branch from a moment of the past: here both stand side by side.</p>
        ) : null}
        {loaded.kind === 'done' && left !== undefined && right !== undefined ? (
          <AlignedHops
            left={{ title: left.title, hops: loaded.left, here: isHere(left) }}
            right={{ title: right.title, hops: loaded.right, here: isHere(right) }}
            alignment={loaded.alignment}
            onlyDifferent={onlyDifferent}
            currentSeq={hop?.event.seq}
            firstRef={first}
          />
        ) : null}
      </ScrollRegion>
    </>
  );
}
