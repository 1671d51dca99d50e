/** What is wrong with texts of several clusters, and what a cluster beside the first one is given: loaded with the parts that only such worlds need. */
import type { Diagnostic } from '../base/diagnostic.ts';
import { type AdmittedObject, givesCluster } from './admit.ts';
import { byCluster } from './clusters-of-texts.ts';

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
