/** Gives claims their volumes: volumes that are there, or new ones of the claim's class. Kubernetes: pkg/controller/volume/persistentvolume/pv_controller.go. */
import { defineController } from '../../objects/define.ts';
import { type ControllerContext, type ObjectKey, objectKey, type StoreView } from '../../objects/types.ts';
import { matchesSelector } from '../label-selector.ts';
import { parseQuantity } from '../pod/quantity.ts';
import { namespaceOf, type Pod } from '../pod/types.ts';
import { claimProtection, type PersistentVolumeClaim } from './claim.ts';
import type { StorageClass } from './storage-class.ts';
import type { PersistentVolume } from './volume.ts';

const component = 'persistentvolume-controller';
const bytes = (amount: string | undefined): number => parseQuantity(amount ?? '0') ?? 0;
/** The class for volumes that nobody makes. */
const noProvisioner = 'kubernetes.io/no-provisioner';

/** Names of the claims that a pod mounts. */
export function claimsOf(pod: Pod): readonly string[] {
  return (pod.spec.volumes ?? []).flatMap((volume) => {
    const claim = volume.persistentVolumeClaim as { readonly claimName?: string } | undefined;
    return claim?.claimName === undefined ? [] : [claim.claimName];
  });
}

const users = (view: StoreView, claim: PersistentVolumeClaim): readonly Pod[] =>
  view.list<Pod>('Pod', claim.metadata.namespace).filter((pod) => claimsOf(pod).includes(claim.metadata.name));

function fits(volume: PersistentVolume, claim: PersistentVolumeClaim): boolean {
  const { claimRef } = volume.spec;
  if (claimRef !== undefined && (claimRef.name !== claim.metadata.name || claimRef.namespace !== claim.metadata.namespace)) return false;
  if (claimRef?.uid !== undefined && claimRef.uid !== claim.metadata.uid) return false;
  if (volume.metadata.deletionTimestamp !== undefined) return false;
  if ((claim.spec.volumeName ?? '') !== '') return volume.metadata.name === claim.spec.volumeName;
  return (
    (volume.spec.storageClassName ?? '') === (claim.spec.storageClassName ?? '') &&
    (volume.spec.volumeMode ?? 'Filesystem') === (claim.spec.volumeMode ?? 'Filesystem') &&
    (claim.spec.accessModes ?? []).every((mode) => volume.spec.accessModes?.includes(mode) === true) &&
    (claim.spec.selector === undefined || matchesSelector(claim.spec.selector, volume.metadata.labels)) &&
    bytes(volume.spec.capacity?.storage) >= bytes(claim.spec.resources?.requests?.storage)
  );
}

/** The smallest volume that fits; one that is promised to the claim goes before all others. */
function chosenVolume(view: StoreView, claim: PersistentVolumeClaim): PersistentVolume | undefined {
  let best: PersistentVolume | undefined;
  for (const volume of view.list<PersistentVolume>('PersistentVolume')) {
    if (!fits(volume, claim)) continue;
    if (volume.spec.claimRef !== undefined) return volume;
    if (best === undefined || bytes(volume.spec.capacity?.storage) < bytes(best.spec.capacity?.storage)) best = volume;
  }
  return best;
}

function provisioned(claim: PersistentVolumeClaim, made: StorageClass): PersistentVolume {
  const name = `pvc-${claim.metadata.uid ?? ''}`;
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { name, annotations: { 'pv.kubernetes.io/provisioned-by': made.provisioner ?? '' } },
    spec: {
      capacity: { storage: claim.spec.resources?.requests?.storage ?? '0' },
      accessModes: claim.spec.accessModes ?? [],
      persistentVolumeReclaimPolicy: made.reclaimPolicy ?? 'Delete',
      storageClassName: made.metadata.name,
      volumeMode: claim.spec.volumeMode ?? 'Filesystem',
      csi: { driver: made.provisioner ?? '', volumeHandle: name },
    },
  };
}

function bind(claim: PersistentVolumeClaim, volume: PersistentVolume, context: ControllerContext): void {
  const { name, namespace, uid, resourceVersion } = claim.metadata;
  const claimRef = { kind: 'PersistentVolumeClaim', namespace: namespace ?? 'default', name, uid, apiVersion: 'v1', resourceVersion } as const;
  const bound =
    volume.spec.claimRef?.uid === undefined ? context.update({ ...volume, spec: { ...volume.spec, claimRef } } as unknown as PersistentVolume) : volume;
  if (bound === undefined) return;
  context.updateStatus({ ...bound, status: { phase: 'Bound' } });
  const annotations = { ...claim.metadata.annotations, 'pv.kubernetes.io/bind-completed': 'yes', 'pv.kubernetes.io/bound-by-controller': 'yes' };
  const updated = context.update({
    ...claim,
    metadata: { ...claim.metadata, annotations },
    spec: { ...claim.spec, volumeName: volume.metadata.name },
  } as PersistentVolumeClaim);
  if (updated === undefined) return;
  context.updateStatus({ ...updated, status: { phase: 'Bound', accessModes: volume.spec.accessModes ?? [], capacity: volume.spec.capacity ?? {} } });
}

function reconcileClaim(claim: PersistentVolumeClaim, context: ControllerContext): void {
  const { view } = context;
  if (claim.metadata.deletionTimestamp !== undefined) {
    // Kubernetes: pkg/controller/volume/pvcprotection: a claim in use stays until its last pod has gone.
    const finalizers = claim.metadata.finalizers ?? [];
    if (finalizers.includes(claimProtection) && users(view, claim).length === 0)
      context.update({ ...claim, metadata: { ...claim.metadata, finalizers: finalizers.filter((one) => one !== claimProtection) } });
    return;
  }
  if (claim.status?.phase === 'Bound') {
    if (view.find(`PersistentVolume/${claim.spec.volumeName ?? ''}`) !== undefined) return;
    context.updateStatus({ ...claim, status: { ...claim.status, phase: 'Lost' } });
    context.event(claim, 'Warning', 'ClaimLost', 'Bound claim has lost its PersistentVolume. Data on the volume is lost!', component);
    return;
  }
  if (claim.status?.phase === 'Lost') return;
  const className = claim.spec.storageClassName ?? '';
  const made = className === '' ? undefined : view.find<StorageClass>(`StorageClass/${className}`);
  const waits = made?.volumeBindingMode === 'WaitForFirstConsumer' && (claim.spec.volumeName ?? '') === '';
  const usedBy = waits ? users(view, claim) : [];
  if (waits && !usedBy.some((pod) => (pod.spec.nodeName ?? '') !== '')) {
    const pod = usedBy[0];
    if (pod === undefined) context.event(claim, 'Normal', 'WaitForFirstConsumer', 'waiting for first consumer to be created before binding', component);
    else context.event(claim, 'Normal', 'WaitForPodScheduled', `waiting for pod ${pod.metadata.name} to be scheduled`, component);
    return;
  }
  const volume = chosenVolume(view, claim);
  if (volume !== undefined) {
    bind(claim, volume, context);
    return;
  }
  if (className === '' || (claim.spec.volumeName ?? '') !== '') {
    const words = 'no persistent volumes available for this claim and no storage class is set';
    if ((claim.spec.volumeName ?? '') === '') context.event(claim, 'Normal', 'FailedBinding', words, component);
    return;
  }
  if (made === undefined) {
    context.event(claim, 'Warning', 'ProvisioningFailed', `storageclass.storage.k8s.io ${JSON.stringify(className)} not found`, component);
    return;
  }
  if (made.provisioner === noProvisioner) return;
  const source = `${made.provisioner ?? ''}_kubehop`;
  context.event(claim, 'Normal', 'Provisioning', `External provisioner is provisioning volume for claim "${namespaceName(claim)}"`, source);
  const fresh = context.create(provisioned(claim, made)) as PersistentVolume | undefined;
  if (fresh === undefined) return;
  context.event(claim, 'Normal', 'ProvisioningSucceeded', `Successfully provisioned volume ${fresh.metadata.name}`, source);
  bind(claim, fresh, context);
}

const namespaceName = (claim: PersistentVolumeClaim): string => `${claim.metadata.namespace ?? 'default'}/${claim.metadata.name}`;

function reconcileVolume(volume: PersistentVolume, context: ControllerContext): void {
  const { claimRef } = volume.spec;
  const set = (phase: string): void => {
    if (volume.status?.phase !== phase) context.updateStatus({ ...volume, status: { phase } });
  };
  if (claimRef === undefined || claimRef.uid === undefined) {
    set('Available');
    return;
  }
  const claim = context.view.find<PersistentVolumeClaim>(`PersistentVolumeClaim/${claimRef.namespace ?? ''}/${claimRef.name ?? ''}`);
  if (claim !== undefined && claim.metadata.uid === claimRef.uid) return;
  if (volume.spec.persistentVolumeReclaimPolicy === 'Delete') context.remove(objectKey(volume));
  else set('Released');
}

export const volumeBinderController = defineController({
  name: 'persistentvolume-binder',
  watches: ['PersistentVolumeClaim', 'PersistentVolume', 'StorageClass', 'Pod'],
  keysFor(changed, view) {
    switch (changed.kind) {
      case 'Pod': {
        const pod = changed as Pod;
        return claimsOf(pod).map((name): ObjectKey => `PersistentVolumeClaim/${namespaceOf(pod)}/${name}`);
      }
      case 'PersistentVolumeClaim': {
        const { volumeName = '' } = (changed as PersistentVolumeClaim).spec;
        return volumeName === '' ? [objectKey(changed)] : [objectKey(changed), `PersistentVolume/${volumeName}`];
      }
      default: {
        const open = view.list<PersistentVolumeClaim>('PersistentVolumeClaim').filter((claim) => claim.status?.phase !== 'Lost');
        return [...(changed.kind === 'PersistentVolume' ? [objectKey(changed)] : []), ...open.map(objectKey)];
      }
    }
  },
  reconcile(key, context) {
    const object = context.view.find(key);
    if (object?.kind === 'PersistentVolume') reconcileVolume(object as PersistentVolume, context);
    else if (object !== undefined) reconcileClaim(object as PersistentVolumeClaim, context);
  },
});
