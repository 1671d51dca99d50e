/** The kind Service: schema, defaults and the row of `kubectl get services`. */
import { defineKind } from '../../objects/define.ts';
import { formatLabels } from '../label-selector.ts';
import { anything, choice, flag, integer, intOrString, kindSchema, list, struct, text, textMap, texts, withDefault } from '../schema.ts';
import { admitService } from './allocate.ts';
import { type Service, type ServicePort, type ServiceSpec, usesNodePorts } from './types.ts';
import { validateService } from './validate.ts';

const portSchema = struct(
  'A port of the Service.',
  {
    name: text('Name of the port; required when there are several.'),
    port: integer('Number on the Service address.'),
    targetPort: intOrString('Number, or name of a container port; the same as port when absent.'),
    protocol: withDefault(choice('Protocol.', ['SCTP', 'TCP', 'UDP']), 'TCP'),
    nodePort: integer('Port on every node, 30000-32767; chosen when absent.'),
    appProtocol: text('What is spoken on top.'),
  },
  ['port'],
  { goType: 'ServicePort' },
);

const schema = kindSchema(
  'A stable address for a set of pods. It exists only as rules in the kernel of each node.',
  {
    spec: struct(
      'What the Service is.',
      {
        type: withDefault(choice('How it can be reached.', ['ClusterIP', 'ExternalName', 'LoadBalancer', 'NodePort']), 'ClusterIP'),
        selector: textMap('Labels of the pods that serve. Without a selector you write the EndpointSlices yourself.'),
        ports: list('Ports.', portSchema, ['port', 'protocol']),
        clusterIP: text('Address inside the cluster; chosen when absent. None makes the Service headless: DNS answers with the pods.'),
        clusterIPs: texts('The same as a list, one per IP family.'),
        ipFamilies: list('IP families; the first is that of clusterIP.', choice('Family.', ['IPv4', 'IPv6'])),
        ipFamilyPolicy: choice('One family or two.', ['SingleStack', 'PreferDualStack', 'RequireDualStack']),
        externalIPs: texts('Further addresses on which nodes accept traffic for the Service.'),
        externalName: text('For type ExternalName: the name that DNS answers with.'),
        externalTrafficPolicy: choice('Local: a node sends outside traffic only to its own pods and keeps the source address.', ['Cluster', 'Local']),
        internalTrafficPolicy: choice('Local: a node sends inside traffic only to its own pods.', ['Cluster', 'Local']),
        trafficDistribution: text('Preference for near endpoints: PreferSameZone (or PreferClose), PreferSameNode.'),
        healthCheckNodePort: integer('Port on which load balancers ask whether a node has pods.'),
        publishNotReadyAddresses: flag('Endpoints count as ready even when the pods are not.'),
        sessionAffinity: withDefault(choice('ClientIP: one client always reaches the same pod.', ['ClientIP', 'None']), 'None'),
        sessionAffinityConfig: struct('Settings of session affinity.', {
          clientIP: struct('By client address.', { timeoutSeconds: integer('Seconds a client is remembered; 10800 when absent.') }),
        }),
        loadBalancerIP: text('Wanted address of the load balancer.'),
        loadBalancerClass: text('Which load balancer.'),
        loadBalancerSourceRanges: texts('Clients that the load balancer lets through.'),
        allocateLoadBalancerNodePorts: flag('Whether a load balancer needs node ports.'),
      },
      [],
      { goType: 'ServiceSpec' },
    ),
    status: {
      ...struct('What a load balancer reports.', {
        loadBalancer: struct('Its addresses.', {
          ingress: list(
            'Addresses.',
            struct('An address.', {
              ip: text('IP address.'),
              hostname: text('Name.'),
              ipMode: text('VIP or Proxy.'),
              ports: list('Ports.', anything('A port.')),
            }),
          ),
        }),
        conditions: list('Conditions.', anything('A condition.')),
      }),
    },
  },
  ['spec'],
);

/** Kubernetes: pkg/apis/core/v1/defaults.go, SetDefaults_Service; pkg/registry/core/service, normalizeClusterIPs and defaultOnRead. */
function defaults(service: Service): Service {
  const { spec } = service;
  // A missing spec is told by the schema's rules, which run later.
  if (spec === undefined) return service;
  const filled: { -readonly [K in keyof ServiceSpec]?: ServiceSpec[K] } = {};
  const type = spec.type ?? 'ClusterIP';
  if (spec.sessionAffinity === 'ClientIP' && spec.sessionAffinityConfig?.clientIP?.timeoutSeconds === undefined)
    filled.sessionAffinityConfig = { clientIP: { timeoutSeconds: 10800 } };
  const ports = portDefaults(spec.ports);
  if (ports !== spec.ports && ports !== undefined) filled.ports = ports;
  const outside = usesNodePorts(service) || (spec.externalIPs ?? []).length > 0;
  if (outside && spec.externalTrafficPolicy === undefined) filled.externalTrafficPolicy = 'Cluster';
  if (type !== 'ExternalName' && spec.internalTrafficPolicy === undefined) filled.internalTrafficPolicy = 'Cluster';
  if (type === 'LoadBalancer' && spec.allocateLoadBalancerNodePorts === undefined) filled.allocateLoadBalancerNodePorts = true;
  const noIps = spec.clusterIPs === undefined || spec.clusterIPs.length === 0;
  if (noIps && spec.clusterIP !== undefined && spec.clusterIP !== '') filled.clusterIPs = [spec.clusterIP];
  else if (!noIps && (spec.clusterIP ?? '') === '' && spec.clusterIPs?.[0] !== undefined) filled.clusterIP = spec.clusterIPs[0];
  return Object.keys(filled).length === 0 ? service : { ...service, spec: { ...spec, ...filled } };
}

function portDefaults(ports: readonly ServicePort[] | undefined): readonly ServicePort[] | undefined {
  if (ports?.every((port) => port.targetPort !== undefined && port.targetPort !== 0 && port.targetPort !== '')) return ports;
  return ports?.map((port) => (port.targetPort === undefined || port.targetPort === 0 || port.targetPort === '' ? { ...port, targetPort: port.port } : port));
}

/** `80:30080/TCP,443/TCP`. Kubernetes: pkg/printers/internalversion, makePortString. */
export function formatPorts(ports: readonly ServicePort[] | undefined): string {
  if (ports === undefined || ports.length === 0) return '<none>';
  return ports.map((port) => `${port.port}${(port.nodePort ?? 0) > 0 ? `:${port.nodePort}` : ''}/${port.protocol ?? 'TCP'}`).join(',');
}

/** Lists are cut after 16 characters unless wide. */
function loadBalancerText(service: Service, wide: boolean): string {
  const addresses = [...new Set((service.status?.loadBalancer?.ingress ?? []).map((one) => one.ip || one.hostname || '').filter((one) => one !== ''))].sort();
  const joined = addresses.join(',');
  return !wide && joined.length > 16 ? `${joined.slice(0, 13)}...` : joined;
}

function externalText(service: Service, wide: boolean): string {
  const { spec } = service;
  const external = spec.externalIPs ?? [];
  switch (spec.type ?? 'ClusterIP') {
    case 'LoadBalancer': {
      const balancer = loadBalancerText(service, wide);
      if (external.length > 0) return [...(balancer === '' ? [] : [balancer]), ...external].join(',');
      return balancer === '' ? '<pending>' : balancer;
    }
    case 'ExternalName':
      return spec.externalName ?? '';
    case 'ClusterIP':
    case 'NodePort':
      return external.length > 0 ? external.join(',') : '<none>';
    default:
      return '<unknown>';
  }
}

export const service = defineKind<Service>({
  apiVersion: 'v1',
  kind: 'Service',
  plural: 'services',
  singular: 'service',
  shortNames: ['svc'],
  namespaced: true,
  nameFormat: 'dns1035Label',
  hasGeneration: false,
  schema,
  defaults,
  validate: validateService,
  admit: admitService,
  columns: [
    { name: 'NAME', priority: 0 },
    { name: 'TYPE', priority: 0 },
    { name: 'CLUSTER-IP', priority: 0 },
    { name: 'EXTERNAL-IP', priority: 0 },
    { name: 'PORT(S)', priority: 0 },
    { name: 'AGE', priority: 0 },
    { name: 'SELECTOR', priority: 1 },
  ],
  row: (object, context) => [
    object.metadata.name,
    object.spec.type ?? 'ClusterIP',
    object.spec.clusterIPs?.[0] || object.spec.clusterIP || '<none>',
    externalText(object, context.wide === true),
    formatPorts(object.spec.ports),
    context.age(object.metadata.creationTimestamp),
    formatLabels(object.spec.selector),
  ],
  describe: (object) => ({ title: object.metadata.name, subtitle: object.spec.clusterIP ?? '', badges: [object.spec.type ?? 'ClusterIP'] }),
});
