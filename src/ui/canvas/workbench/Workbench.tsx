/** Direct manipulation: things to put on the canvas, an arrow that becomes a NetworkPolicy, and what can be done to the selected box; each is a previewed change of a text. */
import { useCallback, useEffect, useMemo, useRef, useState } from 'react';
import type { Action, ActionQuestion, PaletteKind } from '../../../world/actions/action-views.ts';
import { useDocument, useMirror, usePlayground, useSession } from '../../state/context.ts';
import type { CanvasTools } from '../contract.ts';
import type { Item, Point } from '../scene.ts';
import { ActionCard } from './ActionCard.tsx';
import styles from './Workbench.module.css';

type Tool = { readonly kind: 'add'; readonly what: PaletteKind } | { readonly kind: 'policy'; readonly from?: Item };

const things: readonly (readonly [PaletteKind, string, string])[] = [
  ['client', 'Tool box', 'a pod with curl, dig, ping'],
  ['web', 'Web servers', 'a Deployment of two'],
  ['service', 'With a Service', 'two, and one address for both'],
];

const isPod = (item: Item | undefined): item is Item => item?.kind === 'pod';

/** The pod, or the node, that an item belongs to. */
function ownerOf(tools: CanvasTools, item: Item | undefined, wanted: 'pod' | 'room'): Item | undefined {
  let at = item;
  while (at !== undefined && at.kind !== wanted) at = at.parent === undefined ? undefined : tools.scene.itemById.get(at.parent);
  return at;
}

function Question({ question, onDone }: { readonly question: ActionQuestion; readonly onDone: () => void }) {
  const playground = usePlayground();
  const hosts = useMirror((mirror) => mirror.topology).hosts.length;
  const services = useMirror((mirror) => mirror.topology.services);
  const texts = useDocument((document) => (document.applying === 'applied' ? document.texts : undefined));
  const [answer, setAnswer] = useState<{ readonly actions: readonly Action[]; readonly turn: number; readonly of: unknown } | undefined>(undefined);
  const [turn, setTurn] = useState(0);
  // What is offered follows the texts, the Services, and each command that was run from here.
  useEffect(() => {
    if (texts === undefined || hosts === 0) return;
    let gone = false;
    const show = (actions: readonly Action[]) => {
      if (!gone) setAnswer({ actions, turn, of: services });
    };
    playground.client
      .call('actions', question)
      .then(show)
      .catch(() => show([]));
    return () => {
      gone = true;
    };
  }, [playground, question, services, hosts, texts, turn]);
  const actions = answer?.actions;
  if (actions === undefined) return <p className={styles.hint}>Looking …</p>;
  if (actions.length === 0) return <p className={styles.hint}>Nothing can be changed here: no text of yours stands behind it.</p>;
  return actions.map((action, index) => (
    <ActionCard
      key={action.title}
      action={action}
      open={question.kind !== 'box' && index === 0}
      onApplied={() => (question.kind === 'box' ? setTurn((now) => now + 1) : onDone())}
    />
  ));
}

export function Workbench({ tools, onClose }: { readonly tools: CanvasTools; readonly onClose: () => void }) {
  const selection = useSession((session) => session.selection);
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
        place(tool.what, ownerOf(tools, item, 'room')?.id);
        return;
      }
      const pod = ownerOf(tools, item, 'pod');
      if (!isPod(pod)) {
        setSaid('That is no pod.');
        return;
      }
      if (tool.from === undefined) {
        setTool({ kind: 'policy', from: pod });
        setSaid('Now the pod that it wants to reach.');
      } else if (pod.id !== tool.from.id) {
        setQuestion({ kind: 'policy', from: tool.from.id, to: pod.id });
        stop();
      }
    },
    [tool, tools, place, stop],
  );

  // While something is placed or drawn, what the keyboard chooses in the outline is the answer.
  useEffect(() => {
    if (tool === undefined) return;
    return tools.intercept(choose);
  }, [tool, tools, choose]);

  const at = (event: { readonly clientX: number; readonly clientY: number }): Point => {
    const box = layer.current?.getBoundingClientRect();
    return { x: event.clientX - (box?.left ?? 0), y: event.clientY - (box?.top ?? 0) };
  };
  const down = useRef<Item | undefined>(undefined);
  const onMove = (event: React.PointerEvent) => {
    const point = at(event);
    if (ghost.current !== null) ghost.current.style.transform = `translate(${point.x + 10}px, ${point.y + 10}px)`;
    const from = tool?.kind === 'policy' ? (tool.from ?? down.current) : undefined;
    if (line.current === null || from === undefined) return;
    const start = tools.screenOf(from);
    line.current.setAttribute('x1', String(start.x));
    line.current.setAttribute('y1', String(start.y));
    line.current.setAttribute('x2', String(point.x));
    line.current.setAttribute('y2', String(point.y));
  };
  const onDown = (event: React.PointerEvent) => {
    down.current = tool?.kind === 'policy' && tool.from === undefined ? ownerOf(tools, tools.itemAt(event), 'pod') : undefined;
  };
  const onUp = (event: React.PointerEvent) => {
    const item = tools.itemAt(event);
    const from = down.current;
    down.current = undefined;
    const to = ownerOf(tools, item, 'pod');
    if (from !== undefined && isPod(to) && to.id !== from.id) {
      setQuestion({ kind: 'policy', from: from.id, to: to.id });
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
              onDragStart={(event) => event.dataTransfer.setData('application/x-kubehop', what)}
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
            title="an arrow from one pod to another becomes a NetworkPolicy"
            aria-pressed={tool?.kind === 'policy'}
            onClick={() => {
              setTool({ kind: 'policy' });
              setSaid('Click the pod that may connect; or drag from it to the other one.');
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
          {tool === undefined && shown !== undefined ? <Question key={JSON.stringify(shown)} question={shown} onDone={() => setQuestion(undefined)} /> : null}
        </div>
      </section>
      <DropTarget tools={tools} onDrop={place} />
    </>
  );
}

const kinds: ReadonlySet<string> = new Set(things.map(([what]) => what));

/** Listens for things that are dragged out of the panel onto the canvas. */
function DropTarget({ tools, onDrop }: { readonly tools: CanvasTools; readonly onDrop: (what: PaletteKind, node: string | undefined) => void }) {
  const mark = useRef<HTMLSpanElement>(null);
  useEffect(() => {
    const area = mark.current?.closest<HTMLElement>('[data-testid="canvas"]');
    if (area === null || area === undefined) return;
    const over = (event: DragEvent) => {
      if (event.dataTransfer?.types.includes('application/x-kubehop') === true) event.preventDefault();
    };
    const drop = (event: DragEvent) => {
      const what = event.dataTransfer?.getData('application/x-kubehop') ?? '';
      if (!kinds.has(what)) return;
      event.preventDefault();
      onDrop(what as PaletteKind, ownerOf(tools, tools.itemAt(event), 'room')?.id);
    };
    area.addEventListener('dragover', over);
    area.addEventListener('drop', drop);
    return () => {
      area.removeEventListener('dragover', over);
      area.removeEventListener('drop', drop);
    };
  }, [tools, onDrop]);
  return <span ref={mark} hidden />;
}
