/** The hop at the playhead: what happened, why, the packet's layers, the rules and the route that decided, and the line of YAML behind it. */
import { lazy, Suspense, useMemo } from 'react';
import type { HopView, RuleView } from '../../world/views.ts';
import { withKeys } from '../shell/with-keys.ts';
import { useCurrentHop, usePlaybackSnapshot, usePlayground } from '../state/context.ts';
import { formatTime, packetNumbers, unitFor } from '../timeline/format.ts';
import styles from './Inspector.module.css';
import { LayerCake } from './LayerCake.tsx';
import { Words } from './Words.tsx';

const DropHelp = lazy(() => import('../why/DropHelp.tsx').then((module) => ({ default: module.DropHelp })));
const HopContext = lazy(() => import('../why/HopContext.tsx').then((module) => ({ default: module.HopContext })));

/** Rules this packet has matched in this netns up to this hop, in order; `event`: up to this event, which is part of that hop. */
export function rulesSoFar(hops: readonly HopView[], index: number, event?: HopView): readonly RuleView[] {
  const hop = event ?? hops[index];
  if (hop === undefined) return [];
  const groups: (readonly RuleView[])[] = [];
  for (let i = index; i >= 0; i -= 1) {
    const one = hops[i] as HopView;
    if (one.event.packetId !== hop.event.packetId) continue;
    if (one.event.netns !== hop.event.netns) break;
    groups.push(event !== undefined && i === index ? event.rules : one.rules);
    if (one.hop === 1) break;
  }
  return groups.reverse().flat();
}

function Rules({ rules, current }: { readonly rules: readonly RuleView[]; readonly current: readonly RuleView[] }) {
  const playground = usePlayground();
  if (rules.length === 0) return null;
  return (
    <>
      <h3 className={styles.heading}>Rules that matched</h3>
      <ol className={styles.rules}>
        {withKeys(rules, (rule) => `${rule.chain} ${rule.text}`).map(({ key, item: rule }) => {
          const { link } = rule;
          const line = (
            <>
              <span className={styles.chain}>{rule.chain}</span> {rule.outcome}
              {rule.probability === undefined ? null : <span className={styles.probability}> p={rule.probability.toFixed(2)}</span>}
            </>
          );
          return (
            <li key={key} className={current.includes(rule) ? undefined : styles.earlier}>
              {link === undefined ? (
                <span title={rule.text}>{line}</span>
              ) : (
                <button type="button" title={`${rule.table}: ${rule.text}`} onClick={() => playground.select(link)}>
                  {line}
                </button>
              )}
            </li>
          );
        })}
      </ol>
    </>
  );
}

function Route({ hop }: { readonly hop: HopView }) {
  const { step } = hop.event;
  const route = step.kind === 'routed' ? step.route : step.kind === 'dropped' ? step.route : undefined;
  if (route === undefined) return null;
  return (
    <>
      <h3 className={styles.heading}>Route that decided</h3>
      <p className={styles.route}>
        <code>{route.text}</code>
        <span className={styles.origin}>
          {' '}
          /{route.prefixLength}, table {route.table === 254 ? 'main' : route.table === 255 ? 'local' : route.table}, written by {route.origin.component}
        </span>
      </p>
    </>
  );
}

const decidesByTable = ({ event: { step } }: HopView): boolean =>
  step.kind === 'routed' ||
  (step.kind === 'matched' && step.rule !== undefined) ||
  (step.kind === 'dropped' && (step.rule !== undefined || /NOROUTES$/.test(step.reason)));

export function HopPanel() {
  const playground = usePlayground();
  const { hops, index, hop } = useCurrentHop();
  const numbers = useMemo(() => packetNumbers(hops), [hops]);
  const { stop } = usePlaybackSnapshot();
  const rules = useMemo(() => (stop?.hop === undefined ? rulesSoFar(hops, index) : rulesSoFar(hops, stop.of, stop.hop)), [hops, index, stop]);
  if (hop === undefined) {
    return (
      <div className={styles.empty}>
        <p>{hops.length === 0 ? 'No packet is on its way.' : 'Before the first hop.'}</p>
        <p>Press play, or step forward with →. Click a box to see its tables.</p>
      </div>
    );
  }
  const startNs = hops[0]?.event.timeNs ?? 0;
  const unit = unitFor((hops[hops.length - 1]?.event.timeNs ?? 0) - startNs);
  const time = `${formatTime(hop.event.timeNs - startNs, unit)} ${unit.name}`;
  const number = numbers.get(hop.event.packetId);
  const { yaml } = hop;
  return (
    <div className={styles.hop}>
      <p className={styles.over}>
        {number === undefined ? time : `${stop === undefined ? '' : `EVENT ${stop.seq} · `}PACKET ${number} · HOP ${hop.hop} of ${hop.hops} · ${time}`}
      </p>
      <h2 className={styles.title} data-drop={hop.family === 'drop'}>
        {hop.family === 'drop' ? '✕ ' : ''}
        {hop.title}
      </h2>
      <p className={styles.where}>{hop.where}</p>
      {hop.why.length === 0 ? null : (
        <p className={styles.why} data-family={hop.family}>
          <Words phrases={hop.why} />
        </p>
      )}
      {hop.fix === undefined ? null : (
        <p className={styles.fix}>
          <strong>What would fix it: </strong>
          <Words phrases={hop.fix} />
        </p>
      )}
      {hop.family === 'drop' || hop.event.step.kind === 'tls' ? (
        <Suspense fallback={null}>
          <DropHelp hop={hop} />
        </Suspense>
      ) : null}
      {yaml === undefined ? null : (
        <button type="button" className={styles.yaml} onClick={() => playground.revealPlace(yaml.file, yaml.span.startOffset, yaml.span.endOffset)}>
          YAML behind it: {yaml.file}:{yaml.span.startLine}
        </button>
      )}
      {hop.event.layers.length === 0 ? null : <LayerCake layers={hop.event.layers} before={hop.before} />}
      <Route hop={hop} />
      <Rules rules={rules} current={hop.rules} />
      {decidesByTable(hop) ? (
        <Suspense fallback={null}>
          <HopContext key={hop.event.seq} seq={hop.event.seq} />
        </Suspense>
      ) : null}
    </div>
  );
}
