/** What texts say about more than one cluster: which object is whose, and what is wrong with that. */
import type { Diagnostic } from '../base/diagnostic.ts';
import { withoutCluster } from '../objects/cluster-key.ts';
import { type AdmittedObject, givesCluster } from './admit.ts';

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

/** Machines of one network, whatever their cluster, have different names. */
const machines = new Set(['Node', 'Host']);
const MAX_FURTHER = 7;

/** What only a world of several clusters can have wrong. */
export function clusterProblems(objects: readonly AdmittedObject[]): readonly Diagnostic[] {
  const groups = byCluster(objects);
  const problems: Diagnostic[] = [];
  if (groups.size === 1) return problems;
  const names = new Map<string, AdmittedObject>();
  const error = (code: string, message: string, one: AdmittedObject): void => {
    problems.push({ severity: 'error', code, message, span: one.source.spanOf('metadata.name') });
  };
  for (const [cluster, own] of groups) {
    const [first] = own;
    if (cluster !== '' && first !== undefined && !givesCluster(own))
      error('cluster-without-nodes', `the cluster "${cluster}" has no machines: no kind Cluster of that name and no Node describes them`, first);
    for (const one of own) {
      if (!machines.has(one.object.kind)) continue;
      const { name } = one.object.metadata;
      const other = names.get(name);
      if (other === undefined) names.set(name, one);
      else if ((other.cluster ?? '') !== cluster)
        error('duplicate-machine', `another cluster has a machine of the name "${name}": machines that can reach each other have different names`, one);
    }
  }
  const tooMany = [...groups.values()][MAX_FURTHER + 1]?.[0];
  if (tooMany !== undefined) error('too-many-clusters', `more than ${MAX_FURTHER + 1} clusters are not joined`, tooMany);
  return problems;
}

/** The underlay of a cluster that says nothing of it, with a range of its own. */
export const underlayText = (number: number): string => `apiVersion: kubehop.dev/v1alpha1
kind: Network
metadata: {name: underlay}
spec: {cidr: 172.${30 + number}.0.0/16}
`;
