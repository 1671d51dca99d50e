/** The run as a sequence diagram: who sent what to whom, downwards in time. */
import { useEffect, useMemo, useRef } from 'react';
import { copyText } from '../../shell/copy-text.ts';
import { ScrollRegion } from '../../shell/ScrollRegion.tsx';
import { useCurrentHop, useMirror, usePlayground, useSession } from '../../state/context.ts';
import { useEvent } from '../../state/use-event.ts';
import type { Conversation } from '../conversations.ts';
import { formatTime, unitFor } from '../format.ts';
import { type Arrow, mermaidSequence, sequenceOf } from '../sequence.ts';
import { StreamChoice } from './StreamChoice.tsx';
import { useConversations } from './use-conversations.ts';
import styles from './Views.module.css';

const COLUMN = 150;
const LEFT = 84;
const HEAD = 30;
const ROW = 24;

function ArrowMark({ arrow, row, current, startNs, unit }: { arrow: Arrow; row: number; current: boolean; startNs: number; unit: ReturnType<typeof unitFor> }) {
  const y = HEAD + ROW * (row + 1);
  const x0 = LEFT + COLUMN * (arrow.from + 0.5);
  const x1 = LEFT + COLUMN * (arrow.to + 0.5);
  const self = arrow.from === arrow.to;
  const back = x1 < x0;
  const tip = self ? x0 + 26 : x1;
  const size = back ? 6 : -6;
  return (
    <g data-hop={arrow.hop} data-family={arrow.family} className={current ? styles.arrowOn : styles.arrow}>
      <rect x={0} y={y - ROW + 7} width="100%" height={ROW} className={styles.hit} />
      <text x={LEFT - 10} y={y} textAnchor="end" className={styles.time}>
        {formatTime(arrow.timeNs - startNs, unit)}
      </text>
      <line x1={x0} y1={y} x2={tip} y2={y} />
      {arrow.lost ? <path d={`M${tip - 4} ${y - 4}l8 8m0 -8l-8 8`} /> : <path d={`M${tip + size} ${y - 3.5}L${tip} ${y}L${tip + size} ${y + 3.5}`} />}
      <text x={self ? x0 + 36 : (x0 + x1) / 2} y={y - 5} textAnchor={self ? 'start' : 'middle'} className={styles.arrowText}>
        {arrow.label}
      </text>
    </g>
  );
}

const NONE: readonly Conversation[] = [];

export function SequenceView() {
  const playground = usePlayground();
  const { playback, session } = playground;
  const { hops, index } = useCurrentHop();
  const topology = useMirror((mirror) => mirror.topology);
  const chosen = useSession((state) => state.stream);
  const conversations = useConversations(hops) ?? NONE;
  const conversation = chosen === undefined ? undefined : conversations[chosen];
  const sequence = useMemo(
    () => sequenceOf(hops, topology, conversation === undefined ? undefined : new Set(conversation.packets)),
    [hops, topology, conversation],
  );
  const region = useRef<HTMLElement>(null);
  const current = sequence.arrows.findLastIndex((arrow) => arrow.hop <= index);
  useEvent(region, 'click', (event) => {
    const mark = event.target instanceof Element ? event.target.closest('[data-hop]') : null;
    if (mark === null) return;
    playback.seek(Number(mark.getAttribute('data-hop')));
    session.setState({ inspecting: 'hop' });
  });
  useEffect(() => {
    const element = region.current;
    if (element === null || current < 0) return;
    const y = HEAD + ROW * current;
    if (y < element.scrollTop + HEAD || y > element.scrollTop + element.clientHeight - ROW * 2) element.scrollTop = y - HEAD - ROW;
  }, [current]);
  const startNs = hops[0]?.event.timeNs ?? 0;
  const unit = unitFor((hops[hops.length - 1]?.event.timeNs ?? 0) - startNs);
  const width = LEFT + COLUMN * sequence.lifelines.length;
  const height = HEAD + ROW * (sequence.arrows.length + 1);
  const copy = async (text: string) => {
    if (await copyText(text)) playground.notify('Copied as a Mermaid sequence diagram.');
    else playground.notify('This browser lets the page copy nothing; nothing was copied.', 'problem');
  };
  return (
    <>
      <StreamChoice conversations={conversations} value={chosen} all>
        <button type="button" className={styles.button} onClick={() => void copy(mermaidSequence(sequence))}>
          Copy as Mermaid
        </button>
        <span className={styles.mute}>time in {unit.name}</span>
      </StreamChoice>
      <ScrollRegion className={styles.scroll} ref={region} label="Sequence of packets">
        {sequence.arrows.length === 0 ? <p className={styles.empty}>No packet went from one place to another.</p> : null}
        <svg
          className={styles.sequence}
          width={width}
          height={height}
          role="img"
          aria-label={`${sequence.arrows.length} arrows between ${sequence.lifelines.map((one) => one.title).join(', ')}`}
        >
          {sequence.lifelines.map((one, place) => (
            <g key={one.id} data-type={one.type}>
              <line className={styles.lifeline} x1={LEFT + COLUMN * (place + 0.5)} y1={HEAD} x2={LEFT + COLUMN * (place + 0.5)} y2={height} />
              <text className={styles.lifelineText} x={LEFT + COLUMN * (place + 0.5)} y={18} textAnchor="middle">
                {one.title.length > 20 ? `${one.title.slice(0, 8)}…${one.title.slice(-10)}` : one.title}
              </text>
            </g>
          ))}
          {sequence.arrows.map((arrow, row) => (
            <ArrowMark key={arrow.hop} arrow={arrow} row={row} current={row === current} startNs={startNs} unit={unit} />
          ))}
        </svg>
        {sequence.cut ? <p className={styles.empty}>Not all of it is drawn: choose a conversation.</p> : null}
      </ScrollRegion>
    </>
  );
}
