/** What holds for the whole mesh: the ConfigMap `istio` of istio-system, as istiod reads it. Istio: api/mesh/v1alpha1/config.proto. */
import { parseYaml } from '../../base/yaml/parse-yaml.ts';
import type { KubeObject, StoreView } from '../../objects/types.ts';
import { objectKey } from '../../objects/types.ts';
import type { LocalitySetting } from './istio-types.ts';

export interface MeshConfig {
  /** accessLogFile is given: proxies note each request on their standard output. */
  readonly log: boolean;
  /** outboundTrafficPolicy: whether what nobody has described may be asked. */
  readonly anyOutbound: boolean;
  readonly locality: LocalitySetting | undefined;
}

export const MESH_CONFIG_KEY = 'ConfigMap/istio-system/istio';
const STANDARD: MeshConfig = { log: false, anyOutbound: true, locality: {} };

interface DataObject extends KubeObject {
  readonly data?: Readonly<Record<string, string>>;
}

const read = new WeakMap<object, MeshConfig>();

export function meshConfig(view: StoreView): MeshConfig {
  const map = view.find<DataObject>(MESH_CONFIG_KEY);
  if (map === undefined) return STANDARD;
  let config = read.get(map);
  if (config === undefined) {
    const value = parseYaml(objectKey(map), map.data?.mesh ?? '').documents[0]?.value as unknown as
      | {
          readonly accessLogFile?: unknown;
          readonly outboundTrafficPolicy?: { readonly mode?: unknown } | null;
          readonly localityLbSetting?: LocalitySetting | null;
        }
      | null
      | undefined;
    const file = value?.accessLogFile;
    config = {
      log: typeof file === 'string' && file !== '' && file !== '/dev/null',
      anyOutbound: value?.outboundTrafficPolicy?.mode !== 'REGISTRY_ONLY',
      locality: value?.localityLbSetting?.enabled === false ? undefined : (value?.localityLbSetting ?? {}),
    };
    read.set(map, config);
  }
  return config;
}
