/** What of a world may come later than its first picture: who acts in the cluster, and the programs of its hosts. */
import type { Diagnostic } from '../base/diagnostic.ts';
import type { CniManifest } from '../kube/cni/choice-names.ts';
import type { KubeParts } from '../kube/index.ts';
import type { FurtherClusters } from '../kube/multicluster/further.ts';
import type { App } from '../net/app/definition.ts';
import type { AdmittedObject } from './admit.ts';

export interface WorldParts extends KubeParts {
  /** By the name in Process records. */
  readonly apps: ReadonlyMap<string, App>;
  /** What kind installs as its cluster's pod network. */
  readonly manifest: CniManifest;
  /** Of worlds with more than one cluster. */
  readonly further: FurtherClusters & {
    problems(objects: readonly AdmittedObject[]): readonly Diagnostic[];
    /** The underlay of a cluster that says nothing of it. */
    underlay(number: number): string;
  };
}
