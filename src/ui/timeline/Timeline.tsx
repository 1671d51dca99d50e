/** Transport, track and the list of hops of the run that is being looked at. */
import { TIMELINE_FILTER } from '../shell/focus-targets.ts';
import { usePlayground, useSession } from '../state/context.ts';
import { Captures, openCapture } from './Captures.tsx';
import { HopTable } from './HopTable.tsx';
import { Scrubber } from './Scrubber.tsx';
import styles from './Timeline.module.css';
import { Transport } from './Transport.tsx';

function RunChoice() {
  const playground = usePlayground();
  const runs = useSession((session) => session.runs);
  const run = useSession((session) => session.run);
  if (runs.length < 2) return null;
  return (
    <select
      className={styles.run}
      aria-label="Run: the command whose packets are shown"
      value={run === undefined ? '' : String(run.fromSeq)}
      onChange={(event) => {
        const chosen = runs.find((one) => String(one.fromSeq) === event.target.value);
        if (chosen !== undefined) void playground.showRun(chosen);
      }}
    >
      {runs.map((one) => (
        <option key={one.fromSeq} value={String(one.fromSeq)}>
          {one.label}
        </option>
      ))}
    </select>
  );
}

export function Timeline() {
  const playground = usePlayground();
  const filter = useSession((session) => session.filter);
  const background = useSession((session) => session.background);
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
        void openCapture(playground, file);
      }}
    >
      <div className={styles.controls}>
        <Transport />
        <Scrubber />
      </div>
      <div className={styles.tools}>
        <input
          className={styles.filter}
          type="search"
          id={TIMELINE_FILTER}
          aria-label="Filter hops"
          placeholder="Filter: dns, 10.244.1.4, proto:tcp, packet:3, -arp"
          value={filter}
          maxLength={200}
          spellCheck={false}
          onChange={(event) => playground.session.setState({ filter: event.target.value })}
        />
        <label className={styles.toggle} title="ARP, and copies of frames that a bridge floods to others">
          <input
            type="checkbox"
            checked={background}
            onChange={(event) => {
              playground.session.setState({ background: event.target.checked });
              void playground.savePreferences();
            }}
          />
          background
        </label>
        <Captures />
        <RunChoice />
      </div>
      <HopTable />
    </section>
  );
}
