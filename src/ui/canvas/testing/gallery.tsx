/** A page for looking at the canvas without a world: `?story=curl|drop|crowd&replicas=3&nodes=2&pods=0&lens=wires&step=5&play=1`; `data=<address>` reads `{ topology, hops }` as JSON. */
import { useState } from 'react';
import { createRoot } from 'react-dom/client';
import type { HopView, LinkTarget, Topology } from '../../../world/views.ts';
import { Playback } from '../../state/playback.ts';
import '../../theme/fonts.css';
import '../../theme/tokens.css';
import { Canvas } from '../Canvas.tsx';
import type { Lens } from '../contract.ts';
import { articleTopology, crowdHops, curlHops, dropHops, makeTopology } from './article.ts';

const query = new URLSearchParams(location.search);
const number = (name: string, fallback: number) => Number(query.get(name) ?? fallback);
const story = query.get('story') ?? 'curl';
const nodes = number('nodes', 2);
const pods = number('pods', 0);

const data = query.get('data');
const recorded: { readonly topology: Topology; readonly hops: readonly HopView[] } | undefined = data === null ? undefined : await (await fetch(data)).json();

const topology =
  recorded?.topology ??
  (pods === 0
    ? articleTopology(number('replicas', 3))
    : makeTopology(
        Array.from({ length: nodes }, (_, host) => ({
          name: host === 0 ? 'controlplane' : `node${String(host).padStart(2, '0')}`,
          pods: Array.from({ length: Math.ceil(pods / nodes) }, (_, i) => ({
            name: `web-64c966cf88-${(host * 977 + i * 31 + 10000).toString(36).padStart(5, 'x')}`,
            ip: `10.244.${host}.${i + 2}`,
            app: 'nginx',
            ready: i % 17 !== 5,
          })),
        })),
      ));
const playback = new Playback();
playback.setHops(recorded?.hops ?? (story === 'drop' ? dropHops() : story === 'crowd' ? crowdHops(number('packets', 200)) : curlHops()));
playback.seek(number('step', 0) - 1);
if (query.get('play') === '1') playback.play();
Object.assign(globalThis, { playback });

function Gallery() {
  const [selection, setSelection] = useState<LinkTarget | undefined>(undefined);
  const [positions, setPositions] = useState<Record<string, readonly [number, number]>>({});
  return (
    <Canvas
      topology={topology}
      lens={(query.get('lens') ?? 'wires') as Lens}
      playback={playback}
      positions={positions}
      selection={selection}
      embedded={false}
      onSelect={setSelection}
      onMove={(id, offset) => setPositions((before) => ({ ...before, [id]: offset }))}
    />
  );
}

const root = document.getElementById('root');
if (root !== null) createRoot(root).render(<Gallery />);
