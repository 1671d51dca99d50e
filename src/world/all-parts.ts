/** A world with everything in it. */
import { cniManifest } from '../kube/cni/choice.ts';
import { kubeParts } from '../kube/later-parts.ts';
import { furtherClusters } from '../kube/multicluster/further.ts';
import { apps } from '../net/app/index.ts';
import { clusterProblems, underlayText } from './cluster-problems.ts';
import type { WorldParts } from './parts.ts';

export const allParts: WorldParts = {
  ...kubeParts,
  apps,
  manifest: cniManifest,
  further: { ...furtherClusters, problems: clusterProblems, underlay: underlayText },
};
