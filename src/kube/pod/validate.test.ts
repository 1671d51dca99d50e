import { describe, expect, it } from 'vitest';
import { TestCluster } from '../testing/cluster.ts';
import { podYaml } from '../testing/manifests.ts';

const cluster = new TestCluster([]);
const container = (fields: string): string => podYaml('web').replace('image: nginx', `image: nginx, ${fields}`);
const message = (yaml: string): string => cluster.refusal(yaml).message;
const invalid = (words: string): string => `Pod "web" is invalid: ${words}`;

describe('a pod is refused in the API server’s words', () => {
  it.each([
    ['without containers', 'apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec: {}', 'spec.containers: Required value'],
    ['without an image', podYaml('web').replace(', image: nginx', ''), 'spec.containers[0].image: Required value'],
    [
      'with a port out of range',
      container('ports: [{containerPort: 70000}]'),
      'spec.containers[0].ports[0].containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive',
    ],
    [
      'with a port twice under one name',
      container('ports: [{name: a, containerPort: 1}, {name: a, containerPort: 2}]'),
      'spec.containers[0].ports[1].name: Duplicate value: "a"',
    ],
    [
      'with an unknown protocol',
      container('ports: [{containerPort: 80, protocol: ICMP}]'),
      'spec.containers[0].ports[0].protocol: Unsupported value: "ICMP": supported values: "SCTP", "TCP", "UDP"',
    ],
    ['with a mount of no volume', container('volumeMounts: [{name: data, mountPath: /data}]'), 'spec.containers[0].volumeMounts[0].name: Not found: "data"'],
    [
      'with more requested than allowed',
      container('resources: {requests: {cpu: "2"}, limits: {cpu: "1"}}'),
      'spec.containers[0].resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1',
    ],
    [
      'with an unknown restart policy',
      podYaml('web', 'restartPolicy: Sometimes'),
      'spec.restartPolicy: Unsupported value: "Sometimes": supported values: "Always", "OnFailure", "Never"',
    ],
    [
      'with dnsPolicy None and no servers',
      podYaml('web', 'dnsPolicy: None'),
      'spec.dnsConfig: Required value: must provide `dnsConfig` when `dnsPolicy` is None',
    ],
    [
      'with a toleration of everything but by value',
      podYaml('web', 'tolerations: [{operator: Equal, value: a}]'),
      'spec.tolerations[0].operator: Invalid value: "Equal": operator must be Exists when `key` is empty, which means "match all values and all keys"',
    ],
  ])('%s', (_what, yaml, words) => {
    expect(message(yaml)).toBe(invalid(words));
  });

  it('when a YAML boolean stands where a text belongs', () => {
    expect(message(container('env: [{name: A, value: yes}]'))).toContain(
      'cannot unmarshal bool into Go struct field EnvVar.spec.containers.env.value of type string',
    );
  });

  it('when a field does not exist', () => {
    expect(message(podYaml('web', 'hostnetwork: true'))).toContain('unknown field "spec.hostnetwork"');
  });
});

describe('what the server fills into a pod', () => {
  it('are the defaults that kubectl get -o yaml shows', () => {
    const pod = new TestCluster([]).apply(podYaml('web')).get('Pod/default/web');
    expect(pod.spec).toMatchObject({
      containers: [
        {
          name: 'web',
          image: 'nginx',
          imagePullPolicy: 'Always',
          resources: {},
          terminationMessagePath: '/dev/termination-log',
          terminationMessagePolicy: 'File',
        },
      ],
      dnsPolicy: 'ClusterFirst',
      enableServiceLinks: true,
      preemptionPolicy: 'PreemptLowerPriority',
      priority: 0,
      restartPolicy: 'Always',
      schedulerName: 'default-scheduler',
      securityContext: {},
      serviceAccount: 'default',
      serviceAccountName: 'default',
      terminationGracePeriodSeconds: 30,
      tolerations: [
        { effect: 'NoExecute', key: 'node.kubernetes.io/not-ready', operator: 'Exists', tolerationSeconds: 300 },
        { effect: 'NoExecute', key: 'node.kubernetes.io/unreachable', operator: 'Exists', tolerationSeconds: 300 },
      ],
    });
    expect(pod.status).toEqual({ phase: 'Pending', qosClass: 'BestEffort' });
  });
});

describe('probes, hooks and volumes', () => {
  const refusal = (container: string, spec = '') =>
    new TestCluster([]).refusal(podYaml('web', spec).replace('image: nginx', `image: nginx, ${container}`)).message.replace(/^Pod "web" is invalid: /, '');

  it('have one handler each', () => {
    expect(refusal('livenessProbe: {periodSeconds: 5}')).toBe('spec.containers[0].livenessProbe: Required value: must specify a handler type');
    expect(refusal('readinessProbe: {httpGet: {port: 80}, tcpSocket: {port: 80}}')).toBe(
      'spec.containers[0].readinessProbe.tcpSocket: Forbidden: may not specify more than 1 handler type',
    );
    expect(refusal('lifecycle: {preStop: {exec: {command: [a]}, sleep: {seconds: 1}}}')).toBe(
      'spec.containers[0].lifecycle.preStop.sleep: Forbidden: may not specify more than 1 handler type',
    );
    expect(refusal('lifecycle: {postStart: {}}')).toBe('spec.containers[0].lifecycle.postStart: Required value: must specify a handler type');
  });

  it('have numbers in their ranges', () => {
    expect(refusal('livenessProbe: {tcpSocket: {port: 0}}')).toBe(
      'spec.containers[0].livenessProbe.tcpSocket.port: Invalid value: 0: must be between 1 and 65535, inclusive',
    );
    expect(refusal('livenessProbe: {tcpSocket: {port: 80}, successThreshold: 2}')).toBe(
      'spec.containers[0].livenessProbe.successThreshold: Invalid value: 2: must be 1',
    );
    expect(refusal('readinessProbe: {exec: {command: []}}')).toBe('spec.containers[0].readinessProbe.exec.command: Required value');
    expect(refusal('lifecycle: {preStop: {sleep: {seconds: 60}}}')).toBe(
      'spec.containers[0].lifecycle.preStop.sleep: Invalid value: 60: must be non-negative and less than terminationGracePeriodSeconds (30)',
    );
  });

  it('are not for init containers that end', () => {
    expect(refusal('ports: []', 'initContainers: [{name: i, image: busybox, readinessProbe: {tcpSocket: {port: 80}}}]')).toBe(
      'spec.initContainers[0].readinessProbe: Forbidden: may not be set for init containers without restartPolicy=Always',
    );
  });

  it('come from one source each, by relative paths', () => {
    expect(refusal('ports: []', 'volumes: [{name: v, emptyDir: {}, configMap: {name: a}}]')).toBe(
      'spec.volumes[0].configMap: Forbidden: may not specify more than 1 volume type',
    );
    expect(refusal('ports: []', 'volumes: [{name: v, configMap: {name: a, items: [{key: k, path: ../x}]}}]')).toBe(
      'spec.volumes[0].configMap.items[0].path: Invalid value: "../x": must not contain \'..\'',
    );
    expect(refusal('volumeMounts: [{name: v, mountPath: /a, subPath: /b}]', 'volumes: [{name: v, emptyDir: {}}]')).toBe(
      'spec.containers[0].volumeMounts[0].subPath: Invalid value: "/b": must be a relative path',
    );
  });
});
