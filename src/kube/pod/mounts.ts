/** Which ConfigMap a pod has mounted, so that agents read a program's configuration where the program would. */
import type { KubeObject, StoreView } from '../../objects/types.ts';
import type { Pod } from './types.ts';
import { namespaceOf } from './types.ts';

export interface ConfigMap extends KubeObject {
  readonly data?: Readonly<Record<string, string>>;
}

/** The first ConfigMap among the pod's volumes that holds this key. */
export function mountedConfigMap(pod: Pod, key: string, view: StoreView): ConfigMap | undefined {
  for (const volume of pod.spec.volumes ?? []) {
    const name = volume.configMap?.name;
    if (name === undefined) continue;
    const map = view.find<ConfigMap>(`ConfigMap/${namespaceOf(pod)}/${name}`);
    if (map?.data !== undefined && Object.hasOwn(map.data, key)) return map;
  }
  return undefined;
}
