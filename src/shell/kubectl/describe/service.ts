/** kubectl describe service, endpointslice, endpoints, ingress, ingressclass, networkpolicy. */
import type { KubeObject } from '../../../objects/types.ts';
import { at, list, number, text } from '../../json.ts';
import { goTime } from '../age.ts';
import {
  annotations,
  type DescribeContext,
  describeEvents,
  formatEndpoints,
  formatLabels,
  formatSelector,
  heading,
  labels,
  metadata,
  slicesOf,
} from './common.ts';
import type { PrefixWriter } from './writer.ts';

export function describeService(writer: PrefixWriter, service: KubeObject, context: DescribeContext): void {
  const line = (title: string, value: string): void => writer.write(0, `${title}:\t${value}\n`);
  const spec = (field: string): unknown => at(service, 'spec', field);
  const optional = (title: string, value: string): void => {
    if (value !== '') line(title, value);
  };
  const joined = (value: unknown): string => list(value).map(text).join(',');
  heading(writer, service);
  metadata(writer, service);
  line('Selector', formatLabels(spec('selector')));
  line('Type', text(spec('type')));
  optional('IP Family Policy', text(spec('ipFamilyPolicy')));
  line('IP Families', joined(spec('ipFamilies')) || '<none>');
  line('IP', text(spec('clusterIP')));
  line('IPs', joined(spec('clusterIPs')) || '<none>');
  optional('External IPs', joined(spec('externalIPs')));
  optional('Desired LoadBalancer IP', text(spec('loadBalancerIP')));
  optional('External Name', text(spec('externalName')));
  const ingress = list(at(service, 'status', 'loadBalancer', 'ingress')).map(
    (entry) => (text(at(entry, 'ip')) || text(at(entry, 'hostname'))) + (text(at(entry, 'ipMode')) === '' ? '' : ` (${text(at(entry, 'ipMode'))})`),
  );
  optional('LoadBalancer Ingress', ingress.join(', '));
  const slices = slicesOf(context.host, service.metadata.namespace ?? '', service.metadata.name);
  for (const port of list(spec('ports'))) {
    const name = text(at(port, 'name'));
    const protocol = text(at(port, 'protocol')) || 'TCP';
    writer.write(0, `Port:\t${name || '<unset>'}\t${number(at(port, 'port'))}/${protocol}\n`);
    writer.write(0, `TargetPort:\t${text(at(port, 'targetPort'))}/${protocol}\n`);
    if (number(at(port, 'nodePort')) !== 0) writer.write(0, `NodePort:\t${name || '<unset>'}\t${number(at(port, 'nodePort'))}/${protocol}\n`);
    line('Endpoints', formatEndpoints(slices, name));
  }
  line('Session Affinity', text(spec('sessionAffinity')));
  optional('External Traffic Policy', text(spec('externalTrafficPolicy')));
  optional('Internal Traffic Policy', text(spec('internalTrafficPolicy')));
  if (number(spec('healthCheckNodePort')) !== 0) line('HealthCheck NodePort', String(number(spec('healthCheckNodePort'))));
  optional('Traffic Distribution', text(spec('trafficDistribution')));
  optional('LoadBalancer Source Ranges', joined(spec('loadBalancerSourceRanges')));
  describeEvents(writer, context);
}

export function describeEndpointSlice(writer: PrefixWriter, slice: KubeObject, context: DescribeContext): void {
  heading(writer, slice);
  metadata(writer, slice);
  writer.write(0, `AddressType:\t${text(at(slice, 'addressType'))}\n`);
  const ports = list(at(slice, 'ports'));
  writer.write(0, ports.length === 0 ? 'Ports: <unset>\n' : 'Ports:\n  Name\tPort\tProtocol\n  ----\t----\t--------\n');
  for (const port of ports)
    writer.write(1, `${text(at(port, 'name')) || '<unset>'}\t${text(at(port, 'port')) || '<unset>'}\t${text(at(port, 'protocol')) || 'TCP'}\n`);
  const endpoints = list(at(slice, 'endpoints'));
  writer.write(0, endpoints.length === 0 ? 'Endpoints: <none>\n' : 'Endpoints:\n');
  for (const endpoint of endpoints) {
    writer.write(1, `- Addresses:\t${list(at(endpoint, 'addresses')).map(text).join(', ')}\n`);
    writer.write(2, 'Conditions:\n');
    writer.write(3, `Ready:\t${text(at(endpoint, 'conditions', 'ready')) || '<unset>'}\n`);
    writer.write(2, `Hostname:\t${text(at(endpoint, 'hostname')) || '<unset>'}\n`);
    const target = at(endpoint, 'targetRef');
    if (target !== undefined) writer.write(2, `TargetRef:\t${text(at(target, 'kind'))}/${text(at(target, 'name'))}\n`);
    writer.write(2, `NodeName:\t${text(at(endpoint, 'nodeName')) || '<unset>'}\n`);
    writer.write(2, `Zone:\t${text(at(endpoint, 'zone')) || '<unset>'}\n`);
  }
  describeEvents(writer, context);
}

export function describeEndpoints(writer: PrefixWriter, endpoints: KubeObject, context: DescribeContext): void {
  heading(writer, endpoints);
  metadata(writer, endpoints);
  writer.write(0, 'Subsets:\n');
  for (const [index, subset] of list(at(endpoints, 'subsets')).entries()) {
    if (index > 0) writer.write(0, '\n');
    const addresses = (field: string): string =>
      list(at(subset, field))
        .map((address) => text(at(address, 'ip')))
        .join(',') || '<none>';
    writer.write(1, `Addresses:\t${addresses('addresses')}\n`);
    writer.write(1, `NotReadyAddresses:\t${addresses('notReadyAddresses')}\n`);
    const ports = list(at(subset, 'ports'));
    if (ports.length > 0) {
      writer.write(1, 'Ports:\n');
      writer.write(2, 'Name\tPort\tProtocol\n');
      writer.write(2, '----\t----\t--------\n');
      for (const port of ports)
        writer.write(2, `${text(at(port, 'name')) || '<unset>'}\t${number(at(port, 'port'))}\t${text(at(port, 'protocol')) || 'TCP'}\n`);
    }
    writer.write(0, '\n');
  }
  describeEvents(writer, context);
}

function backendText(context: DescribeContext, namespace: string, backend: unknown): string {
  const resource = at(backend, 'resource');
  if (resource !== undefined)
    return `APIGroup: ${text(at(resource, 'apiGroup')) || '<none>'}, Kind: ${text(at(resource, 'kind'))}, Name: ${text(at(resource, 'name'))}`;
  const name = text(at(backend, 'service', 'name'));
  const portNumber = text(at(backend, 'service', 'port', 'number'));
  const portName = text(at(backend, 'service', 'port', 'name'));
  const title = `${name}:${portNumber || portName}`;
  const service = context.host.api.view.find(`Service/${namespace}/${name}`);
  if (service === undefined) return `${title} (<error: services "${name}" not found>)`;
  const port = list(at(service, 'spec', 'ports')).find(
    (candidate) => text(at(candidate, 'port')) === portNumber || (portName !== '' && text(at(candidate, 'name')) === portName),
  );
  return `${title} (${formatEndpoints(slicesOf(context.host, namespace, name), text(at(port, 'name')))})`;
}

export function describeIngress(writer: PrefixWriter, ingress: KubeObject, context: DescribeContext): void {
  const namespace = ingress.metadata.namespace ?? '';
  writer.write(0, `Name:\t${ingress.metadata.name}\n`);
  labels(writer, 'Labels', ingress.metadata.labels);
  writer.write(0, `Namespace:\t${namespace}\n`);
  const addresses = list(at(ingress, 'status', 'loadBalancer', 'ingress')).map((entry) => text(at(entry, 'ip')) || text(at(entry, 'hostname')));
  writer.write(0, `Address:\t${addresses.join(',')}\n`);
  writer.write(0, `Ingress Class:\t${text(at(ingress, 'spec', 'ingressClassName')) || '<none>'}\n`);
  const backend = at(ingress, 'spec', 'defaultBackend');
  writer.write(0, `Default backend:\t${backend === undefined ? '<default>' : backendText(context, namespace, backend)}\n`);
  const tls = list(at(ingress, 'spec', 'tls'));
  if (tls.length > 0) writer.write(0, 'TLS:\n');
  for (const entry of tls) {
    const hosts = list(at(entry, 'hosts')).map(text).join(',');
    const secret = text(at(entry, 'secretName'));
    writer.write(1, secret === '' ? `SNI routes ${hosts}\n` : `${secret} terminates ${hosts}\n`);
  }
  writer.write(0, 'Rules:\n  Host\tPath\tBackends\n  ----\t----\t--------\n');
  let count = 0;
  for (const rule of list(at(ingress, 'spec', 'rules'))) {
    if (at(rule, 'http') === undefined) continue;
    count += 1;
    writer.write(1, `${text(at(rule, 'host')) || '*'}\t\n`);
    for (const path of list(at(rule, 'http', 'paths')))
      writer.write(2, `\t${text(at(path, 'path'))} \t${backendText(context, namespace, at(path, 'backend'))}\n`);
  }
  if (count === 0) writer.write(1, `*\t*\t${backend === undefined ? '<default>' : backendText(context, namespace, backend)}\n`);
  annotations(writer, 'Annotations', ingress.metadata.annotations);
  describeEvents(writer, context);
}

export function describeIngressClass(writer: PrefixWriter, object: KubeObject, context: DescribeContext): void {
  heading(writer, object);
  metadata(writer, object);
  writer.write(0, `Controller:\t${text(at(object, 'spec', 'controller'))}\n`);
  const parameters = at(object, 'spec', 'parameters');
  if (parameters !== undefined) {
    writer.write(0, 'Parameters:\n');
    if (text(at(parameters, 'apiGroup')) !== '') writer.write(1, `APIGroup:\t${text(at(parameters, 'apiGroup'))}\n`);
    writer.write(1, `Kind:\t${text(at(parameters, 'kind'))}\n`);
    writer.write(1, `Name:\t${text(at(parameters, 'name'))}\n`);
  }
  describeEvents(writer, context);
}

export function describeNetworkPolicy(writer: PrefixWriter, policy: KubeObject): void {
  heading(writer, policy);
  writer.write(0, `Created on:\t${goTime(policy.metadata.creationTimestamp ?? '')}\n`);
  metadata(writer, policy);
  const spec = at(policy, 'spec');
  const selector = formatSelector(at(spec, 'podSelector'));
  writer.write(0, 'Spec:\n');
  writer.write(1, `PodSelector:     ${selector === '<none>' ? '<none> (Allowing the specific traffic to all pods in this namespace)' : selector}\n`);
  const types = list(at(spec, 'policyTypes')).map(text);
  for (const side of ['ingress', 'egress'] as const) {
    const named = side === 'ingress' ? 'Ingress' : 'Egress';
    if (!types.includes(named)) {
      writer.write(1, `Not affecting ${side} traffic\n`);
      continue;
    }
    writer.write(1, `Allowing ${side} traffic:\n`);
    policyRules(writer, list(at(spec, side)), side);
  }
  writer.write(1, `Policy Types: ${types.join(', ')}\n`);
}

function policyRules(writer: PrefixWriter, rules: readonly unknown[], side: 'ingress' | 'egress'): void {
  if (rules.length === 0) writer.write(2, `<none> (Selected pods are isolated for ${side} connectivity)\n`);
  for (const [index, rule] of rules.entries()) {
    const ports = list(at(rule, 'ports'));
    if (ports.length === 0) writer.write(2, 'To Port: <any> (traffic allowed to all ports)\n');
    for (const port of ports) {
      const protocol = text(at(port, 'protocol')) || 'TCP';
      const end = at(port, 'endPort');
      writer.write(
        2,
        end === undefined
          ? `To Port: ${text(at(port, 'port')) || '<any>'}/${protocol}\n`
          : `To Port Range: ${text(at(port, 'port'))}-${text(end)}/${protocol}\n`,
      );
    }
    const word = side === 'ingress' ? 'From' : 'To';
    const peers = list(at(rule, side === 'ingress' ? 'from' : 'to'));
    if (peers.length === 0) writer.write(2, `${word}: <any> (traffic not restricted by ${side === 'ingress' ? 'source' : 'destination'})\n`);
    for (const peer of peers) {
      writer.write(2, `${word}:\n`);
      const namespaces = at(peer, 'namespaceSelector');
      const pods = at(peer, 'podSelector');
      if (namespaces !== undefined) writer.write(3, `NamespaceSelector: ${formatSelector(namespaces)}\n`);
      if (pods !== undefined) writer.write(3, `PodSelector: ${formatSelector(pods)}\n`);
      const block = at(peer, 'ipBlock');
      if (block === undefined) continue;
      writer.write(3, 'IPBlock:\n');
      writer.write(4, `CIDR: ${text(at(block, 'cidr'))}\n`);
      writer.write(4, `Except: ${list(at(block, 'except')).map(text).join(', ')}\n`);
    }
    if (index < rules.length - 1) writer.write(2, '----------\n');
  }
}
