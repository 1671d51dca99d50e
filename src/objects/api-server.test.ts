import { describe, expect, it } from 'vitest';
import type { ApiResult } from './api.ts';
import { formatFailure } from './status.ts';
import { podText, setText, testServer } from './testing/server.ts';
import type { KubeObject } from './types.ts';

const told = (result: ApiResult<unknown>) => (result.ok ? 'ok' : `${result.reason}: ${result.message}`);
const made = <T>(result: ApiResult<T>): T => {
  if (!result.ok) throw new Error(result.message);
  return result.value;
};

describe('create', () => {
  it('gives uid, version, time of creation and generation, and fills defaults', () => {
    const { api, clock } = testServer();
    clock.nowNs = 61e9;
    const set = made(api.create({ ...setText('web', 2), spec: { selector: { app: 'web' }, template: { spec: { containers: [{ name: 'a', image: 'b' }] } } } }));
    expect(set.metadata).toMatchObject({ creationTimestamp: '2026-04-04T09:01:01Z', generation: 1, resourceVersion: '3' });
    expect(set.metadata.uid).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(set.spec).toMatchObject({ replicas: 1, template: { spec: { restartPolicy: 'Always' } } });
  });

  it('gives the same uid for the same seed and name, and another one after a deletion', () => {
    const uid = () => made(testServer().api.create(podText('a'))).metadata.uid;
    expect(uid()).toBe(uid());
    const { api } = testServer();
    const first = made(api.create(podText('a'))).metadata.uid;
    api.remove('Pod/default/a');
    expect(made(api.create(podText('a'))).metadata.uid).not.toBe(first);
  });

  it('completes generateName with five characters of the safe alphabet, never twice the same', () => {
    const { api } = testServer();
    const names = Array.from(
      { length: 50 },
      () => made(api.create({ ...podText(''), metadata: { name: '', generateName: 'web-', namespace: 'default' } })).metadata.name,
    );
    expect(new Set(names).size).toBe(50);
    for (const name of names) expect(name).toMatch(/^web-[bcdfghjklmnpqrstvwxz2456789]{5}$/);
  });

  it('keeps the status and the uid of a dump, but not its resource version', () => {
    const { api } = testServer();
    const pod = made(
      api.create({ ...podText('a', { uid: 'x-1', resourceVersion: '999', generation: 7, creationTimestamp: null }), status: { phase: 'Running' } }),
    );
    expect(pod).toMatchObject({ status: { phase: 'Running' }, metadata: { uid: 'x-1', resourceVersion: '3', generation: 1 } });
  });

  it.each<[string, KubeObject, string]>([
    ['a name that is taken', podText('taken'), 'AlreadyExists: pods "taken" already exists'],
    ['a namespace that is missing', podText('a', { namespace: 'test' }), 'NotFound: namespaces "test" not found'],
    ['an unknown kind', { ...podText('a'), kind: 'Foo' }, 'NotFound: no matches for kind "Foo" in version "v1"'],
    [
      'a kind in a version that does not serve it',
      { ...setText('a', 1), apiVersion: 'extensions/v1beta1' },
      'NotFound: no matches for kind "ReplicaSet" in version "extensions/v1beta1"',
    ],
    [
      'unknown fields',
      podText('a', { color: 'red' }, { containers: [{ name: 'a', image: 'b', foo: 1 }] }),
      'BadRequest: Pod in version "v1" cannot be handled as a Pod: strict decoding error: unknown field "metadata.color", unknown field "spec.containers[0].foo"',
    ],
    [
      'text where a number belongs',
      { ...setText('a', 1), spec: { replicas: 'three' } },
      'BadRequest: ReplicaSet in version "v1" cannot be handled as a ReplicaSet: json: cannot unmarshal string into Go struct field ReplicaSetSpec.spec.replicas of type int32',
    ],
    [
      'a number where text belongs',
      podText('a', {}, { containers: [{ name: 'a', image: 'b', env: [{ name: 'A', value: 1 }] }] }),
      'BadRequest: Pod in version "v1" cannot be handled as a Pod: json: cannot unmarshal number into Go struct field EnvVar.spec.containers.env.value of type string',
    ],
    [
      'a boolean label, the trap of an unquoted yes',
      podText('a', { labels: { ready: true } }),
      'BadRequest: Pod in version "v1" cannot be handled as a Pod: json: cannot unmarshal bool into Go struct field ObjectMeta.metadata.labels of type string',
    ],
    [
      'a number that is too large',
      { ...setText('a', 1), spec: { replicas: 4e9 } },
      'BadRequest: ReplicaSet in version "v1" cannot be handled as a ReplicaSet: json: cannot unmarshal number 4000000000 into Go struct field ReplicaSetSpec.spec.replicas of type int32',
    ],
    [
      'a list where a mapping belongs',
      podText('a', {}, { containers: {} }),
      'BadRequest: Pod in version "v1" cannot be handled as a Pod: json: cannot unmarshal object into Go struct field PodSpec.spec.containers of type []v1.Container',
    ],
    [
      'a bad name',
      podText('Web_1'),
      `Invalid: Pod "Web_1" is invalid: metadata.name: Invalid value: "Web_1": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')`,
    ],
    ['no name at all', podText(''), 'Invalid: Pod "" is invalid: metadata.name: Required value: name or generateName is required'],
    ['a missing field', { ...podText('a'), spec: { containers: [{ name: 'web' }] } }, 'Invalid: Pod "a" is invalid: spec.containers[0].image: Required value'],
    [
      'a word that is not one of the few',
      podText('a', {}, { restartPolicy: 'Sometimes' }),
      'Invalid: Pod "a" is invalid: spec.restartPolicy: Unsupported value: "Sometimes": supported values: "Always", "Never", "OnFailure"',
    ],
    [
      'several mistakes at once',
      podText('a', {}, { containers: [{ name: 'a', image: 'b', ports: [{ containerPort: 0 }, { containerPort: 70000, protocol: 'tcp' }] }] }),
      'Invalid: Pod "a" is invalid: [spec.containers[0].ports[0].containerPort: Invalid value: 0: must be between 1 and 65535, inclusive, spec.containers[0].ports[1].containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive, spec.containers[0].ports[1].protocol: Unsupported value: "tcp": supported values: "SCTP", "TCP", "UDP"]',
    ],
    [
      'a bad label of a grouped kind',
      setText('a', 1, { labels: { 'a b': 'x' } }),
      `Invalid: ReplicaSet.apps "a" is invalid: metadata.labels: Invalid value: "a b": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')`,
    ],
    [
      "the kind's own rule",
      { ...setText('a', 1), spec: { ...(setText('a', 1).spec as object), selector: {} } },
      'Invalid: ReplicaSet.apps "a" is invalid: spec.selector: Invalid value: {}: empty selector is invalid',
    ],
  ])('refuses %s', (_, object, message) => {
    const { api } = testServer();
    api.create(podText('taken'));
    expect(told(api.create(object))).toBe(message);
  });

  it('refuses keys that could reach a prototype', () => {
    const { api } = testServer();
    const object = JSON.parse('{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"},"data":{"__proto__":"x"}}') as KubeObject;
    expect(told(api.create(object))).toBe('BadRequest: key "__proto__" is not allowed');
    expect(told(api.patch('Namespace/default', JSON.parse('{"metadata":{"labels":{"constructor":{"x":1}}}}'), 'merge'))).toBe(
      'BadRequest: key "constructor" is not allowed',
    );
  });

  it('warns about unknown fields when asked to, and drops them', () => {
    const { api } = testServer();
    const result = api.create(podText('a', {}, { foo: 1 }), { fieldValidation: 'Warn' });
    expect(result).toMatchObject({ ok: true, warnings: ['unknown field "spec.foo"'] });
    expect(made(result).spec).not.toHaveProperty('foo');
  });

  it('stores nothing in a dry run', () => {
    const { api } = testServer();
    expect(told(api.create(podText('a'), { dryRun: true }))).toBe('ok');
    expect(api.view.find('Pod/default/a')).toBeUndefined();
  });

  it('turns numbers of quantities into text and drops nulls', () => {
    const { api } = testServer();
    const pod = made(
      api.create(podText('a', { labels: null }, { nodeName: null, containers: [{ name: 'a', image: 'b', resources: { limits: { cpu: 1 } } }] })),
    );
    expect(pod.spec).toEqual({ restartPolicy: 'Always', containers: [{ name: 'a', image: 'b', resources: { limits: { cpu: '1' } } }] });
    expect(pod.metadata).not.toHaveProperty('labels');
  });

  it('says which set fields have no effect', () => {
    const { api } = testServer();
    expect(api.notSimulated(podText('a', {}, { priority: 3 }))).toEqual([{ path: 'spec.priority', description: 'Importance.' }]);
    expect(api.notSimulated(podText('a'))).toEqual([]);
  });
});

describe('update', () => {
  it('counts generations of the spec only, keeps the status and shares what is equal', () => {
    const { api } = testServer();
    const before = made(api.create({ ...setText('web', 1), status: { ready: 1 } }));
    const labelled = made(api.update({ ...before, metadata: { ...before.metadata, labels: { a: 'b' } }, status: { ready: 9 } }));
    expect(labelled).toMatchObject({ metadata: { generation: 1 }, status: { ready: 1 } });
    expect(labelled.spec).toBe(before.spec);
    const scaled = made(api.update({ ...labelled, spec: { ...(labelled.spec as object), replicas: 2 } }));
    expect(scaled.metadata.generation).toBe(2);
    const reported = made(api.updateStatus({ ...scaled, spec: {}, status: { ready: 2 } }));
    expect(reported).toMatchObject({ metadata: { generation: 2 }, spec: { replicas: 2 }, status: { ready: 2 } });
  });

  it('is no change when nothing differs', () => {
    const { api } = testServer();
    const before = made(api.create(setText('web', 1)));
    expect(made(api.update(JSON.parse(JSON.stringify(before)) as KubeObject))).toBe(before);
  });

  it('refuses an old version, a missing object and a field that cannot change', () => {
    const { api } = testServer();
    const pod = made(api.create(podText('a', {}, { nodeName: 'node01' })));
    api.update({ ...pod, metadata: { ...pod.metadata, labels: { a: 'b' } } });
    expect(told(api.update(pod))).toBe(
      'Conflict: Operation cannot be fulfilled on pods "a": the object has been modified; please apply your changes to the latest version and try again',
    );
    expect(told(api.update(podText('none')))).toBe('NotFound: pods "none" not found');
    const moved = api.update(podText('a', {}, { nodeName: 'node02' }));
    expect(moved.ok ? '' : formatFailure(moved)).toBe('The Pod "a" is invalid: spec.nodeName: Invalid value: "node02": field is immutable\n');
  });
});

describe('apply', () => {
  const configMap = (data: Record<string, unknown>): KubeObject =>
    ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'c', namespace: 'default' }, data }) as KubeObject;

  it('remembers the text, then says unchanged or configured', () => {
    const { api } = testServer();
    const first = made(api.apply(configMap({ a: '<1>' })));
    expect(first.outcome).toBe('created');
    expect(first.object.metadata.annotations?.['kubectl.kubernetes.io/last-applied-configuration']).toBe(
      '{"apiVersion":"v1","data":{"a":"\\u003c1\\u003e"},"kind":"ConfigMap","metadata":{"annotations":{},"name":"c","namespace":"default"}}\n',
    );
    expect(made(api.apply(configMap({ a: '<1>' }))).outcome).toBe('unchanged');
    expect(made(api.apply(configMap({ b: '2' })))).toMatchObject({ outcome: 'configured', object: { data: { b: '2' } } });
  });

  it('removes what the text no longer says and keeps what others wrote', () => {
    const { api } = testServer();
    api.apply(podText('a', { labels: { app: 'web', tier: 'x' } }));
    api.patch('Pod/default/a', { metadata: { labels: { other: 'y' } } }, 'merge');
    const { object } = made(api.apply(podText('a', { labels: { app: 'web' } })));
    expect(object.metadata.labels).toEqual({ app: 'web', other: 'y' });
  });

  it('merges lists of containers by name and ports by number and protocol', () => {
    const { api } = testServer();
    const ports = (list: unknown[]) => podText('a', {}, { containers: [{ name: 'web', image: 'nginx', ports: list }] });
    const udp = { containerPort: 53, protocol: 'UDP' };
    api.apply(ports([{ containerPort: 53 }, udp, { containerPort: 80 }]));
    api.patch('Pod/default/a', { spec: { containers: [{ name: 'sidecar', image: 'envoy' }] } }, 'strategic');
    const { object } = made(api.apply(ports([udp, { containerPort: 8080 }, { containerPort: 53 }])));
    expect((object.spec as { containers: unknown[] }).containers).toEqual([
      { name: 'web', image: 'nginx', ports: [udp, { containerPort: 8080, protocol: 'TCP' }, { containerPort: 53, protocol: 'TCP' }] },
      { name: 'sidecar', image: 'envoy' },
    ]);
  });

  it('warns when the object was not made by apply', () => {
    const { api } = testServer();
    api.create(podText('a'));
    const result = api.apply(podText('a', { labels: { x: 'y' } }));
    expect(result.ok && result.warnings[0]).toMatch(/^resource pods\/a is missing the kubectl.kubernetes.io\/last-applied-configuration annotation/);
  });

  it('takes a dump again and again', () => {
    const { api } = testServer();
    const dump = { ...podText('a', { uid: 'u-1', resourceVersion: '77', creationTimestamp: '2020-01-01T00:00:00Z' }), status: { phase: 'Running' } };
    expect(made(api.apply(dump)).outcome).toBe('created');
    expect(made(api.apply(dump)).outcome).toBe('unchanged');
    expect(api.view.find('Pod/default/a')).toMatchObject({ status: { phase: 'Running' } });
  });

  it('puts an object without a namespace into default and takes the namespace from cluster-scoped ones', () => {
    const { api } = testServer();
    api.apply({ ...podText('a'), metadata: { name: 'a' } });
    expect(api.view.find('Pod/default/a')).toBeDefined();
    api.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'n', namespace: 'default' } });
    expect(api.view.find('Namespace/n')?.metadata).not.toHaveProperty('namespace');
  });
});

describe('remove', () => {
  it('takes dependants along, unless another owner is left or they are to be orphans', () => {
    const { api } = testServer();
    const [a, b] = [made(api.create(setText('a', 1))), made(api.create(setText('b', 1)))];
    const owner = (set: KubeObject) => ({ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: set.metadata.name, uid: set.metadata.uid ?? '' });
    api.create(podText('one', { ownerReferences: [owner(a)] }));
    api.create(podText('both', { ownerReferences: [owner(a), owner(b)] }));
    api.remove('ReplicaSet/default/a');
    api.settle();
    expect(api.view.list('Pod').map((one) => one.metadata.name)).toEqual(['both']);
    api.remove('ReplicaSet/default/b', { propagationPolicy: 'Orphan' });
    api.settle();
    expect(api.view.find('Pod/default/both')?.metadata.ownerReferences).toBeUndefined();
  });

  it('keeps the owner in a foreground deletion until those that block it have gone', () => {
    const { api } = testServer();
    const set = made(api.create(setText('a', 1)));
    const owner = { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'a', uid: set.metadata.uid ?? '', blockOwnerDeletion: true };
    api.create(podText('held', { ownerReferences: [owner], finalizers: ['example.com/hold'] }));
    api.create(podText('free', { ownerReferences: [owner] }));
    api.remove('ReplicaSet/default/a', { propagationPolicy: 'Foreground' });
    api.settle();
    expect(api.view.find('ReplicaSet/default/a')?.metadata).toMatchObject({ finalizers: ['foregroundDeletion'], deletionTimestamp: '2026-04-04T09:00:00Z' });
    expect(api.view.list('Pod').map((one) => one.metadata.name)).toEqual(['held']);
    const snapshot = api.snapshot();
    for (const turn of [1, 2]) {
      api.patch('Pod/default/held', { metadata: { finalizers: null } }, 'merge');
      api.settle();
      expect(api.view.find('ReplicaSet/default/a')).toBeUndefined();
      if (turn === 1) api.restore(snapshot);
    }
  });

  it('takes no new finalizers while an object goes', () => {
    const { api } = testServer();
    api.create(podText('a', { finalizers: ['example.com/hold'] }));
    api.remove('Pod/default/a');
    expect(told(api.patch('Pod/default/a', { metadata: { finalizers: ['example.com/hold', 'example.com/more'] } }, 'merge'))).toContain(
      'metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers []string{"example.com/more"}',
    );
  });

  it('tells in a namespace that cannot go what remains in it', () => {
    const { api } = testServer();
    api.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'test' } });
    api.create(podText('a', { namespace: 'test', finalizers: ['example.com/hold'] }));
    api.remove('Namespace/test');
    api.settle();
    const status = api.view.find('Namespace/test')?.status as { readonly conditions: readonly { readonly type: string; readonly message: string }[] };
    expect(status.conditions.slice(3).map((one) => one.message)).toEqual([
      'Some resources are remaining: pods. has 1 resource instances',
      'Some content in the namespace has finalizers remaining: example.com/hold in 1 resource instances',
    ]);
    api.patch('Pod/test/a', { metadata: { finalizers: null } }, 'merge');
    api.settle();
    expect(api.view.find('Namespace/test')).toBeUndefined();
  });

  it('waits for finalizers', () => {
    const { api } = testServer();
    api.create(podText('a', { finalizers: ['example.com/hold'] }));
    api.remove('Pod/default/a');
    expect(api.view.find('Pod/default/a')?.metadata.deletionTimestamp).toBe('2026-04-04T09:00:00Z');
    api.patch('Pod/default/a', { metadata: { finalizers: null } }, 'merge');
    expect(api.view.find('Pod/default/a')).toBeUndefined();
  });

  it('empties a namespace before it goes, and lets nothing new in', () => {
    const { api } = testServer();
    api.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'test' } });
    api.create(podText('a', { namespace: 'test' }));
    api.remove('Namespace/test');
    expect(api.view.find('Namespace/test')?.status).toEqual({ phase: 'Terminating' });
    expect(told(api.create(podText('b', { namespace: 'test' })))).toBe(
      'Forbidden: pods "b" is forbidden: unable to create new content in namespace test because it is being terminated',
    );
    api.settle();
    expect(api.view.find('Namespace/test')).toBeUndefined();
    expect(api.view.list('Pod')).toEqual([]);
    expect(told(api.remove('Namespace/default'))).toBe('Forbidden: namespaces "default" is forbidden: this namespace may not be deleted');
    expect(told(api.remove('Pod/default/none'))).toBe('NotFound: pods "none" not found');
  });
});

describe('findKind', () => {
  it('knows every word people use', () => {
    const { api } = testServer();
    for (const word of ['po', 'pod', 'pods', 'Pod', 'PODS']) expect(api.findKind(word)?.kind).toBe('Pod');
    for (const word of ['rs', 'replicasets.apps', 'replicasets.v1.apps', 'replicaset.apps']) expect(api.findKind(word)?.kind).toBe('ReplicaSet');
    expect(api.findKind('constructor')).toBeUndefined();
  });
});

describe('formatFailure', () => {
  it('prints as kubectl does', () => {
    const { api } = testServer();
    const print = (result: ApiResult<unknown>, verb?: string) => (result.ok ? '' : formatFailure(result, verb === undefined ? {} : { verb, source: 'a.yaml' }));
    expect(print(api.remove('Pod/default/x'))).toBe('Error from server (NotFound): pods "x" not found\n');
    expect(print(api.create(podText('a', {}, { foo: 1 })), 'creating')).toBe(
      'Error from server (BadRequest): error when creating "a.yaml": Pod in version "v1" cannot be handled as a Pod: strict decoding error: unknown field "spec.foo"\n',
    );
    expect(print(api.create(podText('a', {}, { restartPolicy: 'x', containers: [{ name: '', image: 'b' }] })))).toBe(
      'The Pod "a" is invalid: \n* spec.restartPolicy: Unsupported value: "x": supported values: "Always", "Never", "OnFailure"\n* spec.containers[0].name: Required value\n',
    );
  });
});
