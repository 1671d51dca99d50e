/** The canvas with its one line of words. */
import { lazy, Suspense, useCallback, useMemo } from 'react';
import type { LinkTarget } from '../../world/views.ts';
import { Canvas } from '../canvas/Canvas.tsx';
import type { CanvasTools } from '../canvas/contract.ts';
import { useBoxes, useDocument, useMirror, usePlayground, useSession } from '../state/context.ts';
import { NowLine } from './NowLine.tsx';
import styles from './Shell.module.css';

const ReachSheet = lazy(() => import('../why/ReachSheet.tsx').then((module) => ({ default: module.ReachSheet })));
const PastBanner = lazy(() => import('../timeline/PastBanner.tsx').then((module) => ({ default: module.PastBanner })));
const Workbench = lazy(() => import('../canvas/workbench/Workbench.tsx').then((module) => ({ default: module.Workbench })));

/** `quiet`: the line of words is shown elsewhere. */
export function CanvasPane({ quiet = false }: { readonly quiet?: boolean }) {
  const playground = usePlayground();
  const topology = useBoxes();
  const list = useMirror((mirror) => mirror.deliveries);
  const { mirror } = playground;
  const deliveries = useMemo(() => (list.length === 0 ? undefined : { list, nowNs: mirror.getState().nowNs, receivedMs: performance.now() }), [list, mirror]);
  const lens = useSession((session) => session.lens);
  const selection = useSession((session) => session.selection);
  const matrix = useSession((session) => session.matrix !== undefined);
  const positions = useDocument((document) => document.positions);
  const onSelect = useCallback((target: LinkTarget | undefined) => playground.select(target), [playground]);
  const onMove = useCallback((id: string, offset: readonly [number, number]) => playground.moveBox(id, offset), [playground]);
  const building = useSession((session) => session.building && session.mode === 'play');
  const mode = useSession((session) => session.mode);
  const tools = useCallback(
    (box: CanvasTools) =>
      building ? (
        <Suspense fallback={null}>
          <Workbench tools={box} onClose={() => playground.session.setState({ building: false })} />
        </Suspense>
      ) : (
        <button
          type="button"
          className={styles.build}
          title="Add pods, draw policies, cut wires"
          onClick={() => playground.session.setState({ building: true })}
        >
          + Build
        </button>
      ),
    [building, playground],
  );
  return (
    <section className={styles.canvas} aria-label="Canvas">
      <Canvas
        topology={topology}
        lens={lens}
        playback={playground.playback}
        positions={positions}
        selection={selection}
        deliveries={deliveries}
        embedded={false}
        tools={mode === 'play' ? tools : undefined}
        onSelect={onSelect}
        onMove={onMove}
      />
      {list.length === 0 ? null : (
        <ul className="visually-hidden" aria-label="Changes on their way">
          {list.slice(0, 20).map((one) => (
            <li key={`${one.component} ${one.host ?? ''} ${one.objectKey} ${one.sentNs}`}>{one.sentence}</li>
          ))}
        </ul>
      )}
      {matrix ? (
        <Suspense fallback={null}>
          <ReachSheet />
        </Suspense>
      ) : null}
      <Suspense fallback={null}>
        <PastBanner />
      </Suspense>
      {quiet ? null : <NowLine />}
    </section>
  );
}
