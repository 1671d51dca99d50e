/** Which layers move on the canvas and stand in the list of hops. */
import { useMemo } from 'react';
import { useCurrentHop, usePlayground, useSession } from '../../state/context.ts';
import type { PacketLayer } from '../../state/session.ts';
import { layerOf } from '../layer-of.ts';
import styles from './CanvasBar.module.css';
import { Sheet } from './Sheet.tsx';

const layers: readonly (readonly [PacketLayer, string, string])[] = [
  ['l2', 'L2 · ARP, neighbours', 'var(--l2)'],
  ['l3', 'L3 · IP, ICMP', 'var(--l3)'],
  ['l4', 'L4 · TCP, UDP', 'var(--l4)'],
  ['l7', 'L7 · DNS, HTTP, TLS', 'var(--l7)'],
  ['control', 'Control plane', 'var(--mute)'],
];

export function LayersSheet({ onClose }: { readonly onClose: () => void }) {
  const { session } = usePlayground();
  const hidden = useSession((state) => state.hiddenLayers);
  const { hops } = useCurrentHop();
  const counts = useMemo(() => {
    const found = new Map<PacketLayer, number>();
    for (const hop of hops) found.set(layerOf(hop), (found.get(layerOf(hop)) ?? 0) + 1);
    return found;
  }, [hops]);
  return (
    <Sheet label="Layers" onClose={onClose}>
      <fieldset className={styles.list}>
        <legend>Packets of these layers are shown, here and in the list of hops</legend>
        {layers.map(([layer, label, colour]) => (
          <label key={layer} className={styles.check}>
            <input
              type="checkbox"
              checked={!hidden.includes(layer)}
              onChange={(event) => session.setState({ hiddenLayers: event.target.checked ? hidden.filter((one) => one !== layer) : [...hidden, layer] })}
            />
            <span className={styles.swatch} style={{ background: colour }} />
            <span>{label}</span>
            <span>{counts.get(layer) ?? 0} hops</span>
          </label>
        ))}
      </fieldset>
      <div className={styles.row} style={{ marginBottom: 0 }}>
        <button type="button" className={styles.plain} onClick={() => session.setState({ hiddenLayers: [] })}>
          All
        </button>
        <button type="button" className={styles.plain} onClick={() => session.setState({ hiddenLayers: ['l2', 'l3', 'l4', 'control'] })}>
          L7 only
        </button>
      </div>
      <p className={styles.note}>
        A packet counts by its highest layer, whatever tunnel carries it. Control plane: messages of watches, the API server, kubelets, BGP.
      </p>
    </Sheet>
  );
}
