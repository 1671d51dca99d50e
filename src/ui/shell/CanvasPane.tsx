/** The canvas with its one line of words. */
import { lazy, Suspense, useCallback } from 'react';
import type { LinkTarget } from '../../world/views.ts';
import { Canvas } from '../canvas/Canvas.tsx';
import type { CanvasTools } from '../canvas/contract.ts';
import { useBoxes, useDocument, usePlayground, useSession } from '../state/context.ts';
import { NowLine } from './NowLine.tsx';
import { Settled } from './Settled.tsx';
import styles from './Shell.module.css';

const ReachSheet = lazy(() => import('../why/ReachSheet.tsx').then((module) => ({ default: module.ReachSheet })));
const PastBanner = lazy(() => import('../timeline/PastBanner.tsx').then((module) => ({ default: module.PastBanner })));
const PolicyLens = lazy(() => import('../canvas/policy-lens/PolicyLens.tsx').then((module) => ({ default: module.PolicyLens })));
const CanvasBar = lazy(() => import('../canvas/bar/CanvasBar.tsx').then((module) => ({ default: module.CanvasBar })));

/** `quiet`: the line of words is shown elsewhere. */
export function CanvasPane({ quiet = false }: { readonly quiet?: boolean }) {
  const playground = usePlayground();
  const topology = useBoxes();
  const lens = useSession((session) => session.lens);
  const selection = useSession((session) => session.selection);
  const matrix = useSession((session) => session.matrix !== undefined);
  const positions = useDocument((document) => document.positions);
  const onSelect = useCallback((target: LinkTarget | undefined) => playground.select(target), [playground]);
  const onMove = useCallback((id: string, offset: readonly [number, number]) => playground.moveBox(id, offset), [playground]);
  const arrangement = useSession((session) => session.arrangement);
  const mode = useSession((session) => session.mode);
  const tools = useCallback(
    (box: CanvasTools) => (
      <Settled>
        {lens === 'policy' ? <PolicyLens tools={box} /> : null}
        <CanvasBar tools={box} />
      </Settled>
    ),
    [lens],
  );
  return (
    <section className={styles.canvas} aria-label="Canvas">
      <Canvas
        topology={topology}
        lens={lens}
        playback={playground.playback}
        positions={positions}
        selection={selection}
        arrangement={arrangement}
        embedded={false}
        tools={mode === 'present' ? undefined : tools}
        onSelect={onSelect}
        onMove={onMove}
      />
      {matrix ? (
        <Suspense fallback={null}>
          <ReachSheet />
        </Suspense>
      ) : null}
      <Settled>
        <PastBanner />
      </Settled>
      {quiet ? null : <NowLine />}
    </section>
  );
}
