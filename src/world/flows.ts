/** How much flows where, for marks on the canvas: requests a second of who asks and who answers, and what devices have counted. */
import { OUTCOMES, windowsOf } from '../net/app/load/tally.ts';
import { keyIn } from '../objects/cluster-key.ts';
import { counters, isAimed, type ServiceLike } from './traffic.ts';
import type { FlowMark, FlowsView } from './traffic-views.ts';
import type { World } from './world.ts';

/** Seconds that are over, of which a rate is the mean: one alone jumps. */
const SECONDS = 3;
const MAX_DEVICES = 4_000;
const FIRST_ERROR = OUTCOMES.indexOf('4xx');

/** O(records). No marks where nobody has a rate. */
export function flows(world: Pick<World, 'records' | 'engine' | 'planes' | 'nowNs'>): FlowsView {
  const { asking, answering } = counters(world);
  const last = Math.floor(world.nowNs / 1e9) - 1;
  const marks = new Map<string, { requests: number; errors: number }>();
  const add = (key: string, tally: (typeof asking)[number]['tally']) => {
    const mark = marks.get(key) ?? { requests: 0, errors: 0 };
    marks.set(key, mark);
    for (const { second, counts } of windowsOf(tally)) {
      if (second <= last - SECONDS || second > last) continue;
      counts.forEach((count, at) => {
        mark.requests += count / SECONDS;
        if (at >= FIRST_ERROR) mark.errors += count / SECONDS;
      });
    }
  };
  if (asking.length === 0) return { nowNs: world.nowNs, marks: [], devices: [] };
  const services = new Map(world.planes.all.map(({ name, api }) => [name, api.view.list<ServiceLike>('Service')]));
  for (const { key, tally, process } of asking) {
    add(key, tally);
    const { host } = process.config as { readonly host: string };
    const namespace = key.startsWith('Pod/') ? (key.split('/')[1] ?? '') : '';
    const { name: cluster } = world.planes.resolve(key);
    const service = services.get(cluster)?.find((one) => isAimed(host, namespace, one));
    if (service !== undefined) add(keyIn(cluster, `Service/${service.metadata.namespace ?? 'default'}/${service.metadata.name}`), tally);
  }
  for (const { key, tally } of answering) add(key, tally);
  const devices: [string, number][] = [];
  for (const record of world.records.values()) {
    if (record.kind !== 'device' || (record.type !== 'veth' && record.type !== 'ethernet') || devices.length >= MAX_DEVICES) continue;
    const [received, , sent] = world.engine.deviceCounters(record.id);
    if (received + sent > 0) devices.push([record.id, received + sent]);
  }
  const shown = [...marks].map(([key, one]): FlowMark => ({ key, ...one })).filter((one) => one.requests > 0);
  return { nowNs: world.nowNs, marks: shown, devices };
}
