/** kubectl expose: a Service for a workload, pod or other Service. Kubernetes: kubectl/pkg/cmd/expose/expose.go */
import type { KubeObject } from '../../objects/types.ts';
import { at, list, number, pairs, text } from '../json.ts';
import { defineVerb, dryRunFlag, filenameFlag, getObject, type Kubectl, MUST_PROVIDE, outputFlag, readResources } from './client.ts';
import { store } from './create.ts';
import { KubectlError } from './flags.ts';
import { parsePairs } from './generators.ts';

export const expose = defineVerb({
  name: 'expose',
  summary: 'makes a Service for a deployment, pod or service (--port=N)',
  completes: 'resources',
  flags: [
    filenameFlag,
    dryRunFlag,
    outputFlag,
    { name: 'field-manager', type: 'string' },
    { name: 'name', type: 'string' },
    { name: 'port', type: 'string' },
    { name: 'target-port', type: 'string' },
    { name: 'type', type: 'string' },
    { name: 'protocol', type: 'string' },
    { name: 'selector', type: 'string' },
    { name: 'labels', short: 'l', type: 'string' },
    { name: 'cluster-ip', type: 'string' },
    { name: 'external-ip', type: 'string' },
    { name: 'session-affinity', type: 'string' },
    { name: 'load-balancer-ip', type: 'string' },
  ],
  run: (kubectl) => {
    const { flags } = kubectl;
    if (flags.args.length === 0) throw new KubectlError(MUST_PROVIDE);
    const { requests } = readResources(kubectl, flags.args);
    const named = requests.filter((request) => request.name !== undefined);
    if (named.length === 0) throw new KubectlError('error: resource(s) were provided, but no name was specified');
    let status = 0;
    for (const { kind, name } of named) {
      if (!['Deployment', 'ReplicaSet', 'Pod', 'Service', 'ReplicationController'].includes(kind.kind))
        throw new KubectlError(`error: cannot expose a ${kind.kind}.${kind.apiVersion.split('/')[0]}`);
      const object = getObject(kubectl, kind, name ?? '');
      const service = buildService(kubectl, object);
      status = Math.max(status, Number(store(kubectl, service, undefined, 'exposed', 'kubectl-expose')));
    }
    return status;
  },
});

function selectorOf(kubectl: Kubectl, object: KubeObject): Record<string, string> {
  const given = kubectl.flags.get('selector');
  if (given !== '') return parsePairs([given]);
  if (list(at(object, 'spec', 'selector', 'matchExpressions')).length > 0)
    throw new KubectlError('error: couldn\'t convert expressions - "matchExpressions" to map-based selector format');
  const source =
    object.kind === 'Pod' ? object.metadata.labels : object.kind === 'Service' ? at(object, 'spec', 'selector') : at(object, 'spec', 'selector', 'matchLabels');
  const selector = Object.fromEntries(pairs(source));
  if (Object.keys(selector).length === 0) {
    throw new KubectlError(
      object.kind === 'Pod'
        ? 'error: the pod has no labels and cannot be exposed'
        : object.kind === 'Service'
          ? 'error: the service has no pod selector set'
          : 'error: invalid deployment: no selectors, therefore cannot be exposed',
    );
  }
  return selector;
}

interface ExposedPort {
  readonly port: number;
  readonly protocol: string;
  readonly targetPort?: number | string;
  readonly name?: string;
}

/** Ports of the exposed thing, when --port does not say them. */
function portsOf(object: KubeObject): readonly ExposedPort[] {
  if (object.kind === 'Service')
    return list(at(object, 'spec', 'ports')).map((port) => ({ port: number(at(port, 'port')), protocol: text(at(port, 'protocol')) || 'TCP' }));
  const containers = list(at(object, 'spec', 'template', 'spec', 'containers') ?? at(object, 'spec', 'containers'));
  return containers.flatMap((container) =>
    list(at(container, 'ports')).map((port) => ({ port: number(at(port, 'containerPort')), protocol: text(at(port, 'protocol')) || 'TCP' })),
  );
}

function buildService(kubectl: Kubectl, object: KubeObject): KubeObject {
  const { flags } = kubectl;
  const selector = selectorOf(kubectl, object);
  const own = portsOf(object);
  const protocol = flags.get('protocol');
  const given = flags.get('port') === '' ? [] : flags.get('port').split(',');
  if (given.length === 0 && own.length === 0)
    throw new KubectlError("error: couldn't find port via --port flag or introspection\nSee 'kubectl expose -h' for help and examples");
  const ports: ExposedPort[] =
    given.length === 0
      ? own.map((port) => ({ ...port }))
      : given.map((word) => {
          if (!/^\d+$/.test(word)) throw new KubectlError(`error: strconv.Atoi: parsing "${word}": invalid syntax`);
          return { port: Number(word), protocol: protocol === '' ? (own.find((port) => port.port === Number(word))?.protocol ?? 'TCP') : protocol };
        });
  const target = flags.get('target-port');
  const finished = ports.map((port, index) => ({
    ...(ports.length > 1 ? { name: `port-${index + 1}` } : {}),
    port: port.port,
    protocol: protocol === '' ? port.protocol : protocol,
    targetPort: target === '' ? port.port : /^\d+$/.test(target) ? Number(target) : target,
  }));
  const type = flags.get('type');
  if (type !== '' && !['ClusterIP', 'NodePort', 'LoadBalancer', 'ExternalName'].includes(type)) {
    throw new KubectlError(
      `The Service "${flags.get('name') || object.metadata.name}" is invalid: spec.type: Unsupported value: "${type}": supported values: "ClusterIP", "ExternalName", "LoadBalancer", "NodePort"`,
    );
  }
  const labels = flags.get('labels') === '' ? object.metadata.labels : parsePairs([flags.get('labels')]);
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: flags.get('name') || object.metadata.name, namespace: kubectl.namespace, ...(labels === undefined ? {} : { labels }) },
    spec: {
      ports: finished,
      selector,
      ...(type === '' ? {} : { type }),
      ...(flags.has('cluster-ip') ? { clusterIP: flags.get('cluster-ip') } : {}),
      ...(flags.has('external-ip') ? { externalIPs: [flags.get('external-ip')] } : {}),
      ...(flags.has('session-affinity') ? { sessionAffinity: flags.get('session-affinity') } : {}),
      ...(flags.has('load-balancer-ip') ? { loadBalancerIP: flags.get('load-balancer-ip') } : {}),
    },
    status: { loadBalancer: {} },
  };
}
