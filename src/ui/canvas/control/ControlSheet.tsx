/** The control plane in words: the API server's revision, who has not heard of everything, and the last steps from a Deployment to the rules on each node. */
import type { ControlPlaneView } from '../../../world/views.ts';
import { withKeys } from '../../shell/with-keys.ts';
import { usePlayground } from '../../state/context.ts';
import styles from '../bar/CanvasBar.module.css';
import { Sheet } from '../bar/Sheet.tsx';
import own from './ControlSheet.module.css';

const MAX_SHOWN = 120;

const seconds = (ns: number): string => `${(ns / 1e9).toFixed(3)} s`;

export function ControlSheet({ view, onClose }: { readonly view: ControlPlaneView | undefined; readonly onClose: () => void }) {
  const playground = usePlayground();
  const late = view?.watchers.filter((one) => one.waiting > 0) ?? [];
  const steps = view?.steps.slice(-MAX_SHOWN).reverse() ?? [];
  return (
    <Sheet label="Control plane" low onClose={onClose}>
      <div className={own.head}>
        <strong>API server</strong>
        <span>revision {view?.revision ?? '…'}</span>
        <button type="button" className={styles.plain} onClick={onClose}>
          Close
        </button>
      </div>
      <p className={styles.note}>
        {view === undefined
          ? 'Asking …'
          : late.length === 0
            ? `${view.watchers.length} components watch it, and all have heard of everything.`
            : `Of ${view.watchers.length} watches ${late.length} ${late.length === 1 ? 'has' : 'have'} not heard of everything:`}
      </p>
      {late.length === 0 ? null : (
        <ul className={own.late}>
          {late.map((one) => (
            <li key={`${one.component} ${one.host ?? ''}`}>
              <strong>{one.component}</strong>
              {one.host === undefined ? '' : ` on ${one.host}`}: {one.stopped === true ? 'does not listen, ' : ''}has seen {one.seen}, {one.waiting}{' '}
              {one.waiting === 1 ? 'object' : 'objects'} behind
              {one.arrivesNs === undefined ? '' : `, next at ${seconds(one.arrivesNs)}`}
            </li>
          ))}
        </ul>
      )}
      <h2 className={own.title}>What was done, the newest first</h2>
      {steps.length === 0 ? <p className={styles.note}>Nothing since the cluster was found. Change a number of replicas, and watch.</p> : null}
      <ol className={own.steps}>
        {withKeys(steps, (step) => `${step.seq} ${step.sentence} ${step.revision ?? ''}`).map(({ key, item: step }) => (
          <li key={key}>
            <button
              type="button"
              onClick={() =>
                playground.select(
                  step.objectKey === undefined ? { kind: 'netns', id: `${step.host ?? ''}/netns/root` } : { kind: 'object', key: step.objectKey },
                )
              }
            >
              <span className={own.when}>
                {seconds(step.timeNs)}
                {step.revision === undefined ? '' : ` · ${step.revision}`}
              </span>
              <span className={own.by}>{step.by}</span> {step.verb} {step.objectKey === undefined ? `on ${step.host ?? ''}` : step.objectKey.replace('/', ' ')}
              {step.detail === '' ? null : <span className={own.detail}> {step.detail}</span>}
            </button>
          </li>
        ))}
      </ol>
    </Sheet>
  );
}
