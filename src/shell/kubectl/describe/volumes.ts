/** Where a volume's bytes come from, of pods and PersistentVolumes. Kubernetes: kubectl/pkg/describe/describe.go, describeVolumes */
import { at, list, number, pairs, text } from '../../json.ts';

const optional = (value: unknown): string => String(at(value, 'optional') === true);
const readOnly = (value: unknown): string => `ReadOnly:\t${at(value, 'readOnly') === true}`;

/** Each kind of source with what its description says; the first that is there counts. `inVolume`: of a PersistentVolume. */
const sources: readonly (readonly [string, (source: unknown, inVolume: boolean) => readonly string[]])[] = [
  [
    'hostPath',
    (source) => [
      'Type:\tHostPath (bare host directory volume)',
      `Path:\t${text(at(source, 'path'))}`,
      `HostPathType:\t${at(source, 'type') === undefined ? '<none>' : text(at(source, 'type'))}`,
    ],
  ],
  [
    'emptyDir',
    (source) => [
      "Type:\tEmptyDir (a temporary directory that shares a pod's lifetime)",
      `Medium:\t${text(at(source, 'medium'))}`,
      `SizeLimit:\t${text(at(source, 'sizeLimit')) || '<unset>'}`,
    ],
  ],
  ['configMap', (source) => ['Type:\tConfigMap (a volume populated by a ConfigMap)', `Name:\t${text(at(source, 'name'))}`, `Optional:\t${optional(source)}`]],
  [
    'secret',
    (source) => ['Type:\tSecret (a volume populated by a Secret)', `SecretName:\t${text(at(source, 'secretName'))}`, `Optional:\t${optional(source)}`],
  ],
  [
    'persistentVolumeClaim',
    (source) => [
      'Type:\tPersistentVolumeClaim (a reference to a PersistentVolumeClaim in the same namespace)',
      `ClaimName:\t${text(at(source, 'claimName'))}`,
      readOnly(source),
    ],
  ],
  [
    'nfs',
    (source) => [
      'Type:\tNFS (an NFS mount that lasts the lifetime of a pod)',
      `Server:\t${text(at(source, 'server'))}`,
      `Path:\t${text(at(source, 'path'))}`,
      readOnly(source),
    ],
  ],
  ['local', (source) => ['Type:\tLocalVolume (a persistent volume backed by local storage on a node)', `Path:\t${text(at(source, 'path'))}`]],
  [
    'csi',
    (source, inVolume) => {
      const attributes = pairs(at(source, 'volumeAttributes')).map(([key, value]) => `${key}=${value}`);
      return [
        'Type:\tCSI (a Container Storage Interface (CSI) volume source)',
        `Driver:\t${text(at(source, 'driver'))}`,
        `FSType:\t${text(at(source, 'fsType'))}`,
        ...(inVolume ? [`VolumeHandle:\t${text(at(source, 'volumeHandle'))}`] : []),
        readOnly(source),
        // The real one writes its indent again in front of each value, and in the next lines in front of the tab too.
        attributes.length === 0 ? 'VolumeAttributes:\t<none>' : `VolumeAttributes:\t    ${attributes.join('\n        \t    ')}`,
      ];
    },
  ],
  [
    'downwardAPI',
    (source) => [
      'Type:\tDownwardAPI (a volume populated by information about the pod)',
      'Items:',
      ...list(at(source, 'items')).map(
        (item) => `  ${text(at(item, 'fieldRef', 'fieldPath')) || text(at(item, 'resourceFieldRef', 'resource'))} -> ${text(at(item, 'path'))}`,
      ),
    ],
  ],
  [
    'image',
    (source) => [
      'Type:\tImage (a container image or OCI artifact)',
      `Reference:\t${text(at(source, 'reference'))}`,
      `PullPolicy:\t${text(at(source, 'pullPolicy'))}`,
    ],
  ],
  [
    'projected',
    (source) => ['Type:\tProjected (a volume that contains injected data from multiple sources)', ...list(at(source, 'sources')).flatMap(projectedLines)],
  ],
];

function projectedLines(source: unknown): readonly string[] {
  const token = at(source, 'serviceAccountToken');
  if (token !== undefined) return [`TokenExpirationSeconds:\t${number(at(token, 'expirationSeconds'), 3600)}`];
  const map = at(source, 'configMap');
  if (map !== undefined) return [`ConfigMapName:\t${text(at(map, 'name'))}`, `Optional:\t${optional(map)}`];
  const hidden = at(source, 'secret');
  if (hidden !== undefined) return [`SecretName:\t${text(at(hidden, 'name'))}`, `SecretOptionalName:\t${optional(hidden)}`];
  return at(source, 'downwardAPI') === undefined ? [] : ['DownwardAPI:\ttrue'];
}

/** Lines without indent. */
export function volumeLines(volume: unknown, of: 'pod' | 'volume'): readonly string[] {
  for (const [field, lines] of sources) {
    const source = at(volume, field);
    if (source !== undefined) return lines(source, of === 'volume');
  }
  return ['<unknown>'];
}
