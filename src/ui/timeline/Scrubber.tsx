/** The track: a tick for each hop in its layer's colour, and the playhead, which moves outside React. */
import { memo, useEffect, useMemo, useRef } from 'react';
import type { HopView } from '../../world/views.ts';
import { useDocument, usePlaybackSnapshot, usePlayground } from '../state/context.ts';
import { formatTime, unitFor } from './format.ts';
import styles from './Timeline.module.css';

const families = ['l2', 'l3', 'l4', 'l7', 'tunnel', 'drop'] as const;
const colours: Readonly<Record<HopView['family'], string>> = { l2: '--l2', l3: '--l3', l4: '--l4', l7: '--l7', tunnel: '--tun', drop: '--drop' };
const WIDTH = 1000;

/** One path a family, however many hops there are. Ticks nearer than a pixel are drawn once. `timeOf` gives a tick's place in viewer time. */
const Ticks = memo(function Ticks({
  hops,
  timeOf,
  durationMs,
}: {
  readonly hops: readonly HopView[];
  readonly timeOf: (index: number) => number;
  readonly durationMs: number;
}) {
  const drawn = new Map<string, number>();
  const lines = new Map<string, string>();
  hops.forEach((hop, index) => {
    const x = Math.round((timeOf(index) / Math.max(1, durationMs)) * WIDTH * 2) / 2;
    if (x - (drawn.get(hop.family) ?? -9) < 1.5) return;
    drawn.set(hop.family, x);
    lines.set(hop.family, `${lines.get(hop.family) ?? ''}${hop.background ? `M${x} 4v6` : `M${x} 0v14`}`);
  });
  return (
    <svg className={styles.ticks} viewBox={`0 0 ${WIDTH} 14`} preserveAspectRatio="none" aria-hidden="true">
      {families.map((family) => {
        const path = lines.get(family);
        return path === undefined ? null : (
          <path key={family} d={path} stroke={`var(${colours[family]})`} strokeWidth="2" vectorEffect="non-scaling-stroke" fill="none" />
        );
      })}
    </svg>
  );
});

export function Scrubber() {
  const { playback } = usePlayground();
  const { index, hopCount, loop, span, skipIdle, stop } = usePlaybackSnapshot();
  const bookmarks = useDocument((document) => document.bookmarks);
  const hops = playback.hops();
  const head = useRef<HTMLDivElement>(null);
  const range = useRef<HTMLInputElement>(null);
  const timeOf = useMemo(() => (skipIdle ? (at: number) => playback.timeOf(at) : (at: number) => playback.timeOf(at)), [playback, skipIdle]);
  useEffect(() => {
    const move = () => {
      const ratio = Math.min(1, playback.elapsedMs / Math.max(1, playback.durationMs));
      if (head.current !== null) head.current.style.transform = `translateX(${(ratio * 100).toFixed(3)}%)`;
      if (range.current !== null) range.current.value = String(Math.round(ratio * WIDTH));
    };
    move();
    return playback.subscribe(move);
  }, [playback]);
  const percent = (ms: number) => `${((ms / Math.max(1, playback.durationMs)) * 100).toFixed(2)}%`;
  const startNs = hops[0]?.event.timeNs ?? 0;
  const spanNs = (hops[hops.length - 1]?.event.timeNs ?? 0) - startNs;
  const unit = unitFor(spanNs);
  const hop = stop?.hop ?? hops[index];
  const now = hop === undefined ? 0 : hop.event.timeNs - startNs;
  return (
    <>
      <div className={styles.track}>
        <Ticks hops={hops} timeOf={timeOf} durationMs={playback.durationMs} />
        {loop && span !== undefined ? (
          <div className={styles.loop} style={{ left: percent(playback.timeOf(span.from)), right: `calc(100% - ${percent(playback.timeOf(span.to))})` }} />
        ) : null}
        {bookmarks.map((one) => {
          const at = playback.indexOf(one.seq);
          return at < 0 ? null : <span key={one.seq} className={styles.mark} style={{ left: percent(playback.timeOf(at)) }} title={one.name} />;
        })}
        <div className={styles.headRail} ref={head}>
          <div className={styles.head} />
        </div>
        <input
          ref={range}
          className={styles.range}
          type="range"
          aria-label="Playhead"
          aria-valuetext={
            hop === undefined
              ? 'before the first hop'
              : `${stop === undefined ? '' : `event ${stop.seq}, `}hop ${(stop === undefined || stop.of < 0 ? index : stop.of) + 1} of ${hopCount}: ${hop.title}`
          }
          min={0}
          max={WIDTH}
          step={1}
          defaultValue={0}
          disabled={hopCount === 0}
          onChange={(event) => playback.scrub((Number(event.target.value) / WIDTH) * playback.durationMs)}
          onKeyDown={(event) => {
            // By hops, as everywhere: a thousandth of the track means nothing to anybody.
            if (event.key === 'ArrowRight' || event.key === 'ArrowLeft') {
              event.preventDefault();
              event.stopPropagation();
              if (event.shiftKey) playback.stepPacket(event.key === 'ArrowRight' ? 1 : -1);
              else playback.step(event.key === 'ArrowRight' ? 1 : -1);
            }
          }}
        />
      </div>
      <span className={styles.clock}>
        {formatTime(now, unit)} / {formatTime(spanNs, unit)} {unit.name}
      </span>
    </>
  );
}
