/** Runs one command in another world beside the page's, and brings back its packets. */
import type { PlaygroundClient } from '../../worker/protocol.ts';
import type { WorldDocument } from '../../world/document.ts';
import type { HopView, Topology } from '../../world/views.ts';
import { clusterFiles } from '../state/examples.ts';

export interface RoadRun {
  readonly title: string;
  /** Without ARP and probes. */
  readonly hops: readonly HopView[];
  readonly topology: Topology;
  readonly exitCode: number;
}

/** More hops than that no table shows. */
const MAX_EVENTS = 5_000;

/** @throws {Error} when the world cannot be run. */
export async function runRoad(client: PlaygroundClient, title: string, document: WorldDocument, command: string): Promise<RoadRun> {
  let topology: Topology | undefined;
  const stop = client.subscribe((update) => {
    if (update.topology !== undefined) topology = update.topology;
  });
  try {
    const { diagnostics } = await client.call('open', document, clusterFiles);
    const wrong = diagnostics.find((one) => one.severity === 'error');
    if (wrong !== undefined) throw new Error(`${title}: ${wrong.message}`);
    const { exitCode, firstSeq, lastSeq } = await client.call('run', 'main', command);
    const hops = await client.call('hops', firstSeq, Math.min(lastSeq, firstSeq + MAX_EVENTS));
    if (topology === undefined) throw new Error(`${title}: the world has nothing to show`);
    return { title, hops: hops.filter((hop) => !hop.background && hop.event.packetId >= 0), topology, exitCode };
  } finally {
    stop();
  }
}
