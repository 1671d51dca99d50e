/** Server-side apply: who owns which field, and what happens when two want it. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { kinds } from '../../kube/index.ts';
import { ApiServer } from '../api-server.ts';
import type { KubeObject } from '../types.ts';
import { decodeFields, difference, encodeFields, intersection, union } from './field-tree.ts';

function server() {
  const api = new ApiServer({ kinds, controllers: [], nowNs: () => 0, epochMs: Date.UTC(2026, 3, 4, 10), seed: 1 });
  api.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'default' } });
  return api;
}
const key = 'Deployment/default/web';
const deployment = (spec: object, extra: object = {}): KubeObject =>
  ({ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'web', ...extra }, spec }) as KubeObject;
const whole = (replicas: number | undefined, image = 'nginx:1', more: object = {}) =>
  deployment({
    ...(replicas === undefined ? {} : { replicas }),
    selector: { matchLabels: { app: 'web' } },
    template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'web', image, ...more }] } },
  });
const specOf = (api: ApiServer): Record<string, never> => api.view.find(key)?.spec as Record<string, never>;
const owners = (api: ApiServer) =>
  (api.managedFields(key) as readonly { readonly manager: string; readonly operation: string; readonly fieldsV1: object }[]).map(
    (one) => `${one.manager} ${one.operation}`,
  );

describe('server-side apply', () => {
  it('owns exactly the fields that were applied, written as the server writes them', () => {
    const api = server();
    expect(api.serverSideApply(whole(2))).toMatchObject({ ok: true, value: { outcome: 'serverside-applied' } });
    expect(api.managedFields(key)).toEqual([
      {
        apiVersion: 'apps/v1',
        fieldsType: 'FieldsV1',
        fieldsV1: {
          'f:spec': {
            'f:replicas': {},
            'f:selector': {},
            'f:template': {
              'f:metadata': { 'f:labels': { 'f:app': {} } },
              'f:spec': { 'f:containers': { 'k:{"name":"web"}': { '.': {}, 'f:image': {}, 'f:name': {} } } },
            },
          },
        },
        manager: 'kubectl',
        operation: 'Apply',
        time: '2026-04-04T10:00:00Z',
      },
    ]);
  });

  it('is refused where another manager owns a field with another value, and names it', () => {
    const api = server();
    api.apply(whole(2));
    const one = api.serverSideApply(whole(3), { fieldManager: 'ci' });
    expect(one).toMatchObject({
      ok: false,
      reason: 'Conflict',
      message: 'Apply failed with 1 conflict: conflict with "kubectl-client-side-apply" using apps/v1: .spec.replicas',
    });
    const two = api.serverSideApply(whole(3, 'nginx:2'), { fieldManager: 'ci' });
    expect(two.ok ? '' : two.message).toBe(
      'Apply failed with 2 conflicts: conflicts with "kubectl-client-side-apply" using apps/v1:\n- .spec.replicas\n- .spec.template.spec.containers[name="web"].image',
    );
    expect(specOf(api).replicas).toBe(2);
  });

  it('takes the fields with force, and shares those with the same value', () => {
    const api = server();
    api.apply(whole(2));
    expect(api.serverSideApply(whole(3), { fieldManager: 'ci', force: true }).ok).toBe(true);
    expect(specOf(api).replicas).toBe(3);
    // The image is owned by both: nobody can change it without the other.
    expect(api.serverSideApply(whole(3, 'nginx:2'), { fieldManager: 'ci' })).toMatchObject({ reason: 'Conflict' });
    // Replicas are ci's alone: an ordinary patch takes them without asking.
    api.patch(key, { spec: { replicas: 5 } }, 'merge', { fieldManager: 'kubectl', subresource: 'scale' });
    const again = api.serverSideApply(whole(3), { fieldManager: 'ci' });
    expect(again.ok ? '' : again.message).toBe('Apply failed with 1 conflict: conflict with "kubectl" with subresource "scale" using apps/v1: .spec.replicas');
  });

  it('removes what is no longer applied, unless somebody else owns it too', () => {
    const api = server();
    api.serverSideApply(
      whole(4, 'nginx:1', {
        env: [
          { name: 'A', value: '1' },
          { name: 'B', value: '2' },
        ],
      }),
    );
    api.serverSideApply(deployment({ template: { spec: { containers: [{ name: 'web', env: [{ name: 'B', value: '2' }] }] } } }), { fieldManager: 'other' });
    api.serverSideApply(whole(undefined));
    expect(specOf(api)).toMatchObject({
      replicas: 1,
      template: { spec: { containers: [{ name: 'web', image: 'nginx:1', env: [{ name: 'B', value: '2' }] }] } },
    });
  });

  it('leaves client-side apply behind: what its annotation knew can be removed afterwards', () => {
    const api = server();
    api.apply(whole(2, 'nginx:1', { workingDir: '/srv' }));
    expect(owners(api)).toEqual(['kubectl-client-side-apply Update']);
    expect(api.serverSideApply(whole(2, 'nginx:1', { workingDir: '/srv' }), { takeOver: 'kubectl-client-side-apply' }).ok).toBe(true);
    expect(owners(api)).toEqual(['kubectl Apply']);
    expect(api.serverSideApply(whole(2)).ok).toBe(true);
    expect(JSON.stringify(specOf(api))).not.toContain('workingDir');
    expect(api.view.find(key)?.metadata.annotations?.['kubectl.kubernetes.io/last-applied-configuration']).not.toContain('workingDir');
  });

  it('merges lists by their keys, maps by key, and replaces what is atomic', () => {
    const api = server();
    const service = (spec: object): KubeObject => ({ apiVersion: 'v1', kind: 'Service', metadata: { name: 'web' }, spec }) as KubeObject;
    api.serverSideApply(service({ selector: { app: 'web', tier: 'a' }, ports: [{ name: 'http', port: 80 }] }), { fieldManager: 'a' });
    const result = api.serverSideApply(service({ selector: { app: 'web' }, ports: [{ name: 'https', port: 443 }] }), { fieldManager: 'b' });
    expect(result.ok ? '' : result.message).toBe('Apply failed with 1 conflict: conflict with "a": .spec.selector');
    api.serverSideApply(service({ selector: { app: 'web' }, ports: [{ name: 'https', port: 443 }] }), { fieldManager: 'b', force: true });
    expect(api.view.find('Service/default/web')?.spec).toMatchObject({ selector: { app: 'web' }, ports: [{ port: 443 }, { port: 80 }] });
  });

  it('is undone and restored with the objects, and forgotten with them', () => {
    const api = server();
    const before = api.snapshot();
    api.serverSideApply(whole(2));
    const after = api.snapshot();
    api.restore(before);
    expect(api.managedFields(key)).toEqual([]);
    api.restore(after);
    expect(owners(api)).toEqual(['kubectl Apply']);
    api.remove(key);
    expect(api.managedFields(key)).toEqual([]);
  });

  it('stores nothing in a dry run, and refuses managedFields in what is applied', () => {
    const api = server();
    expect(api.serverSideApply(whole(2), { dryRun: true }).ok).toBe(true);
    expect(api.view.find(key)).toBeUndefined();
    expect(api.serverSideApply(deployment({}, { managedFields: [] }))).toMatchObject({ ok: false, message: 'metadata.managedFields must be nil' });
  });
});

describe('sets of fields', () => {
  const tree = fc
    .letrec<{ node: object }>((tie) => ({
      node: fc.dictionary(fc.constantFrom('f:a', 'f:b', 'k:{"name":"x"}', 'v:"s"', '.'), fc.oneof({ depthSize: 'small' }, fc.constant({}), tie('node')), {
        noNullPrototype: true,
      }),
    }))
    .node.map((value) => decodeFields(value));
  it('obey the laws of sets', () => {
    fc.assert(
      fc.property(tree, tree, (a, b) => {
        const same = (x: typeof a, y: typeof a) => expect(encodeFields(x)).toEqual(encodeFields(y));
        same(union(difference(a, b), intersection(a, b)), a);
        same(difference(union(a, b), b), difference(a, b));
        same(union(a, b), union(b, a));
        same(decodeFields(encodeFields(a)), a);
      }),
    );
  });
});
