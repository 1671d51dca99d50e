/** Two roads side by side: one request run in two worlds, its facts, its largest frame, and every hop beside its counterpart. */
import { useEffect, useMemo, useRef, useState } from 'react';
import type { PlaygroundClient } from '../../worker/protocol.ts';
import { Dialog } from '../shell/Dialog.tsx';
import { usePlayground } from '../state/context.ts';
import { FIRST_COMMAND } from '../state/playground.ts';
import styles from './CompareDialog.module.css';
import { Comparison } from './Comparison.tsx';
import { type Road, roadsBeside, waysOf } from './roads.ts';
import { type RoadRun, runRoad } from './run-road.ts';

type State =
  | { readonly kind: 'idle' }
  | { readonly kind: 'running'; readonly words: string }
  | { readonly kind: 'failed'; readonly words: string }
  | { readonly kind: 'done'; readonly left: RoadRun; readonly right: RoadRun };

function RoadChoice(props: { readonly label: string; readonly roads: readonly Road[]; readonly value: string; readonly onChange: (id: string) => void }) {
  return (
    <label className={styles.choice}>
      <span>{props.label}</span>
      <select value={props.value} onChange={(event) => props.onChange(event.target.value)}>
        {[...new Set(props.roads.map((road) => road.group))].map((group) => (
          <optgroup key={group} label={group}>
            {props.roads
              .filter((road) => road.group === group)
              .map((road) => (
                <option key={road.id} value={road.id}>
                  {road.title}
                </option>
              ))}
          </optgroup>
        ))}
      </select>
    </label>
  );
}

export function CompareDialog({ onClose }: { readonly onClose: () => void }) {
  const playground = usePlayground();
  const [roads, setRoads] = useState(() => roadsBeside(playground.client.lastDocument()));
  useEffect(() => {
    const own = playground.client.lastDocument();
    if (own === undefined) return;
    playground.client.call('actions', { kind: 'network' }).then(
      (actions) => setRoads([...roadsBeside(own), ...waysOf(own, actions)]),
      () => undefined,
    );
  }, [playground]);
  const [leftId, setLeft] = useState('vxlan');
  const [rightId, setRight] = useState('host-gw');
  const [command, setCommand] = useState(FIRST_COMMAND);
  const [state, setState] = useState<State>({ kind: 'idle' });
  const client = useRef<PlaygroundClient | undefined>(undefined);
  const cancel = () => {
    client.current?.close();
    client.current = undefined;
  };
  const start = async () => {
    cancel();
    const own = playground.createClient();
    client.current = own;
    const runs: RoadRun[] = [];
    try {
      if (own === undefined) throw new Error('There is no second worker for other worlds here.');
      for (const id of [leftId, rightId]) {
        const road = roads.find((one) => one.id === id);
        if (road === undefined) return;
        setState({ kind: 'running', words: `${runs.length + 1} of 2: ${road.title} …` });
        const document = await road.load().catch(() => undefined);
        if (document === undefined) throw new Error(`${road.title} could not be fetched; try again when you are connected.`);
        runs.push(await runRoad(own, road.title, document, command));
        if (client.current !== own) return;
      }
      const [left, right] = runs;
      if (left !== undefined && right !== undefined) setState({ kind: 'done', left, right });
    } catch (error) {
      if (client.current !== own) return;
      setState({ kind: 'failed', words: error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error) });
    } finally {
      own?.close();
      if (client.current === own) client.current = undefined;
    }
  };
  // The first comparison needs no click.
  const first = useRef(start);
  useEffect(() => {
    void first.current();
    return () => client.current?.close();
  }, []);
  const shown = useMemo(() => (state.kind === 'done' ? <Comparison left={state.left} right={state.right} /> : null), [state]);
  return (
    <Dialog title="Two roads" onClose={onClose} full>
      <form
        className={styles.form}
        onSubmit={(event) => {
          event.preventDefault();
          void start();
        }}
      >
        <RoadChoice label="Left" roads={roads} value={leftId} onChange={setLeft} />
        <RoadChoice label="Right" roads={roads} value={rightId} onChange={setRight} />
        <label className={styles.command}>
          <span>The same command in both</span>
          <input value={command} onChange={(event) => setCommand(event.target.value)} spellCheck={false} autoComplete="off" />
        </label>
        {state.kind === 'running' ? (
          <button
            type="button"
            className={styles.button}
            onClick={() => {
              cancel();
              setState({ kind: 'idle' });
            }}
          >
            Cancel
          </button>
        ) : (
          <button type="submit" className={styles.button}>
            Compare
          </button>
        )}
      </form>
      <p className={styles.status} role="status">
        {state.kind === 'running' || state.kind === 'failed' ? state.words : ''}
      </p>
      {shown}
    </Dialog>
  );
}
