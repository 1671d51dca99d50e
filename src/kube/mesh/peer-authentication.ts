/** The kind PeerAuthentication: whether pods of a mesh take plain connections. Istio: api/security/v1beta1/peer_authentication.proto. */
import { defineKind } from '../../objects/define.ts';
import type { KubeObject, StoreView } from '../../objects/types.ts';
import { objectKey } from '../../objects/types.ts';
import { matchesLabels } from '../label-selector.ts';
import { namespaceOf, type Pod } from '../pod/types.ts';
import { choice, kindSchema, mapOf, struct, textMap } from '../schema.ts';

type Mode = 'UNSET' | 'DISABLE' | 'PERMISSIVE' | 'STRICT';
interface Mtls {
  readonly mode?: Mode;
}
export interface PeerAuthentication extends KubeObject {
  readonly spec?: {
    readonly selector?: { readonly matchLabels?: Readonly<Record<string, string>> };
    readonly mtls?: Mtls;
    readonly portLevelMtls?: Readonly<Record<string, Mtls>>;
  };
}

const ROOT = 'istio-system';
const mtls = (description: string) => struct(description, { mode: choice('STRICT takes mutual TLS alone.', ['UNSET', 'DISABLE', 'PERMISSIVE', 'STRICT']) });

export const peerAuthentication = defineKind<PeerAuthentication>({
  apiVersion: 'security.istio.io/v1',
  otherVersions: ['security.istio.io/v1beta1'],
  kind: 'PeerAuthentication',
  plural: 'peerauthentications',
  singular: 'peerauthentication',
  shortNames: ['pa'],
  namespaced: true,
  hasGeneration: true,
  schema: kindSchema('Whether pods of a mesh take connections that are not mutual TLS.', {
    spec: struct('Of one workload, of a namespace, or, in istio-system, of the mesh.', {
      selector: struct('Pods that it is for; without it all of the namespace.', { matchLabels: textMap('Labels that they have.') }),
      mtls: mtls('For all ports.'),
      portLevelMtls: mapOf('By port of the pod.', mtls('For this port.')),
    }),
  }),
  columns: [
    { name: 'NAME', priority: 0 },
    { name: 'MODE', priority: 0 },
    { name: 'AGE', priority: 0 },
  ],
  row: (object, context) => [object.metadata.name, object.spec?.mtls?.mode ?? '', context.age(object.metadata.creationTimestamp)],
  describe: (object) => ({ title: object.metadata.name, subtitle: object.spec?.mtls?.mode ?? 'UNSET' }),
});

export interface PeerMode {
  readonly all: Mode;
  readonly ports: Readonly<Record<string, Mode>>;
  readonly decidedBy: string | undefined;
}

/** The narrowest that says something; of several alike the oldest. Istio: pilot/pkg/security/authn/policy_applier.go, ComposePeerAuthentication. */
export function peerModeOf(pod: Pod, view: StoreView): PeerMode {
  const oldest = (namespace: string, fits: (one: PeerAuthentication) => boolean): PeerAuthentication | undefined =>
    [...view.list<PeerAuthentication>('PeerAuthentication', namespace)].filter(fits).sort((a, b) => (age(a) < age(b) ? -1 : 1))[0];
  const isWide = ({ spec }: PeerAuthentication): boolean => Object.keys(spec?.selector?.matchLabels ?? {}).length === 0;
  const namespace = namespaceOf(pod);
  const own = oldest(namespace, (one) => !isWide(one) && matchesLabels(one.spec?.selector?.matchLabels ?? {}, pod.metadata.labels));
  const inOrder = [own, oldest(namespace, isWide), oldest(ROOT, isWide)];
  const deciding = inOrder.find((one) => modeOf(one?.spec?.mtls) !== undefined);
  const all = modeOf(deciding?.spec?.mtls) ?? 'PERMISSIVE';
  const ports = Object.fromEntries(Object.entries(own?.spec?.portLevelMtls ?? {}).map(([port, one]) => [port, modeOf(one) ?? all]));
  return { all, ports, decidedBy: deciding === undefined ? undefined : objectKey(deciding) };
}

const age = ({ metadata }: KubeObject): string => `${metadata.creationTimestamp ?? ''} ${metadata.name}`;
const modeOf = (one: Mtls | undefined): Mode | undefined => (one?.mode === undefined || one.mode === 'UNSET' ? undefined : one.mode);
