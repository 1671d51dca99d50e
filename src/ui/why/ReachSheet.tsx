/** Who reaches whom, as a matrix of real probes over the canvas: groups that open, what changed with the last edit, a cell's question at a click. */
import { useCallback, useEffect, useMemo, useRef, useState } from 'react';
import type { ProbeOutcome, ProbeSpec, ReachPeer } from '../../world/reach/reach-views.ts';
import { shortName } from '../canvas/short-name.ts';
import { Icon } from '../shell/Icon.tsx';
import { ScrollRegion } from '../shell/ScrollRegion.tsx';
import { Segmented } from '../shell/Segmented.tsx';
import { usePlayground, useSession } from '../state/context.ts';
import { endText, OUTCOMES, portText } from './ends.ts';
import {
  type Cell,
  cellOf,
  cellSpecs,
  GROUP_FROM,
  type Grouping,
  type Line,
  linesOf,
  MAX_LINES,
  type Outcomes,
  portOf,
  specKey,
  specOf,
  type Way,
} from './matrix-model.ts';
import styles from './ReachSheet.module.css';
import { useRoving } from './use-roving.ts';
import { useWorldKey } from './use-world-key.ts';
import { usePeers } from './WhyPanel.tsx';

/** Probes of one call: the worker answers others in between. */
const BATCH = 120;

interface Progress {
  readonly outcomes: Outcomes;
  readonly before: Outcomes;
  readonly done: number;
  readonly total: number;
}
const nothing: Outcomes = new Map();

/** Tries all of `specs`, again after each change of the world; a new list or the end of the sheet stops it. */
function useOutcomes(specs: readonly ProbeSpec[], isPolicy: boolean): Progress & { readonly again: () => void } {
  const { client } = usePlayground();
  const world = useWorldKey();
  const [asked, setAsked] = useState(0);
  const [progress, setProgress] = useState<Progress>({ outcomes: nothing, before: nothing, done: 0, total: 0 });
  const last = useRef<{ world: number; isPolicy: boolean; outcomes: Map<string, ProbeOutcome>; before: Outcomes }>({
    world,
    isPolicy,
    outcomes: new Map(),
    before: nothing,
  });
  useEffect(() => {
    void asked;
    let alive = true;
    const known = last.current;
    if (known.world !== world) last.current = { world, isPolicy: known.isPolicy, outcomes: new Map(), before: known.outcomes };
    const keep = isPolicy !== last.current.isPolicy;
    if (keep) last.current = { world, isPolicy, outcomes: new Map(), before: nothing };
    const { outcomes, before } = last.current;
    const open = specs.filter((spec) => !outcomes.has(specKey(spec)));
    const total = specs.length;
    const run = async () => {
      for (let at = 0; at < open.length && alive; at += BATCH) {
        const part = open.slice(at, at + BATCH);
        if (isPolicy) {
          const verdicts = await client.call('policyCells', part);
          if (!alive) return;
          part.forEach((spec, index) => {
            const verdict = verdicts[index];
            outcomes.set(specKey(spec), verdict === '.' ? 'open' : verdict === null || verdict === undefined ? 'unsent' : 'dropped');
          });
        } else {
          const results = await client.call('probe', part);
          if (!alive) return;
          for (const { spec, outcome } of results) outcomes.set(specKey(spec), outcome);
        }
        setProgress({ outcomes: new Map(outcomes), before, done: total - open.length + Math.min(open.length, at + BATCH), total });
      }
    };
    // What is shown stays until the first of the new ones are there.
    if (open.length === 0) setProgress({ outcomes: new Map(outcomes), before, done: total, total });
    run().catch(() => undefined);
    return () => {
      alive = false;
    };
  }, [client, specs, world, asked, isPolicy]);
  const again = useCallback(() => {
    last.current = { ...last.current, world: -1 };
    setAsked((number) => number + 1);
  }, []);
  return { ...progress, again };
}

const cellWords = (cell: Cell, isPolicy: boolean): string => {
  const change = cell.change === undefined ? '' : cell.change === 'opened' ? ', opened by the last change' : ', closed by the last change';
  if (cell.state === 'none') return 'nothing to try';
  if (cell.state === 'waiting') return 'not tried yet';
  if (cell.state === 'mixed') return `${cell.open} of ${cell.tried} open${change}`;
  if (isPolicy) return `${cell.state === 'open' ? 'allowed' : 'not allowed'}${change}`;
  return `${OUTCOMES[cell.state].word}${change}`;
};

function markOf(cell: Cell): string {
  if (cell.state === 'none') return '';
  if (cell.state === 'waiting') return '·';
  return cell.state === 'mixed' ? `${cell.open}/${cell.tried}` : OUTCOMES[cell.state].mark;
}

function LineName({ line, open, limit, onToggle }: { readonly line: Line; readonly open: boolean; readonly limit?: number; readonly onToggle: () => void }) {
  if (!line.isGroup) {
    return (
      <span className={styles.name} title={endText(line.key)}>
        {limit === undefined ? line.title : shortName(line.title, limit)}
      </span>
    );
  }
  return (
    <button type="button" className={styles.group} aria-expanded={open} onClick={onToggle} title={`${line.title}: ${line.members.length}`}>
      <span aria-hidden="true">{open ? '▾' : '▸'}</span> {line.title} <span className={styles.count}>{line.members.length}</span>
    </button>
  );
}

const triedPort = (peer: ReachPeer | undefined): string => (peer === undefined ? '' : (portOf(peer)?.replace('/TCP', '') ?? ''));

export function ReachSheet() {
  const playground = usePlayground();
  const matrix = useSession((session) => session.matrix);
  const peers = usePeers();
  const [grouping, setGrouping] = useState<Grouping | undefined>(undefined);
  const [openGroups, setOpenGroups] = useState<ReadonlySet<string>>(new Set());
  const [mode, setMode] = useState<'ports' | 'icmp' | 'port' | 'policy'>('ports');
  const [port, setPort] = useState('');
  const table = useRef<HTMLTableElement>(null);
  const only = matrix?.to;
  const isPolicy = mode === 'policy';
  const way = useMemo(
    (): Way => (mode === 'port' ? { kind: 'port', port: Math.min(65535, Math.max(1, Number(port) || 80)) } : { kind: mode === 'policy' ? 'ports' : mode }),
    [mode, port],
  );
  const shown: Grouping = grouping ?? (peers.length > GROUP_FROM ? 'app' : 'none');
  const { rows, columns, cut } = useMemo(() => {
    // Policies speak of pods: what a Service leads to is judged there.
    const offers = (peer: ReachPeer) =>
      peer.ip !== '' && (!isPolicy || peer.netns !== '') && (way.kind === 'icmp' ? peer.netns !== '' : way.kind === 'port' ? true : peer.ports.length > 0);
    const allRows = linesOf(
      peers.filter((peer) => peer.netns !== ''),
      shown,
      openGroups,
    );
    const allColumns =
      only === undefined
        ? linesOf(peers.filter(offers), shown, openGroups)
        : linesOf(
            peers.filter((peer) => peer.end === only),
            'none',
            openGroups,
          );
    return { rows: allRows.slice(0, MAX_LINES), columns: allColumns.slice(0, MAX_LINES), cut: allRows.length > MAX_LINES || allColumns.length > MAX_LINES };
  }, [peers, shown, openGroups, way, only, isPolicy]);
  const cells = useMemo(() => rows.map((row) => columns.map((column) => cellSpecs(row, column, way))), [rows, columns, way]);
  const specs = useMemo(() => {
    const unique = new Map<string, ProbeSpec>();
    for (const line of cells) for (const cell of line) for (const spec of cell) unique.set(specKey(spec), spec);
    return [...unique.values()];
  }, [cells]);
  const { outcomes, before, done, total, again } = useOutcomes(specs, isPolicy);
  const drawn = useMemo(() => cells.map((line) => line.map((specsOfCell) => cellOf(specsOfCell, outcomes, before))), [cells, outcomes, before]);
  useRoving(table);
  const toggle = (group: string) =>
    setOpenGroups((groups) => {
      const next = new Set(groups);
      if (!next.delete(group)) next.add(group);
      return next;
    });
  const ask = (row: Line, column: Line) => {
    for (const from of row.members) {
      for (const to of column.members) {
        const spec = specOf(from, to, way);
        if (spec === undefined) continue;
        // Of a group: a pair that is closed, if there is one.
        const wanted = cellOf(cellSpecs(row, column, way), outcomes, before).state;
        const outcome = outcomes.get(specKey(spec));
        if (row.members.length * column.members.length > 1 && wanted === 'mixed' && (outcome === undefined || outcome === 'open')) continue;
        playground.session.setState({
          question: { from: from.end, to: to.end, ...(spec.protocol === 'ICMP' ? {} : { port: spec.port, protocol: spec.protocol }) },
          inspecting: 'why',
        });
        return;
      }
    }
  };
  const tried = drawn.flat().filter((cell) => cell.state !== 'none' && cell.state !== 'waiting');
  const opened = tried.filter((cell) => cell.change === 'opened').length;
  const closed = tried.filter((cell) => cell.change === 'closed').length;
  const sentence =
    done < total
      ? `${done} of ${total} tried …`
      : `${tried.filter((cell) => cell.state === 'open').length} of ${tried.length} ways are ${isPolicy ? 'allowed' : 'open'}.${opened + closed === 0 ? '' : ` The last change opened ${opened} and closed ${closed}.`}`;
  let first = true;
  return (
    <section className={styles.sheet} aria-label="Who reaches whom">
      <header className={styles.head}>
        <h2>{only === undefined ? 'Who reaches whom' : `What can reach ${endText(only)}`}</h2>
        <p role="status">{sentence}</p>
        <button type="button" className={styles.close} aria-label="Close the matrix" onClick={() => playground.session.setState({ matrix: undefined })}>
          <Icon name="close" />
        </button>
      </header>
      <div className={styles.tools}>
        <Segmented
          label="What is tried"
          value={mode}
          options={[
            ['ports', 'Their ports'],
            ['icmp', 'Ping'],
            ['port', 'TCP port'],
            ['policy', 'Policies say'],
          ]}
          onChange={setMode}
        />
        {mode === 'port' ? (
          <input
            className={styles.port}
            aria-label="TCP port"
            value={port}
            placeholder="80"
            inputMode="numeric"
            maxLength={5}
            onKeyDown={(event) => event.stopPropagation()}
            onChange={(event) => setPort(event.target.value.replace(/\D/g, ''))}
          />
        ) : null}
        <Segmented
          label="Lines of the matrix"
          value={shown}
          options={[
            ['none', 'Each'],
            ['app', 'By app'],
            ['namespace', 'By namespace'],
          ]}
          onChange={setGrouping}
        />
        {only === undefined ? null : (
          <button type="button" className={styles.tool} onClick={() => playground.session.setState({ matrix: {} })}>
            All targets
          </button>
        )}
        <button type="button" className={styles.tool} onClick={again}>
          Try again
        </button>
      </div>
      <ScrollRegion className={styles.scroll} label="Matrix of who reaches whom">
        <table className={styles.matrix} ref={table}>
          <caption className="visually-hidden">From the one at the left to the one above; each cell is a real attempt in a copy of this world</caption>
          <thead>
            <tr>
              <td className={styles.corner}>
                <span aria-hidden="true">from ↓ to →</span>
              </td>
              {columns.map((column) => (
                <th key={column.key} scope="col" data-member={!column.isGroup && column.group !== ''}>
                  <div className={styles.up}>
                    <LineName line={column} limit={16} open={openGroups.has(column.group)} onToggle={() => toggle(column.group)} />
                    {column.isGroup || way.kind === 'icmp' ? null : (
                      <span className={styles.offered}>{way.kind === 'port' ? way.port : triedPort(column.members[0])}</span>
                    )}
                  </div>
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map((row, y) => (
              <tr key={row.key}>
                <th scope="row" data-member={!row.isGroup && row.group !== ''}>
                  <LineName line={row} open={openGroups.has(row.group)} onToggle={() => toggle(row.group)} />
                </th>
                {columns.map((column, x) => {
                  const cell = drawn[y]?.[x];
                  if (cell === undefined || cell.state === 'none') return <td key={column.key} className={styles.none} />;
                  const spec = cells[y]?.[x]?.[0];
                  const words = `${row.title} to ${column.title}${spec === undefined || column.isGroup ? '' : `, ${portText(spec)}`}: ${cellWords(cell, isPolicy)}`;
                  const stop = first ? 0 : -1;
                  first = false;
                  return (
                    <td key={column.key}>
                      <button
                        type="button"
                        className={styles.cell}
                        data-state={cell.state}
                        data-change={cell.change}
                        data-at={`${y} ${x}`}
                        tabIndex={stop}
                        aria-label={words}
                        title={words}
                        onClick={() => ask(row, column)}
                      >
                        {markOf(cell)}
                      </button>
                    </td>
                  );
                })}
              </tr>
            ))}
          </tbody>
        </table>
        {rows.length === 0 ? <p className={styles.note}>Nobody is there yet.</p> : null}
        {cut ? <p className={styles.note}>The first {MAX_LINES} lines are drawn; group them to see all.</p> : null}
      </ScrollRegion>
      <p className={styles.legend}>
        {(isPolicy ? (['open', 'dropped'] as const) : (['open', 'refused', 'dropped'] as const)).map((outcome) => (
          <span key={outcome}>
            <span className={styles.key} data-state={outcome} aria-hidden="true">
              {OUTCOMES[outcome].mark}
            </span>{' '}
            {isPolicy ? (outcome === 'open' ? 'allowed' : 'not allowed') : OUTCOMES[outcome].word}
          </span>
        ))}
        <span>
          {isPolicy
            ? 'What NetworkPolicies and ClusterNetworkPolicies allow, whether or not the network enforces them.'
            : 'Of two groups four pairs are tried.'}{' '}
          A cell opens its question.
        </span>
      </p>
    </section>
  );
}
