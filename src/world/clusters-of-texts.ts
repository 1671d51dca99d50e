/** Which object of the texts is which cluster's. */
import { withoutCluster } from '../objects/cluster-key.ts';
import type { AdmittedObject } from './admit.ts';

/** The first cluster comes first, also where nothing is said of it. */
export function byCluster(objects: readonly AdmittedObject[]): Map<string, readonly AdmittedObject[]> {
  const found = new Map<string, AdmittedObject[]>([['', []]]);
  for (const one of objects) {
    const { cluster = '' } = one;
    const list = found.get(cluster);
    if (list === undefined) found.set(cluster, [one]);
    else list.push(one);
  }
  return found;
}

/** A cluster's own, by the keys that it knows them by. */
export function admittedOf(admitted: ReadonlyMap<string, AdmittedObject>, cluster: string): ReadonlyMap<string, AdmittedObject> {
  return new Map([...admitted].flatMap(([key, one]) => ((one.cluster ?? '') === cluster ? [[withoutCluster(cluster, key), one] as const] : [])));
}
