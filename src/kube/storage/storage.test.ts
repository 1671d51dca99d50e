/** Claims get volumes as the volume binder gives them. */
import { describe, expect, it } from 'vitest';
import { ApiServer } from '../../objects/api-server.ts';
import { causeText } from '../../objects/status.ts';
import type { KubeObject } from '../../objects/types.ts';
import { kinds } from '../index.ts';
import { volumeBinderController } from './volume-binder-controller.ts';

function cluster() {
  const api = new ApiServer({ kinds, controllers: [volumeBinderController], nowNs: () => 0, epochMs: 0, seed: 1 });
  const create = (object: unknown): readonly string[] => {
    const result = api.create(object as KubeObject);
    api.settle();
    return result.ok ? [] : result.causes.map(causeText);
  };
  create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'default' } });
  const row = (key: string): readonly string[] => {
    const object = api.view.find(key) as KubeObject;
    return kinds.find((kind) => kind.kind === object.kind)?.row(object, { nowNs: 0, view: api.view, age: () => '0s' }) ?? [];
  };
  const words = () => api.view.list<KubeObject & { readonly message?: string }>('Event').map((event) => event.message);
  return { api, create, row, words };
}
const claim = (name: string, spec: object) => ({
  apiVersion: 'v1',
  kind: 'PersistentVolumeClaim',
  metadata: { name },
  spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } }, ...spec },
});
const volume = (name: string, size: string) => ({
  apiVersion: 'v1',
  kind: 'PersistentVolume',
  metadata: { name },
  spec: { capacity: { storage: size }, accessModes: ['ReadWriteOnce'], hostPath: { path: '/data' } },
});
const storageClass = (extra: object) => ({
  apiVersion: 'storage.k8s.io/v1',
  kind: 'StorageClass',
  metadata: { name: 'standard', annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' } },
  provisioner: 'rancher.io/local-path',
  ...extra,
});

describe('a claim', () => {
  it('takes the smallest volume that fits, and waits while there is none', () => {
    const { create, row, words } = cluster();
    create(claim('data', { storageClassName: '' }));
    expect(row('PersistentVolumeClaim/default/data')).toEqual(['data', 'Pending', '', '', '', '', '<unset>', '0s', 'Filesystem']);
    expect(words()).toContain('no persistent volumes available for this claim and no storage class is set');
    create(volume('small', '500Mi'));
    create(volume('large', '5Gi'));
    expect(row('PersistentVolumeClaim/default/data').slice(1, 5)).toEqual(['Bound', 'large', '5Gi', 'RWO']);
    expect(row('PersistentVolume/large').slice(1, 7)).toEqual(['5Gi', 'RWO', 'Retain', 'Bound', 'default/data', '']);
    expect(row('PersistentVolume/small')[4]).toBe('Available');
  });

  it('gets the default class, whose provisioner makes a volume; the volume goes with the claim', () => {
    const { api, create, row } = cluster();
    create(storageClass({}));
    expect(row('StorageClass/standard')).toEqual(['standard (default)', 'rancher.io/local-path', 'Delete', 'Immediate', 'false', '0s']);
    create(claim('data', {}));
    const [, phase, name = '', size, , className] = row('PersistentVolumeClaim/default/data');
    expect([phase, size, className]).toEqual(['Bound', '1Gi', 'standard']);
    expect(name).toMatch(/^pvc-[0-9a-f-]{36}$/);
    api.remove('PersistentVolumeClaim/default/data');
    api.settle();
    expect(api.view.find('PersistentVolumeClaim/default/data')).toBeUndefined();
    expect(api.view.find(`PersistentVolume/${name}`)).toBeUndefined();
  });

  it('of a class that waits is bound when a pod that uses it has a node, and stays while the pod is there', () => {
    const { api, create, row, words } = cluster();
    create(storageClass({ volumeBindingMode: 'WaitForFirstConsumer' }));
    create(claim('data', {}));
    expect(words()).toContain('waiting for first consumer to be created before binding');
    const pod = { spec: { containers: [{ name: 'c', image: 'i' }], volumes: [{ name: 'd', persistentVolumeClaim: { claimName: 'data' } }] } };
    create({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'web' }, ...pod });
    expect(row('PersistentVolumeClaim/default/data')[1]).toBe('Pending');
    expect(words()).toContain('waiting for pod web to be scheduled');
    api.remove('Pod/default/web');
    create({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'web' }, spec: { ...pod.spec, nodeName: 'node01' } });
    expect(row('PersistentVolumeClaim/default/data')[1]).toBe('Bound');
    api.remove('PersistentVolumeClaim/default/data');
    api.settle();
    expect(row('PersistentVolumeClaim/default/data')[1]).toBe('Terminating');
    api.remove('Pod/default/web');
    api.settle();
    expect(api.view.find('PersistentVolumeClaim/default/data')).toBeUndefined();
  });

  it('is refused in the words of the server', () => {
    const { api, create } = cluster();
    expect(create(claim('a', { accessModes: [], resources: {} }))).toEqual([
      'spec.accessModes: Required value: at least 1 access mode is required',
      'spec.resources[storage]: Required value',
    ]);
    expect(create(claim('a', { accessModes: ['ReadWrite'] }))).toEqual([
      'spec.accessModes: Unsupported value: "ReadWrite": supported values: "ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"',
    ]);
    expect(create({ ...volume('v', '1Gi'), spec: { capacity: { storage: '1Gi' }, accessModes: ['ReadWriteOnce'] } })).toEqual([
      'spec: Required value: must specify a volume type',
    ]);
    create(claim('b', { storageClassName: '' }));
    const changed = api.patch('PersistentVolumeClaim/default/b', { spec: { accessModes: ['ReadWriteMany'] } }, 'merge');
    expect(changed.ok ? '' : changed.causes.map(causeText)).toEqual([
      'spec: Forbidden: spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims',
    ]);
  });
});
