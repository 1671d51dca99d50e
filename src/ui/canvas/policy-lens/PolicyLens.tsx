/** The Policy lens: lines between groups of pods for what policies allow and deny, and the same as a matrix whose cells open the question with its walk and its packets. */
import { useStoreApi } from '@xyflow/react';
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from 'react';
import type { PolicyLensView } from '../../../world/reach/reach-views.ts';
import { openConnectionsText } from '../../shell/open-connections.ts';
import { Segmented } from '../../shell/Segmented.tsx';
import { usePlayground } from '../../state/context.ts';
import { useRoving } from '../../why/use-roving.ts';
import { useWorldKey } from '../../why/use-world-key.ts';
import type { CanvasTools } from '../contract.ts';
import type { Item, Rect } from '../scene.ts';
import { shortName } from '../short-name.ts';
import {
  changeKey,
  changesOf,
  columnsOf,
  isShown,
  type LensChange,
  type LensColumn,
  linesOf,
  MAX_COLUMNS,
  MAX_LINES,
  MAX_ROWS,
  portWords,
  type Shown,
  stateOf,
  wayAt,
} from './lens-model.ts';
import styles from './PolicyLens.module.css';

interface Seen {
  readonly view: PolicyLensView;
  readonly change: LensChange;
}

/** What the policies say now, and what that changed against the answer before. */
function usePolicyLens(opened: readonly string[]): Seen | undefined {
  const { client } = usePlayground();
  const world = useWorldKey();
  const [seen, setSeen] = useState<Seen | undefined>(undefined);
  useEffect(() => {
    void world;
    let alive = true;
    client.call('policyLens', opened).then(
      (view) => {
        if (alive) setSeen((before) => ({ view, change: changesOf(before?.view, view) }));
      },
      () => undefined,
    );
    return () => {
      alive = false;
    };
  }, [client, world, opened]);
  return seen;
}

const middle = ({ x, y, w, h }: Rect) => ({ x: x + w / 2, y: y + h / 2 });

/** A curve between the edges of two boxes, bent to its left: there and back do not lie on each other. */
function curve(a: Rect, b: Rect, bend: number): { readonly path: string; readonly at: { readonly x: number; readonly y: number } } {
  const from = middle(a);
  const to = middle(b);
  const length = Math.hypot(to.x - from.x, to.y - from.y) || 1;
  const nx = (to.y - from.y) / length;
  const ny = -(to.x - from.x) / length;
  const reach = Math.min(90, 24 + length * 0.14) * bend;
  const control = { x: (from.x + to.x) / 2 + nx * reach, y: (from.y + to.y) / 2 + ny * reach };
  const leave = (box: Rect, towards: { readonly x: number; readonly y: number }) => {
    const c = middle(box);
    const dx = towards.x - c.x;
    const dy = towards.y - c.y;
    const scale = 1 / Math.max(Math.abs(dx) / (box.w / 2 + 3), Math.abs(dy) / (box.h / 2 + 3), 1e-6);
    return { x: c.x + dx * Math.min(1, scale), y: c.y + dy * Math.min(1, scale) };
  };
  const start = leave(a, control);
  const end = leave(b, control);
  const at = { x: (start.x + 2 * control.x + end.x) / 4, y: (start.y + 2 * control.y + end.y) / 4 };
  return { path: `M${start.x} ${start.y}Q${control.x} ${control.y} ${end.x} ${end.y}`, at };
}

/** The box of a group: its pod that stands on the canvas, else what it is folded into. */
function boxOf(tools: CanvasTools, pods: readonly string[]): Item | undefined {
  for (const id of pods) {
    const item = tools.scene.itemById.get(id);
    if (item?.kind === 'pod') return item;
  }
  return undefined;
}

function Lines({
  tools,
  seen,
  shown,
  system,
  of,
}: {
  readonly tools: CanvasTools;
  readonly seen: Seen;
  readonly shown: Shown;
  readonly system: boolean;
  readonly of: number | undefined;
}) {
  const store = useStoreApi();
  const layer = useRef<SVGGElement>(null);
  const { view, change } = seen;
  const boxes = useMemo(() => view.groups.map((group) => boxOf(tools, group.pods)), [tools, view]);
  const lines = useMemo(() => {
    const all = linesOf(view, { shown, system, of, change });
    return all.length > MAX_LINES && of === undefined ? [] : all;
  }, [view, shown, system, of, change]);
  // The viewport moves with every frame of a pan: React is not asked.
  useLayoutEffect(() => {
    const follow = () => {
      const [x, y, zoom] = store.getState().transform;
      layer.current?.setAttribute('transform', `translate(${x} ${y}) scale(${zoom})`);
    };
    follow();
    return store.subscribe(follow);
  }, [store]);
  return (
    <svg className={styles.lines} aria-hidden="true">
      <defs>
        {(['open', 'closed', 'mixed'] as const).map((state) => (
          <marker
            key={state}
            id={`lens-${state}`}
            viewBox="0 0 8 8"
            refX="7"
            refY="4"
            markerWidth="7"
            markerHeight="7"
            orient="auto"
            className={styles.tip}
            data-state={state}
          >
            <path d="M0 0L8 4L0 8Z" />
          </marker>
        ))}
      </defs>
      <g ref={layer}>
        {lines.map((line) => {
          const [a, b] = [boxes[line.from], boxes[line.to]];
          if (a === undefined || b === undefined || a.id === b.id) return null;
          const { path, at } = curve(a.rect, b.rect, line.state === 'closed' ? 1.7 : 1);
          const text = `${line.state === 'closed' ? '✕ ' : line.state === 'mixed' ? '◐ ' : ''}${line.label}`;
          const width = text.length * 6.4 + 10;
          return (
            <g key={line.key} className={styles.line} data-state={line.state} data-changed={line.changed} data-idle={!view.enforced}>
              <path d={path} markerEnd={`url(#lens-${line.state})`} />
              <rect x={at.x - width / 2} y={at.y - 9} width={width} height={18} rx={9} />
              <text x={at.x} y={at.y + 3.8}>
                {text}
              </text>
            </g>
          );
        })}
      </g>
    </svg>
  );
}

const NONE: readonly string[] = [];
/** Pixels. */
const LOW = 420;

/** Two namespaces may have groups of one name. */
const columnName = (group: PolicyLensView['groups'][number] | undefined): string =>
  group === undefined ? '' : group.opens === 'open' ? `${group.namespace}/${group.title}` : group.title;

const MARKS = { open: '✓', closed: '✕', mixed: '◐' } as const;

function Matrix({
  seen,
  system,
  onAsk,
  onOpen,
}: {
  readonly seen: Seen;
  readonly system: boolean;
  readonly onAsk: (from: number, column: LensColumn) => void;
  readonly onOpen: (namespace: string) => void;
}) {
  const { view, change } = seen;
  const table = useRef<HTMLTableElement>(null);
  useRoving(table);
  const columns = useMemo(() => columnsOf(view, system), [view, system]);
  const rows = view.groups.flatMap((group, index) => (isShown(group, system) ? [{ group, index }] : []));
  let first = true;
  return (
    <div className={styles.scroll}>
      <table className={styles.matrix} ref={table}>
        <caption className="visually-hidden">From the group at the left to the group and port above, as the policies say</caption>
        <thead>
          <tr>
            <td />
            {columns.slice(0, MAX_COLUMNS).map(({ group, port }) => (
              <th key={`${group} ${port}`} scope="col">
                <span>
                  {shortName(columnName(view.groups[group]), 16)} <b>{portWords(port)}</b>
                </span>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.slice(0, MAX_ROWS).map(({ group, index }, y) => (
            <tr key={group.id}>
              <th scope="row" title={`${group.namespace}/${group.title}: ${group.pods.length}`}>
                {group.opens === undefined ? (
                  shortName(group.title, 18)
                ) : (
                  <button type="button" className={styles.opener} aria-expanded={group.opens === 'open'} onClick={() => onOpen(group.namespace)}>
                    {shortName(group.opens === 'open' ? `${group.namespace}/${group.title}` : group.title, 22)}
                  </button>
                )}{' '}
                {group.pods.length === 1 ? null : <span>{group.pods.length}</span>}
              </th>
              {columns.slice(0, MAX_COLUMNS).map((column, x) => {
                const way = wayAt(view, index, column);
                const key = `${column.group} ${column.port}`;
                if (way === undefined) return <td key={key} className={styles.none} />;
                const state = stateOf(way);
                const changed = change.ways.get(changeKey(view, index, column));
                const words = `${group.title} to ${view.groups[column.group]?.title ?? ''}, ${column.port}: ${state === 'open' ? 'allowed' : state === 'closed' ? 'denied' : `${way.open} of ${way.pairs} pairs allowed`}${changed === undefined ? '' : `, ${changed} by the last change`}`;
                const stop = first ? 0 : -1;
                first = false;
                return (
                  <td key={key}>
                    <button
                      type="button"
                      className={styles.cell}
                      data-state={state}
                      data-change={changed}
                      data-at={`${y} ${x}`}
                      tabIndex={stop}
                      aria-label={words}
                      title={words}
                      onClick={() => onAsk(index, column)}
                    >
                      {MARKS[state]}
                    </button>
                  </td>
                );
              })}
            </tr>
          ))}
        </tbody>
      </table>
      {columns.length > MAX_COLUMNS || rows.length > MAX_ROWS ? (
        <p className={styles.note}>
          The first {MAX_ROWS} lines and {MAX_COLUMNS} columns; the matrix under Why? groups and opens them.
        </p>
      ) : null}
    </div>
  );
}

export function PolicyLens({ tools }: { readonly tools: CanvasTools }) {
  const playground = usePlayground();
  const [opened, setOpened] = useState<readonly string[]>(NONE);
  const seen = usePolicyLens(opened);
  const [shown, setShown] = useState<Shown>('open');
  const [system, setSystem] = useState(false);
  const [wide, setWide] = useState(false);
  // Where the canvas is low, the panel would be all that is seen of it.
  const [open, setOpen] = useState((tools.frame?.clientHeight ?? LOW) >= LOW);
  if (seen === undefined) return null;
  const { view, change } = seen;
  const chosen = tools.current?.kind === 'pod' ? view.groups.findIndex((group) => group.pods.includes(tools.current?.id ?? '')) : -1;
  const of = chosen < 0 ? undefined : chosen;
  const tangled = of === undefined && linesOf(view, { shown, system, change }).length > MAX_LINES;
  const ask = (from: number, { group, port }: LensColumn) => {
    const [number = '', protocol] = port.split('/');
    const source = view.groups[from]?.first;
    // Within a group its first two; else the first of each.
    const pods = view.groups[group];
    if (source === undefined || pods === undefined) return;
    const other = from === group ? playground.mirror.getState().topology.netnses.find((one) => one.id === pods.pods[1]) : undefined;
    const target = other === undefined ? pods.first : `pod/${other.namespace ?? 'default'}/${other.title}`;
    playground.ask({ from: source, to: target, ...(protocol === 'SCTP' ? {} : { port: Number(number), protocol: protocol === 'UDP' ? 'UDP' : 'TCP' }) });
  };
  return (
    <>
      <Lines tools={tools} seen={seen} shown={shown} system={system} of={of} />
      {open ? null : (
        <button type="button" className={styles.folded} aria-expanded={false} onClick={() => setOpen(true)}>
          What policies say
        </button>
      )}
      {open ? (
        <section className={styles.panel} data-panel="" aria-label="Who may talk to whom" onKeyDown={(event) => event.stopPropagation()}>
          <div className={styles.head}>
            <p>
              {view.sentence}
              {view.enforced || view.policies === 0 ? '' : ' What they would deny is drawn, and nobody denies it.'}
            </p>
            <button type="button" aria-expanded={wide} onClick={() => setWide(!wide)}>
              Matrix
            </button>
            <button type="button" aria-label="Fold what policies say" onClick={() => setOpen(false)}>
              –
            </button>
          </div>
          <div className={styles.tools}>
            <Segmented
              label="Lines that are drawn"
              value={shown}
              options={[
                ['open', 'Allowed'],
                ['closed', 'Denied'],
                ['both', 'Both'],
              ]}
              onChange={setShown}
            />
            <label>
              <input type="checkbox" checked={system} onChange={(event) => setSystem(event.target.checked)} /> System pods
            </label>
            <button type="button" className={styles.small} onClick={() => playground.session.setState({ dialog: 'suggest' })}>
              Suggest …
            </button>
          </div>
          <p className={styles.note} role="status">
            {view.policies === 0
              ? 'There is no policy: everybody may talk to everybody.'
              : `${view.policies} ${view.policies === 1 ? 'policy' : 'policies'}, pods ${view.by === 'label' ? 'by their owners’ labels' : wide ? 'by namespace: click one for its groups' : 'by namespace'}.`}
            {change.opened + change.closed === 0 ? '' : ` The last change opened ${change.opened} and closed ${change.closed}.`}
            {tangled ? ' Choose a pod to see its lines.' : of === undefined ? '' : ` Lines of ${view.groups[of]?.title ?? ''}.`}
            {view.dialects === 0 ? '' : ` ${view.dialects} in the words of a CNI that is not here ${view.dialects === 1 ? 'says' : 'say'} nothing.`}
          </p>
          {view.policies === 0 || view.openConnections.length === 0 ? null : (
            <details className={styles.note}>
              <summary>What becomes of open connections</summary>
              {openConnectionsText(view.openConnections)}
            </details>
          )}
          {wide ? (
            <Matrix
              seen={seen}
              system={system}
              onAsk={ask}
              onOpen={(namespace) => setOpened(opened.includes(namespace) ? opened.filter((one) => one !== namespace) : [...opened, namespace])}
            />
          ) : null}
        </section>
      ) : null}
    </>
  );
}
