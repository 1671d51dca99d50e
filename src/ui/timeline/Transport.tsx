/** The buttons that move the playhead, and the speed. */

import { lazy, Suspense } from 'react';
import { Icon, type IconName } from '../shell/Icon.tsx';
import { usePlaybackSnapshot, usePlayground } from '../state/context.ts';
import styles from './Timeline.module.css';

const DropButton = lazy(() => import('./DropButton.tsx').then((module) => ({ default: module.DropButton })));

export const speeds: readonly number[] = [0.1, 0.25, 0.5, 1, 2, 4];

function TransportButton({
  icon,
  label,
  keys,
  disabled,
  onClick,
}: {
  readonly icon: IconName;
  readonly label: string;
  readonly keys: string;
  readonly disabled: boolean;
  readonly onClick: () => void;
}) {
  return (
    <button type="button" className={styles.transport} aria-label={label} title={`${label} (${keys})`} disabled={disabled} onClick={onClick}>
      <Icon name={icon} />
    </button>
  );
}

export function Transport() {
  const { playback } = usePlayground();
  const { playing, speed, index, hopCount } = usePlaybackSnapshot();
  const empty = hopCount === 0;
  return (
    <div className={styles.buttons}>
      <TransportButton icon="first" label="First hop" keys="Home" disabled={empty} onClick={() => playback.seek(0)} />
      <TransportButton icon="back" label="Step back" keys="←" disabled={empty || index <= 0} onClick={() => playback.step(-1)} />
      <TransportButton icon={playing ? 'pause' : 'play'} label={playing ? 'Pause' : 'Play'} keys="Space" disabled={empty} onClick={() => playback.toggle()} />
      <TransportButton icon="forward" label="Step forward" keys="→" disabled={empty || index >= hopCount - 1} onClick={() => playback.step(1)} />
      <TransportButton icon="last" label="Last hop" keys="End" disabled={empty} onClick={() => playback.seek(hopCount - 1)} />
      <select
        className={styles.speed}
        aria-label="Speed"
        title="Speed (, and .)"
        value={speed}
        onChange={(event) => playback.setSpeed(Number(event.target.value))}
      >
        {(speeds.includes(speed) ? speeds : [...speeds, speed].sort((a, b) => a - b)).map((one) => (
          <option key={one} value={one}>
            {one}×
          </option>
        ))}
      </select>
      <Suspense fallback={null}>
        <DropButton />
      </Suspense>
    </div>
  );
}
