/** The canvas: rooms, boxes and wires in React Flow, everything that moves on one canvas above it, exact to its viewport. */
import { Background, Handle, type NodeProps, type OnNodeDrag, Position, ReactFlow, ReactFlowProvider, useReactFlow, useStore } from '@xyflow/react';
import '@xyflow/react/dist/base.css';
import { lazy, memo, Suspense, useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from 'react';
import type { LinkTarget } from '../../world/views.ts';
import { readPalette, watchPalette } from '../theme/theme.ts';
import type { Backdrop } from './backdrop.ts';
import { CanvasControls } from './CanvasControls.tsx';
import styles from './canvas.module.css';
import { fitView, type Margins, MIN_ZOOM, type Size } from './choose-layout.ts';
import type { CanvasProps, CanvasTools } from './contract.ts';
import { fitTexts } from './fit-texts.ts';
import { type FlowNode, flowOf, flowOfMounted, type GripNode, isMovable, itemIdOfGrip, type SceneNode, type WireEdge } from './flow.ts';
import { hitTest, itemOfTarget } from './hit-test.ts';
import { lensOpacity } from './lens.ts';
import { lodAt } from './lod.ts';
import { Outline } from './Outline.tsx';
import { Overlay } from './overlay.ts';
import { policyPicture, reachOf } from './policy.ts';
import { PaintedShapes } from './Shapes.tsx';
import { centre, type Item } from './scene.ts';
import { fontsOf, useBackdrop, useMounted } from './use-large.ts';
import { useScene, useSize } from './use-scene.ts';

const PolicyPanel = lazy(() => import('./PolicyPanel.tsx').then((module) => ({ default: module.PolicyPanel })));
const Minimap = lazy(() => import('./Minimap.tsx').then((module) => ({ default: module.Minimap })));

/** Below there is room for the line that says what happens, above for the bar. */
const margins: Margins = { top: 50, right: 18, bottom: 58, left: 18 };
const MAX_ZOOM = 6;
const MAX_OFFSET = 20_000;
const FIT_MS = 220;

const SceneBox = memo(function SceneBox({ data }: NodeProps<SceneNode>) {
  const { x, y, w, h } = data.rect;
  return (
    <div className={styles.node}>
      <Handle type="source" position={Position.Bottom} isConnectable={false} className={styles.handle} />
      <Handle type="target" position={Position.Top} isConnectable={false} className={styles.handle} />
      <svg width={w} height={h} viewBox={`${x} ${y} ${w} ${h}`} aria-hidden="true">
        <PaintedShapes painted={data.painted} />
      </svg>
    </div>
  );
});

const Grip = memo(function Grip(_: NodeProps<GripNode>) {
  return <div className={styles.grip} />;
});

const WirePath = memo(function WirePath({ data }: { readonly data?: WireEdge['data'] }) {
  return <PaintedShapes painted={data?.painted ?? []} />;
});

const nodeTypes = { scene: SceneBox, grip: Grip };
const edgeTypes = { wire: WirePath };

const clampOffset = (value: number) => Math.max(-MAX_OFFSET, Math.min(MAX_OFFSET, Math.round(value)));
const reducedMotion = () => matchMedia('(prefers-reduced-motion: reduce)').matches;

/** Hands React Flow's viewport to the overlay in the very commit that moves the boxes. */
function OverlaySync({
  overlay,
  backdrop,
  size,
  drawing,
}: {
  readonly overlay: Overlay | undefined;
  readonly backdrop: Backdrop | undefined;
  readonly size: Size;
  readonly drawing: React.RefObject<HTMLDivElement | null>;
}) {
  const transform = useStore((state) => state.transform);
  const fitting = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  useLayoutEffect(() => {
    const [x, y, zoom] = transform;
    // Drawn before any style changes: a canvas that is told its font has the page's styles worked out there and then.
    const view = { x, y, zoom, width: size.width, height: size.height, ratio: Math.min(3, devicePixelRatio || 1) };
    backdrop?.setView(view);
    backdrop?.draw();
    overlay?.setView(view);
    overlay?.draw();
    const element = drawing.current;
    if (element !== null) {
      const lod = lodAt(zoom);
      if (element.dataset.lod !== lod.name) element.dataset.lod = lod.name;
      if (element.style.getPropertyValue('--k') !== String(lod.k)) {
        element.style.setProperty('--k', String(lod.k));
        // Measuring many texts costs a frame: in a large world it waits until the zoom rests.
        clearTimeout(fitting.current);
        if (backdrop === undefined) fitTexts(element);
        else fitting.current = setTimeout(() => fitTexts(element), FIT_MS);
      }
    }
  }, [transform, overlay, backdrop, size, drawing]);
  return null;
}

function CanvasInside({ topology, lens, playback, positions, selection, arrangement, embedded, tools, onSelect, onMove }: CanvasProps) {
  const frame = useRef<HTMLDivElement>(null);
  const drawing = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const tip = useRef<HTMLDivElement>(null);
  const flow = useReactFlow();
  const size = useSize(frame);
  const [drag, setDrag] = useState<{ readonly id: string; readonly offset: readonly [number, number] } | undefined>(undefined);
  const dragStart = useRef<{ x: number; y: number; offset: readonly [number, number] } | undefined>(undefined);
  const placed = useMemo(() => (drag === undefined ? positions : { ...positions, [drag.id]: drag.offset }), [positions, drag]);
  const scene = useScene(topology, placed, size, margins, arrangement);
  const under = useRef<HTMLCanvasElement>(null);
  const mounted = useMounted(scene, size);
  const backdrop = useBackdrop(under, scene);
  const grounds = backdrop === undefined;
  const { nodes, edges } = useMemo(() => (mounted === undefined ? flowOf(scene, grounds) : flowOfMounted(scene, mounted)), [scene, grounds, mounted]);
  const [overlay, setOverlay] = useState<Overlay | undefined>(undefined);
  const [focused, setFocused] = useState<string | undefined>(undefined);
  const hovered = useRef<string | undefined>(undefined);
  const movedByHand = useRef(false);
  const selected = useMemo(() => (selection === undefined ? undefined : itemOfTarget(scene, selection)), [scene, selection]);

  useEffect(() => {
    const element = canvas.current;
    if (element === null) return;
    const made = new Overlay(element, playback, readPalette(element), fontsOf(element));
    setOverlay(made);
    const repaint = () => {
      made.setPalette(readPalette(element), fontsOf(element));
      made.draw();
    };
    const stopWatching = watchPalette(repaint);
    const stopPlayback = playback.subscribe(() => made.draw());
    // Letters are drawn and measured anew with the real face as soon as it is there.
    const onFonts = () => {
      repaint();
      if (drawing.current !== null) fitTexts(drawing.current);
    };
    document.fonts?.addEventListener('loadingdone', onFonts);
    return () => {
      document.fonts?.removeEventListener('loadingdone', onFonts);
      stopWatching();
      stopPlayback();
      setOverlay(undefined);
    };
  }, [playback]);

  useLayoutEffect(() => {
    overlay?.setScene(scene);
    overlay?.draw();
    if (drawing.current !== null) fitTexts(drawing.current);
  }, [overlay, scene]);

  useLayoutEffect(() => {
    backdrop?.setScene(scene, mounted, lensOpacity(lens, 'uplink'));
    backdrop?.draw();
  }, [backdrop, scene, mounted, lens]);

  const policy = useMemo(() => (lens === 'policy' ? policyPicture(topology) : undefined), [lens, topology]);
  const mark = useCallback(() => {
    const from = hovered.current ?? selected?.id;
    overlay?.setMarks({
      selected: selected?.id,
      focused,
      hovered: hovered.current,
      ...(policy === undefined || from === undefined ? {} : { reach: reachOf(policy, from) }),
    });
    overlay?.draw();
  }, [overlay, selected, focused, policy]);
  useLayoutEffect(mark, [mark]);

  const fitAll = useCallback(
    (animate: boolean) => {
      if (size.width === 0) return;
      movedByHand.current = false;
      const view = fitView(scene.bounds, size, margins);
      void flow.setViewport(view, animate && !reducedMotion() ? { duration: FIT_MS } : {});
    },
    [flow, scene.bounds, size],
  );
  const fitted = useRef(false);
  // Follow growth and resizing until a person has chosen a view of their own.
  useLayoutEffect(() => {
    if (movedByHand.current || drag !== undefined || size.width === 0) return;
    fitAll(fitted.current);
    fitted.current = true;
  }, [fitAll, drag, size.width]);

  const show = useCallback(
    (item: Item | undefined) => {
      if (item === undefined || size.width === 0) return;
      const { x, y, zoom } = flow.getViewport();
      const left = item.rect.x * zoom + x;
      const top = item.rect.y * zoom + y;
      const right = left + item.rect.w * zoom;
      const bottom = top + item.rect.h * zoom;
      const dx = left < 8 ? 16 - left : right > size.width - 8 ? size.width - 16 - right : 0;
      const dy = top < 8 ? 16 - top : bottom > size.height - 8 ? size.height - 16 - bottom : 0;
      if (dx === 0 && dy === 0) return;
      movedByHand.current = true;
      void flow.setViewport({ x: x + dx, y: y + dy, zoom }, reducedMotion() ? {} : { duration: FIT_MS });
    },
    [flow, size],
  );
  const onGo = useCallback(() => {
    movedByHand.current = true;
  }, []);
  const onFocus = useCallback(
    (id: string | undefined) => {
      setFocused(id);
      if (id !== undefined) show(scene.itemById.get(id));
    },
    [scene, show],
  );

  const hitAt = useCallback(
    (event: { readonly clientX: number; readonly clientY: number }) =>
      hitTest(scene, flow.screenToFlowPosition({ x: event.clientX, y: event.clientY }), flow.getZoom()),
    [scene, flow],
  );
  const intercepting = useRef<((item: Item | undefined) => void) | undefined>(undefined);
  const toolbox = useMemo(
    (): CanvasTools => ({
      scene,
      overlay,
      frame: frame.current,
      current: (focused === undefined ? undefined : scene.itemById.get(focused)) ?? selected,
      itemAt: (event) => {
        const hit = hitAt(event);
        return hit?.kind === 'item' ? hit.item : undefined;
      },
      wireEndAt: (event) => {
        const hit = hitAt(event);
        return hit?.kind === 'wire' ? scene.itemById.get(hit.wire.from) : undefined;
      },
      screenOf: (item) => {
        const { x, y, zoom } = flow.getViewport();
        const middle = centre(item.rect);
        return { x: middle.x * zoom + x, y: middle.y * zoom + y };
      },
      intercept: (choose) => {
        intercepting.current = choose;
        return () => {
          intercepting.current = undefined;
        };
      },
    }),
    [scene, overlay, focused, selected, hitAt, flow],
  );
  const onChoose = useCallback(
    (target: LinkTarget | undefined) => {
      if (intercepting.current === undefined) onSelect(target);
      else intercepting.current(target === undefined ? undefined : itemOfTarget(scene, target));
    },
    [scene, onSelect],
  );
  const onClick = useCallback(
    (event: React.MouseEvent) => {
      const hit = hitAt(event);
      onSelect(hit === undefined ? undefined : hit.kind === 'item' ? hit.item.target : hit.wire.target);
    },
    [hitAt, onSelect],
  );
  const onPointerMove = useCallback(
    (event: React.PointerEvent) => {
      const element = tip.current;
      const area = frame.current;
      if (element === null || area === null || event.pointerType === 'touch') return;
      // What lies on the canvas hides what is under it from the hand too.
      const covered = event.target instanceof Element && event.target.closest('[data-panel]') !== null;
      const hit = event.buttons === 0 && !covered ? hitAt(event) : undefined;
      const id = hit?.kind === 'item' && hit.item.kind !== 'room' ? hit.item.id : undefined;
      const words = hit === undefined ? '' : hit.kind === 'wire' ? hit.wire.spoken : hit.item.kind === 'room' ? '' : hit.item.spoken;
      element.hidden = words === '';
      if (words !== '') {
        if (element.textContent !== words) element.textContent = words;
        const box = area.getBoundingClientRect();
        const left = Math.min(event.clientX - box.left + 14, box.width - element.offsetWidth - 8);
        const above = event.clientY - box.top + 20 + element.offsetHeight > box.height;
        element.style.transform = `translate(${Math.max(8, left)}px, ${event.clientY - box.top + (above ? -element.offsetHeight - 10 : 18)}px)`;
      }
      if (hovered.current === id) return;
      hovered.current = id;
      mark();
    },
    [hitAt, mark],
  );
  const onPointerLeave = useCallback(() => {
    if (tip.current !== null) tip.current.hidden = true;
    hovered.current = undefined;
    mark();
  }, [mark]);

  const nudge = useCallback(
    (item: Item, dx: number, dy: number) => {
      if (!isMovable(item)) return;
      const [x, y] = positions[item.id] ?? [0, 0];
      onMove(item.id, [clampOffset(x + dx), clampOffset(y + dy)]);
    },
    [positions, onMove],
  );
  const putBack = useCallback((item: Item) => onMove(item.id, [0, 0]), [onMove]);

  const onNodeDragStart: OnNodeDrag<FlowNode> = useCallback(
    (_, node) => {
      const id = itemIdOfGrip(node.id);
      dragStart.current = { x: node.position.x, y: node.position.y, offset: positions[id] ?? [0, 0] };
    },
    [positions],
  );
  const onNodeDrag: OnNodeDrag<FlowNode> = useCallback((_, node) => {
    const start = dragStart.current;
    if (start === undefined) return;
    setDrag({
      id: itemIdOfGrip(node.id),
      offset: [clampOffset(start.offset[0] + node.position.x - start.x), clampOffset(start.offset[1] + node.position.y - start.y)],
    });
  }, []);
  const onNodeDragStop = useCallback(() => {
    dragStart.current = undefined;
    if (drag !== undefined) onMove(drag.id, drag.offset);
    movedByHand.current = true;
    setDrag(undefined);
  }, [drag, onMove]);

  return (
    <div ref={frame} className={styles.canvas} data-testid="canvas" onPointerMove={onPointerMove} onPointerLeave={onPointerLeave}>
      <Outline scene={scene} focused={focused} selected={selected?.id} onFocus={onFocus} onSelect={onChoose} onNudge={nudge} />
      <canvas ref={under} className={styles.backdrop} />
      <div ref={drawing} className={styles.drawing} data-lens={lens} data-lod="near" aria-hidden="true">
        <ReactFlow<FlowNode, WireEdge>
          nodes={nodes}
          edges={edges}
          nodeTypes={nodeTypes}
          edgeTypes={edgeTypes}
          onPaneClick={onClick}
          onNodeClick={onClick}
          onNodeDragStart={onNodeDragStart}
          onNodeDrag={onNodeDrag}
          onNodeDragStop={onNodeDragStop}
          onMoveStart={(event) => {
            if (event !== null) movedByHand.current = true;
          }}
          panActivationKeyCode={null}
          zoomActivationKeyCode={null}
          minZoom={MIN_ZOOM}
          maxZoom={MAX_ZOOM}
          nodesConnectable={false}
          nodesFocusable={false}
          edgesFocusable={false}
          elementsSelectable={false}
          disableKeyboardA11y
          selectNodesOnDrag={false}
          selectionKeyCode={null}
          multiSelectionKeyCode={null}
          deleteKeyCode={null}
          zoomOnDoubleClick={false}
          zoomOnScroll={!embedded}
          preventScrolling={!embedded}
          nodeDragThreshold={4}
          proOptions={{ hideAttribution: true }}
        >
          {scene.tiles.length === 0 ? <Background gap={24} size={1.6} color="var(--line)" /> : null}
          <OverlaySync overlay={overlay} backdrop={backdrop} size={size} drawing={drawing} />
        </ReactFlow>
      </div>
      <canvas ref={canvas} className={styles.overlay} />
      {mounted === undefined || size.width === 0 ? null : (
        <Suspense fallback={null}>
          <Minimap scene={scene} size={size} onGo={onGo} />
        </Suspense>
      )}
      {policy === undefined || tools !== undefined ? null : (
        <Suspense fallback={null}>
          <PolicyPanel picture={policy} />
        </Suspense>
      )}
      <CanvasControls
        movable={selected !== undefined && isMovable(selected) ? selected : undefined}
        onZoom={(factor) => {
          movedByHand.current = true;
          void (factor > 1 ? flow.zoomIn({ duration: reducedMotion() ? 0 : FIT_MS }) : flow.zoomOut({ duration: reducedMotion() ? 0 : FIT_MS }));
        }}
        onFit={() => fitAll(true)}
        onNudge={nudge}
        onPutBack={putBack}
      />
      {tools?.(toolbox)}
      <div ref={tip} className={styles.tip} role="presentation" hidden />
    </div>
  );
}

export function Canvas(props: CanvasProps) {
  return (
    <ReactFlowProvider>
      <CanvasInside {...props} />
    </ReactFlowProvider>
  );
}
