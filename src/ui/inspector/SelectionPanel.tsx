/** The selected box or object: its tables at the playhead's moment, or its live YAML, conditions and events. */
import { lazy, Suspense, useMemo, useState } from 'react';
import type { LinkTarget, ObjectInspection } from '../../world/views.ts';
import { StaticText } from '../editor/StaticText.tsx';
import { openConnectionsText } from '../shell/open-connections.ts';
import { Segmented } from '../shell/Segmented.tsx';
import { withKeys } from '../shell/with-keys.ts';
import { useCurrentHop, usePlaybackSnapshot, usePlayground, useSession } from '../state/context.ts';
import styles from './Inspector.module.css';
import { useInspection } from './use-inspection.ts';

const NetnsTables = lazy(() => import('./NetnsTables.tsx').then((module) => ({ default: module.NetnsTables })));
const TrafficPane = lazy(() => import('./TrafficPane.tsx').then((module) => ({ default: module.TrafficPane })));
const ServicePaths = lazy(() => import('./ServicePaths.tsx').then((module) => ({ default: module.ServicePaths })));

function ObjectPanel({ inspection, atSeq }: { readonly inspection: ObjectInspection; readonly atSeq: number | undefined }) {
  const playground = usePlayground();
  const { source, netns } = inspection;
  return (
    <>
      <p className={styles.over}>{inspection.key}</p>
      <h2 className={styles.title}>{inspection.title}</h2>
      <p className={styles.where}>{inspection.subtitle}</p>
      <div className={styles.actions}>
        {source === undefined ? (
          <span className={styles.origin}>No text of yours: a controller made it.</span>
        ) : (
          <button type="button" className={styles.yaml} onClick={() => playground.revealPlace(source.file, source.span.startOffset, source.span.endOffset)}>
            {source.file}:{source.span.startLine}
          </button>
        )}
        {/^(?:Pod|Service)\//.test(inspection.key) ? (
          <button
            type="button"
            className={styles.yaml}
            onClick={() => playground.ask({ from: '', to: inspection.key.replace(/^(Pod|Service)/, (kind) => kind.toLowerCase()) })}
          >
            Who reaches it?
          </button>
        ) : null}
        {/^(?:Pod|Namespace)\//.test(inspection.key) ? (
          <button type="button" className={styles.yaml} onClick={() => playground.session.setState({ dialog: 'suggest' })}>
            Suggest a policy
          </button>
        ) : null}
      </div>
      {/^(?:Pod|Service|Host)\//.test(inspection.key) ? <TrafficOf key={inspection.key} objectKey={inspection.key} /> : null}
      {inspection.policy === undefined ? null : (
        <p className={styles.where}>
          {inspection.policy.sentence} {openConnectionsText(inspection.policy.openConnections)}
        </p>
      )}
      {inspection.conditions.length === 0 ? null : (
        <>
          <h3 className={styles.heading}>Conditions</h3>
          <ul className={styles.conditions}>
            {inspection.conditions.map((condition) => (
              <li key={condition.type} data-status={condition.status}>
                <strong>{condition.type}</strong> {condition.status}
                {condition.reason === '' ? '' : ` · ${condition.reason}`}
                {condition.message === '' ? '' : `: ${condition.message}`}
              </li>
            ))}
          </ul>
        </>
      )}
      {inspection.events.length === 0 ? null : (
        <>
          <h3 className={styles.heading}>Events</h3>
          <ul className={styles.conditions}>
            {withKeys(inspection.events.slice(-30), (event) => `${event.reason} ${event.message}`).map(({ key, item: event }) => (
              <li key={key} data-status={event.type === 'Warning' ? 'False' : 'True'}>
                <strong>{event.reason}</strong> {event.message}
              </li>
            ))}
          </ul>
        </>
      )}
      {inspection.paths === undefined ? null : (
        <>
          <h3 className={styles.heading}>Where its connections go</h3>
          <Suspense fallback={null}>
            <ServicePaths paths={inspection.paths} />
          </Suspense>
        </>
      )}
      {netns === undefined ? null : <NetnsOf id={netns} atSeq={atSeq} />}
      <details className={styles.live}>
        <summary>Live object</summary>
        <StaticText text={inspection.yaml} />
      </details>
    </>
  );
}

function TrafficOf({ objectKey }: { readonly objectKey: string }) {
  return (
    <Suspense fallback={null}>
      <TrafficPane objectKey={objectKey} />
    </Suspense>
  );
}

function NetnsOf({ id, atSeq }: { readonly id: string; readonly atSeq: number | undefined }) {
  const target = useMemo((): LinkTarget => ({ kind: 'netns', id }), [id]);
  const state = useInspection(target, atSeq);
  return state?.inspection?.kind === 'netns' ? (
    <Suspense fallback={null}>
      <NetnsTables inspection={state.inspection} target={undefined} />
    </Suspense>
  ) : null;
}

function When({ past, onChange }: { readonly past: boolean; readonly onChange: (past: boolean) => void }) {
  return (
    <div className={styles.when}>
      <Segmented
        label="Moment"
        value={past ? 'playhead' : 'now'}
        options={[
          ['playhead', 'At the playhead'],
          ['now', 'Now'],
        ]}
        onChange={(value) => onChange(value === 'playhead')}
      />
    </div>
  );
}

export function SelectionPanel() {
  const target = useSession((session) => session.selection);
  const { hops, index } = useCurrentHop();
  const { event } = usePlaybackSnapshot();
  const run = useSession((session) => session.run);
  const runs = useSession((session) => session.runs);
  // Tables are looked at to follow a packet; objects to see what an edit has made of them.
  const [chosen, setChosen] = useState<boolean | undefined>(undefined);
  // At the end of the last run the playhead is the present.
  const inPast = hops.length > 0 && (index < hops.length - 1 || event !== undefined || run !== runs[runs.length - 1]);
  const past = inPast && (chosen ?? target?.kind !== 'object');
  const atSeq = !past ? undefined : event !== undefined ? event : index < 0 ? (hops[0]?.event.seq ?? 1) - 1 : hops[index]?.event.seq;
  const state = useInspection(target, atSeq);
  if (target === undefined) return <p className={styles.empty}>Click a box on the canvas, or an address in the terminal.</p>;
  const when = inPast ? <When past={past} onChange={setChosen} /> : null;
  if (state === undefined) return <p className={styles.empty}>Looking …</p>;
  const { inspection } = state;
  if (inspection === null) {
    return (
      <>
        {when}
        <p className={styles.empty}>It does not exist {past ? 'at this moment of the log' : 'any more'}.</p>
      </>
    );
  }
  if (inspection.kind === 'object') {
    return (
      <>
        {when}
        <ObjectPanel inspection={inspection} atSeq={atSeq} />
      </>
    );
  }
  const { netns } = inspection;
  return (
    <>
      {when}
      <p className={styles.over}>{netns.type === 'pod' ? 'POD NETNS' : 'HOST NETNS'}</p>
      <h2 className={styles.title}>{target.kind === 'device' ? `${netns.title} · ${target.id.split('/').at(-1)}` : netns.title}</h2>
      <p className={styles.where}>
        {netns.ip}
        {netns.namespace === undefined ? '' : ` · namespace ${netns.namespace}`}
        {netns.phase === undefined ? '' : ` · ${netns.phase}`}
      </p>
      {netns.objectKey === undefined || target.kind === 'device' ? null : <TrafficOf key={netns.objectKey} objectKey={netns.objectKey} />}
      <Suspense fallback={null}>
        <NetnsTables inspection={inspection} target={target} />
      </Suspense>
    </>
  );
}
