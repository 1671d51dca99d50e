/** At a drop: the way to the question behind it, and to the page about its reason. At a handshake that a browser would not have gone through with: what it would say. */
import { lazy, Suspense } from 'react';
import type { HopView } from '../../world/views.ts';
import { usePlayground } from '../state/context.ts';
import styles from './Why.module.css';

const TlsWarningCard = lazy(() => import('./TlsWarningCard.tsx').then((module) => ({ default: module.TlsWarningCard })));

export function DropHelp({ hop }: { readonly hop: HopView }) {
  const playground = usePlayground();
  const { step, seq } = hop.event;
  if (step.kind === 'tls' && step.warning !== undefined)
    return (
      <Suspense fallback={null}>
        <TlsWarningCard warning={step.warning} />
      </Suspense>
    );
  if (step.kind !== 'dropped' || step.reason === 'OTHERHOST') return null;
  const why = async () => {
    const question = await playground.client.call('questionAt', seq).catch(() => null);
    if (question === null) playground.notify('This packet was not sent by a program to somebody: there is no question behind it.');
    else playground.ask(question);
  };
  return (
    <div className={styles.buttons}>
      <button type="button" className={styles.primary} onClick={() => void why()}>
        Why, and what would fix it?
      </button>
      <button type="button" className={styles.secondary} onClick={() => playground.session.setState({ dialog: 'drop', drop: step.reason })}>
        About {step.reason}
      </button>
    </div>
  );
}
