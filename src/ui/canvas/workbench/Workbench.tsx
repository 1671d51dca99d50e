/** Direct manipulation: things to put on the canvas, an arrow that becomes a NetworkPolicy, and what can be done to the selected box; each is a previewed change of a text. */
import { useCallback, useEffect, useMemo, useRef, useState } from 'react';
import type { ActionQuestion, PaletteKind, PolicyEnd } from '../../../world/actions/action-views.ts';
import { useMirror, useSession } from '../../state/context.ts';
import type { Grouping } from '../../state/session.ts';
import type { CanvasTools } from '../contract.ts';
import { groupOfItem } from '../group/grouping.ts';
import type { Item, Point } from '../scene.ts';
import { Question } from './Question.tsx';
import styles from './Workbench.module.css';

type Tool =
  | { readonly kind: 'add'; readonly what: PaletteKind }
  | { readonly kind: 'policy'; readonly from?: { readonly item: Item; readonly end: PolicyEnd } };

const things: readonly (readonly [PaletteKind, string, string])[] = [
  ['client', 'Tool box', 'a pod with curl, dig, ping'],
  ['web', 'Web servers', 'a Deployment of two'],
  ['service', 'With a Service', 'two, and one address for both'],
];

/** The pod, or the node, that an item belongs to. */
function ownerOf(tools: CanvasTools, item: Item | undefined, wanted: 'pod' | 'room'): Item | undefined {
  let at = item;
  while (at !== undefined && at.kind !== wanted) at = at.parent === undefined ? undefined : tools.scene.itemById.get(at.parent);
  return at;
}

const DRAGGED = 'application/x-kubehop';

/** The node whose room an item is in. */
function nodeUnder(tools: CanvasTools, item: Item | undefined): string | undefined {
  const room = ownerOf(tools, item, 'room');
  return room?.target?.kind === 'netns' ? room.id : undefined;
}

/** A pod, or a group of them, as one end of a policy's arrow. */
function endOf(tools: CanvasTools, item: Item | undefined, grouping: Grouping): { readonly item: Item; readonly end: PolicyEnd } | undefined {
  const pod = ownerOf(tools, item, 'pod');
  if (pod !== undefined) return { item: pod, end: { pod: pod.id } };
  const box = item?.kind === 'fold' ? item : ownerOf(tools, item, 'room');
  const group = box === undefined || grouping.by === 'node' ? undefined : groupOfItem(box.id, grouping.by, box.kind);
  if (box === undefined || group === undefined) return undefined;
  return { item: box, end: grouping.by === 'namespace' ? { namespace: group } : { label: grouping.key, value: group } };
}

export function Workbench({ tools, onClose }: { readonly tools: CanvasTools; readonly onClose: () => void }) {
  const selection = useSession((session) => session.selection);
  const grouping = useSession((session) => session.grouping);
  const nodes = useMirror((mirror) => mirror.topology).hosts.filter((host) => host.role === 'node');
  const [tool, setTool] = useState<Tool | undefined>(undefined);
  const [question, setQuestion] = useState<ActionQuestion | undefined>(undefined);
  const [said, setSaid] = useState('');
  const layer = useRef<HTMLDivElement>(null);
  const line = useRef<SVGLineElement>(null);
  const ghost = useRef<HTMLDivElement>(null);
  const panel = useRef<HTMLElement>(null);

  // The selected box is what the panel is about, unless something is being drawn.
  const boxQuestion = useMemo((): ActionQuestion | undefined => (selection === undefined ? undefined : { kind: 'box', target: selection }), [selection]);
  const shown = question ?? boxQuestion;

  useEffect(() => {
    if (selection !== undefined) setQuestion(undefined);
  }, [selection]);
  useEffect(() => {
    panel.current?.querySelector<HTMLElement>('button')?.focus();
  }, []);

  const stop = useCallback(() => {
    setTool(undefined);
    setSaid('');
  }, []);

  const place = useCallback((what: PaletteKind, node: string | undefined) => {
    setQuestion({ kind: 'add', what, ...(node === undefined ? {} : { node }) });
    setTool(undefined);
    setSaid('');
  }, []);

  const choose = useCallback(
    (item: Item | undefined) => {
      if (tool === undefined) return;
      if (tool.kind === 'add') {
        place(tool.what, nodeUnder(tools, item));
        return;
      }
      const end = endOf(tools, item, grouping);
      if (end === undefined) setSaid('That is no pod and no group of pods.');
      else if (tool.from === undefined) {
        setTool({ kind: 'policy', from: end });
        setSaid('Now whom it wants to reach.');
      } else if (end.item.id !== tool.from.item.id) {
        setQuestion({ kind: 'policy', from: tool.from.end, to: end.end });
        stop();
      }
    },
    [tool, tools, grouping, place, stop],
  );

  useDrops(tools, place);
  // While something is placed or drawn, what the keyboard chooses in the outline is the answer.
  useEffect(() => {
    if (tool === undefined) return;
    return tools.intercept(choose);
  }, [tool, tools, choose]);

  const at = (event: { readonly clientX: number; readonly clientY: number }): Point => {
    const box = layer.current?.getBoundingClientRect();
    return { x: event.clientX - (box?.left ?? 0), y: event.clientY - (box?.top ?? 0) };
  };
  const down = useRef<ReturnType<typeof endOf>>(undefined);
  const onMove = (event: React.PointerEvent) => {
    const point = at(event);
    if (ghost.current !== null) ghost.current.style.transform = `translate(${point.x + 10}px, ${point.y + 10}px)`;
    const from = tool?.kind === 'policy' ? (tool.from ?? down.current) : undefined;
    if (line.current === null || from === undefined) return;
    const start = tools.screenOf(from.item);
    line.current.setAttribute('x1', String(start.x));
    line.current.setAttribute('y1', String(start.y));
    line.current.setAttribute('x2', String(point.x));
    line.current.setAttribute('y2', String(point.y));
  };
  const onDown = (event: React.PointerEvent) => {
    down.current = tool?.kind === 'policy' && tool.from === undefined ? endOf(tools, tools.itemAt(event), grouping) : undefined;
  };
  const onUp = (event: React.PointerEvent) => {
    const item = tools.itemAt(event);
    const from = down.current;
    down.current = undefined;
    const to = endOf(tools, item, grouping);
    if (from !== undefined && to !== undefined && to.item.id !== from.item.id) {
      setQuestion({ kind: 'policy', from: from.end, to: to.end });
      stop();
    } else choose(item);
  };

  return (
    <>
      {tool === undefined ? null : (
        <div ref={layer} className={styles.layer} role="presentation" onPointerMove={onMove} onPointerDown={onDown} onPointerUp={onUp}>
          <svg className={styles.arrow} aria-hidden="true">
            <defs>
              <marker id="workbench-tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto">
                <path d="M0 0L8 4L0 8Z" fill="var(--l7)" />
              </marker>
            </defs>
            <line ref={line} stroke="var(--l7)" strokeWidth="2.2" markerEnd="url(#workbench-tip)" />
          </svg>
          <div ref={ghost} className={styles.ghost}>
            {tool.kind === 'add' ? 'drop on a node' : tool.from === undefined ? 'from …' : 'to …'}
          </div>
        </div>
      )}
      <section
        ref={panel}
        className={styles.panel}
        aria-label="Build"
        onKeyDown={(event) => {
          if (event.key !== 'Escape') return;
          event.stopPropagation();
          if (tool !== undefined) stop();
          else if (question !== undefined) setQuestion(undefined);
          else onClose();
        }}
      >
        <div className={styles.bar}>
          {things.map(([what, title, detail]) => (
            <button
              key={what}
              type="button"
              className={styles.thing}
              title={`${detail}: drag it onto a node, or click it and then the node`}
              aria-pressed={tool?.kind === 'add' && tool.what === what}
              draggable
              onDragStart={(event) => event.dataTransfer.setData(DRAGGED, what)}
              onClick={() => {
                setTool({ kind: 'add', what });
                setSaid('Click a node, or choose one here.');
              }}
            >
              {title}
            </button>
          ))}
          <button
            type="button"
            className={styles.thing}
            aria-label="NetworkPolicy"
            title="an arrow from one pod, or group of pods, to another becomes a NetworkPolicy"
            aria-pressed={tool?.kind === 'policy'}
            onClick={() => {
              setTool({ kind: 'policy' });
              setSaid('Click who may connect, a pod or a group; or drag from it to the other one.');
            }}
          >
            Policy
            <svg width="15" height="8" viewBox="0 0 15 8" fill="none" stroke="currentColor" strokeWidth="1.5" aria-hidden="true">
              <path d="M1 4h12M10 1l3 3-3 3" />
            </svg>
          </button>
          <button type="button" className={styles.close} aria-label="Close" onClick={onClose}>
            ×
          </button>
        </div>
        <div className={styles.sheet} data-empty={tool === undefined && shown === undefined}>
          <p className={styles.said} role="status">
            {said}
          </p>
          {tool?.kind === 'add' ? (
            <div className={styles.where}>
              <button type="button" onClick={() => place(tool.what, undefined)}>
                Anywhere
              </button>
              {nodes.slice(0, 12).map((node) => (
                <button key={node.id} type="button" onClick={() => place(tool.what, node.id)}>
                  {node.name}
                </button>
              ))}
            </div>
          ) : null}
          {tool === undefined && shown !== undefined ? (
            <Question key={JSON.stringify(shown)} question={shown} open={shown.kind !== 'box'} onDone={() => setQuestion(undefined)} />
          ) : null}
        </div>
      </section>
    </>
  );
}

/** Listens for things that are dragged out of the panel onto the canvas. */
function useDrops(tools: CanvasTools, onDrop: (what: PaletteKind, node: string | undefined) => void): void {
  useEffect(() => {
    const area = tools.frame;
    if (area === null) return;
    const over = (event: DragEvent) => {
      if (event.dataTransfer?.types.includes(DRAGGED) === true) event.preventDefault();
    };
    const drop = (event: DragEvent) => {
      const what = things.find(([kind]) => kind === event.dataTransfer?.getData(DRAGGED))?.[0];
      if (what === undefined) return;
      event.preventDefault();
      onDrop(what, nodeUnder(tools, tools.itemAt(event)));
    };
    area.addEventListener('dragover', over);
    area.addEventListener('drop', drop);
    return () => {
      area.removeEventListener('dragover', over);
      area.removeEventListener('drop', drop);
    };
  }, [tools, onDrop]);
}
