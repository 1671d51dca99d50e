/** Transport and track of the run that is looked at; below them, loaded when they are there, the views of the run. */
import { lazy } from 'react';
import { Settled } from '../shell/Settled.tsx';
import { usePlayground } from '../state/context.ts';
import { Scrubber } from './Scrubber.tsx';
import styles from './Timeline.module.css';
import { Transport } from './Transport.tsx';

const MomentPill = lazy(() => import('./MomentPill.tsx').then((module) => ({ default: module.MomentPill })));
const TimeMenu = lazy(() => import('./TimeMenu.tsx').then((module) => ({ default: module.TimeMenu })));
const Views = lazy(() => import('./views/Views.tsx').then((module) => ({ default: module.Views })));

export function Timeline() {
  const playground = usePlayground();
  return (
    <section
      className={styles.timeline}
      aria-label="Timeline"
      onDragOver={(event) => {
        if (event.dataTransfer.types.includes('Files')) event.preventDefault();
      }}
      onDrop={(event) => {
        const file = event.dataTransfer.files[0];
        if (file === undefined) return;
        event.preventDefault();
        void import('./captures.ts').then(({ openCapture }) => openCapture(playground, file));
      }}
    >
      <div className={styles.controls}>
        <Transport />
        <Settled>
          <TimeMenu />
        </Settled>
        <Scrubber />
        <Settled>
          <MomentPill />
        </Settled>
      </div>
      <Settled meanwhile={<div className={styles.tools} />}>
        <Views />
      </Settled>
    </section>
  );
}
