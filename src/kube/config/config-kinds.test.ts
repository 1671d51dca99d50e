/** Quotas, limits, rights, secrets and the Gateway API's kinds are judged in the API server's words. */
import { describe, expect, it } from 'vitest';
import { ApiServer } from '../../objects/api-server.ts';
import { causeText } from '../../objects/status.ts';
import type { KubeObject } from '../../objects/types.ts';
import { kinds } from '../index.ts';

function errorsOf(apiVersion: string, kind: string, rest: object): readonly string[] {
  const api = new ApiServer({ kinds, controllers: [], nowNs: () => 0, epochMs: 0, seed: 1 });
  api.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'default' } });
  const result = api.create({ apiVersion, kind, metadata: { name: 'x' }, ...rest } as KubeObject);
  return result.ok ? [] : result.causes.map(causeText);
}

const rbac = 'rbac.authorization.k8s.io/v1';
const gateway = 'gateway.networking.k8s.io/v1';

describe('the API server refuses', () => {
  it.each<[string, string, object, readonly string[]]>([
    ['v1', 'ResourceQuota', { spec: { hard: { foo: '1' } } }, ['spec.hard[foo]: Invalid value: "foo": must be a standard resource for quota']],
    ['v1', 'ResourceQuota', { spec: { hard: { pods: '1500m' } } }, ['spec.hard[pods]: Invalid value: "1500m": must be an integer']],
    ['v1', 'ResourceQuota', { spec: { hard: { pods: 4, 'limits.cpu': '2', 'count/deployments.apps': '3' } } }, []],
    [
      'v1',
      'LimitRange',
      { spec: { limits: [{ type: 'Container', min: { cpu: '1' }, max: { cpu: '500m' } }] } },
      [
        'spec.limits[0].min[cpu]: Invalid value: "1": min value 1 is greater than max value 500m',
        'spec.limits[0].defaultRequest[cpu]: Invalid value: "500m": min value 1 is greater than default request value 500m',
        'spec.limits[0].default[cpu]: Invalid value: "1": min value 1 is greater than default value 500m',
      ],
    ],
    [rbac, 'Role', { rules: [{ apiGroups: [''], resources: ['pods'] }] }, ['rules[0].verbs: Required value: verbs must contain at least one value']],
    [
      rbac,
      'Role',
      { rules: [{ nonResourceURLs: ['/healthz'], verbs: ['get'] }] },
      ['rules[0].nonResourceURLs: Invalid value: ["/healthz"]: namespaced rules cannot apply to non-resource URLs'],
    ],
    [
      rbac,
      'ClusterRoleBinding',
      { roleRef: { kind: 'Role', name: 'r' }, subjects: [{ kind: 'ServiceAccount', name: 'default' }] },
      ['roleRef.kind: Unsupported value: "Role": supported values: "ClusterRole"', 'subjects[0].namespace: Required value'],
    ],
    [rbac, 'RoleBinding', { roleRef: { kind: 'Role', name: 'r' }, subjects: [{ kind: 'User', name: 'jane' }] }, []],
    ['v1', 'Secret', { type: 'kubernetes.io/basic-auth' }, ['data[username]: Required value', 'data[password]: Required value']],
    ['v1', 'ConfigMap', { data: { a: '1' }, binaryData: { a: 'MQ==' } }, ['data[a]: Invalid value: "a": duplicate of key present in binaryData']],
    ['scheduling.k8s.io/v1', 'PriorityClass', { value: 2_000_000_000 }, ['value: Forbidden: maximum allowed value of a user defined priority is 1000000000']],
    ['coordination.k8s.io/v1', 'Lease', { spec: { leaseDurationSeconds: 0 } }, ['spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0']],
    [
      gateway,
      'Gateway',
      {
        spec: {
          gatewayClassName: 'c',
          listeners: [
            { name: 'a', port: 80, protocol: 'HTTP' },
            { name: 'a', port: 81, protocol: 'HTTP' },
          ],
        },
      },
      ['spec.listeners[1]: Duplicate value: {"name":"a"}'],
    ],
    [gateway, 'HTTPRoute', { spec: { parentRefs: [{ name: 'gw' }], hostnames: ['a.example'], rules: [{ backendRefs: [{ name: 'web', port: 80 }] }] } }, []],
  ])('%s %s %j', (apiVersion, kind, rest, errors) => {
    expect(errorsOf(apiVersion, kind, rest)).toEqual(errors);
  });
});
