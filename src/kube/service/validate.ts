/** What a Service must fulfil beyond its schema. Kubernetes: pkg/apis/core/validation/validation.go, ValidateService. */
import type { FieldError } from '../../objects/types.ts';
import { isCidr, isIp } from '../addresses.ts';
import { duplicate, forbidden, invalid, invalidEach, portRange, required, unsupported } from '../field-errors.ts';
import { validateSelector } from '../label-selector.ts';
import { dnsLabelErrors, dnsSubdomainErrors, portNameErrors } from '../names.ts';
import { familyOf } from './ip-families.ts';
import { normalizeService } from './normalize.ts';
import { needsClusterIp, type Service, type ServicePort, usesNodePorts } from './types.ts';

const ipWords = 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)';
const DISTRIBUTIONS = ['PreferClose', 'PreferSameNode', 'PreferSameZone'];
const cidrWords = 'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)';

export function validateService(given: Service, old: Service | undefined): readonly FieldError[] {
  const service = normalizeService(given, old);
  const { spec } = service;
  const type = spec.type ?? 'ClusterIP';
  const errors: FieldError[] = [];
  const ports = spec.ports ?? [];
  const headless = spec.clusterIPs?.[0] === 'None';
  if (ports.length === 0 && !headless && type !== 'ExternalName') errors.push(required('spec.ports'));
  if (type === 'LoadBalancer' && headless) errors.push(invalid('spec.clusterIPs[0]', 'None', "may not be set to 'None' for LoadBalancer services"));
  if (type === 'NodePort' && headless) errors.push(invalid('spec.clusterIPs[0]', 'None', "may not be set to 'None' for NodePort services"));
  if (type === 'ExternalName') errors.push(...externalNameErrors(service));
  errors.push(...portErrors(ports));
  if (spec.selector !== undefined) {
    // A plain map of labels: its errors stand at the selector itself.
    errors.push(...validateSelector('spec.selector', { matchLabels: spec.selector }).map((error) => ({ ...error, path: 'spec.selector' })));
  }
  if (spec.sessionAffinity === 'ClientIP') {
    const seconds = spec.sessionAffinityConfig?.clientIP?.timeoutSeconds;
    if (seconds !== undefined && (seconds <= 0 || seconds > 86400)) {
      errors.push(invalid('spec.sessionAffinityConfig.clientIP.timeoutSeconds', seconds, 'must be greater than 0 and less than 86400'));
    }
  } else if (spec.sessionAffinity === 'None' && spec.sessionAffinityConfig !== undefined) {
    errors.push(forbidden('spec.sessionAffinityConfig', 'must not be set when session affinity is None'));
  }
  errors.push(...clusterIpErrors(service));
  (spec.externalIPs ?? []).forEach((address, index) => {
    if (!isIp(address)) errors.push(invalid(`spec.externalIPs[${index}]`, address, ipWords));
    else if (/^(0\.0\.0\.0|127\.|169\.254\.|224\.)/.test(address)) errors.push(invalid(`spec.externalIPs[${index}]`, address, specialWords(address)));
  });
  errors.push(...nodePortErrors(service), ...sourceRangeErrors(service));
  if (type !== 'LoadBalancer' && spec.allocateLoadBalancerNodePorts !== undefined) {
    errors.push(forbidden('spec.allocateLoadBalancerNodePorts', "may only be used when `type` is 'LoadBalancer'"));
  }
  if (type === 'LoadBalancer' && spec.allocateLoadBalancerNodePorts === undefined) errors.push(required('spec.allocateLoadBalancerNodePorts'));
  if (type !== 'LoadBalancer' && spec.loadBalancerClass !== undefined)
    errors.push(forbidden('spec.loadBalancerClass', "may only be used when `type` is 'LoadBalancer'"));
  errors.push(...trafficPolicyErrors(service));
  const { trafficDistribution } = spec;
  if (trafficDistribution !== undefined && !DISTRIBUTIONS.includes(trafficDistribution))
    errors.push(unsupported('spec.trafficDistribution', trafficDistribution, DISTRIBUTIONS));
  if (old !== undefined) errors.push(...updateErrors(service, old));
  return errors;
}

/** Kubernetes: ValidateNonSpecialIP. */
function specialWords(address: string): string {
  if (address === '0.0.0.0') return 'may not be unspecified (0.0.0.0)';
  if (address.startsWith('127.')) return 'may not be in the loopback range (127.0.0.0/8, ::1/128)';
  if (address.startsWith('169.254.')) return 'may not be in the link-local range (169.254.0.0/16, fe80::/10)';
  return 'may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)';
}

function externalNameErrors({ spec }: Service): FieldError[] {
  const errors: FieldError[] = [];
  if ((spec.clusterIPs ?? []).length > 0) errors.push(forbidden('spec.clusterIPs', 'may not be set for ExternalName services'));
  if ((spec.ipFamilies ?? []).length > 0) errors.push(forbidden('spec.ipFamilies', 'may not be set for ExternalName services'));
  if (spec.ipFamilyPolicy !== undefined) errors.push(forbidden('spec.ipFamilyPolicy', 'may not be set for ExternalName services'));
  // A final dot is allowed: it marks a full domain name.
  const name = (spec.externalName ?? '').replace(/\.$/, '');
  if (name === '') errors.push(required('spec.externalName'));
  else errors.push(...invalidEach('spec.externalName', name, dnsSubdomainErrors(name)));
  return errors;
}

function portErrors(ports: readonly ServicePort[]): FieldError[] {
  const errors: FieldError[] = [];
  const names = new Set<string>();
  ports.forEach((port, index) => {
    const at = `spec.ports[${index}]`;
    const name = port.name ?? '';
    if (name === '') {
      if (ports.length > 1) errors.push(required(`${at}.name`));
    } else {
      errors.push(...invalidEach(`${at}.name`, name, dnsLabelErrors(name)));
      if (names.has(name)) errors.push(duplicate(`${at}.name`, name));
      names.add(name);
    }
    errors.push(...portRange(`${at}.port`, port.port));
    const target = port.targetPort ?? port.port;
    // A wrong number that was only copied from `port` is told once.
    if (typeof target === 'number') errors.push(...(target === port.port ? [] : portRange(`${at}.targetPort`, target)));
    else errors.push(...invalidEach(`${at}.targetPort`, target, portNameErrors(target)));
  });
  const seen = new Set<string>();
  const numbers = new Set<string>();
  ports.forEach((port, index) => {
    const key = `${port.protocol ?? 'TCP'}/${port.port}`;
    if (seen.has(key)) errors.push(duplicate(`spec.ports[${index}]`, { port: port.port, protocol: port.protocol ?? 'TCP' }));
    seen.add(key);
    if ((port.nodePort ?? 0) === 0) return;
    const nodeKey = `${port.protocol ?? 'TCP'}/${port.nodePort}`;
    if (numbers.has(nodeKey)) errors.push(duplicate(`spec.ports[${index}].nodePort`, port.nodePort));
    numbers.add(nodeKey);
  });
  return errors;
}

function clusterIpErrors(service: Service): FieldError[] {
  const errors: FieldError[] = [];
  const { spec } = service;
  if (!needsClusterIp(service)) return errors;
  const ips = spec.clusterIPs ?? [];
  if (ips.length > 0 && spec.clusterIP !== undefined && spec.clusterIP !== ips[0])
    errors.push(invalid('spec.clusterIPs[0]', ips, 'first value must match `clusterIP`'));
  const families = spec.ipFamilies ?? [];
  families.forEach((family, index) => {
    if (families.indexOf(family) < index) errors.push(duplicate(`spec.ipFamilies[${index}]`, family));
  });
  ips.forEach((address, index) => {
    if (address === 'None' && index === 0) {
      if (ips.length > 1) errors.push(invalid('spec.clusterIPs', ips, "'None' must be the first and only value"));
    } else if (!isIp(address)) errors.push(invalid(`spec.clusterIPs[${index}]`, address, ipWords));
  });
  if (ips.length > 2) errors.push(invalid('spec.clusterIPs', ips, 'may only hold up to 2 values'));
  if (ips[0] === 'None' || !ips.every(isIp)) return errors;
  if (ips.length > 1 && new Set(ips.map(familyOf)).size < ips.length)
    errors.push(invalid('spec.clusterIPs', ips, 'may specify no more than one IP for each IP family'));
  ips.forEach((address, index) => {
    const family = families[index];
    if (family !== undefined && family !== familyOf(address))
      errors.push(invalid(`spec.clusterIPs[${index}]`, address, `expected an ${family} value as indicated by \`ipFamilies[${index}]\``));
  });
  return errors;
}

function nodePortErrors(service: Service): FieldError[] {
  const type = service.spec.type ?? 'ClusterIP';
  if (usesNodePorts(service)) return [];
  return (service.spec.ports ?? []).flatMap((port, index) =>
    (port.nodePort ?? 0) !== 0 ? [forbidden(`spec.ports[${index}].nodePort`, `may not be used when \`type\` is '${type}'`)] : [],
  );
}

/** The capital L is the API server's own. */
function sourceRangeErrors({ spec }: Service): FieldError[] {
  const ranges = spec.loadBalancerSourceRanges ?? [];
  if (ranges.length === 0) return [];
  if (spec.type !== 'LoadBalancer') return [forbidden('spec.LoadBalancerSourceRanges', "may only be used when `type` is 'LoadBalancer'")];
  return ranges.flatMap((range, index) => (isCidr(range.trim()) ? [] : [invalid(`spec.LoadBalancerSourceRanges[${index}]`, range, cidrWords)]));
}

function trafficPolicyErrors(service: Service): FieldError[] {
  const { spec } = service;
  const errors: FieldError[] = [];
  const outside = usesNodePorts(service) || ((spec.type ?? 'ClusterIP') === 'ClusterIP' && (spec.externalIPs ?? []).length > 0);
  const external = spec.externalTrafficPolicy;
  if (external !== undefined && !outside) errors.push(invalid('spec.externalTrafficPolicy', external, 'may only be set for externally-accessible services'));
  else if (external !== undefined && external !== 'Cluster' && external !== 'Local')
    errors.push(unsupported('spec.externalTrafficPolicy', external, ['Cluster', 'Local']));
  if ((spec.healthCheckNodePort ?? 0) !== 0 && !(spec.type === 'LoadBalancer' && external === 'Local')) {
    errors.push(
      invalid('spec.healthCheckNodePort', spec.healthCheckNodePort, "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'"),
    );
  }
  return errors;
}

/** The first ClusterIP and family stay unless the type changes to or from ExternalName. Kubernetes: upgradeAndDowngradeClusterIPs, upgradeAndDowngradeIPFamilies. */
function updateErrors(service: Service, old: Service): FieldError[] {
  if (!needsClusterIp(service) || !needsClusterIp(old)) return [];
  const before = old.spec.clusterIPs?.[0] ?? '';
  const now = service.spec.clusterIPs?.[0] ?? '';
  const errors: FieldError[] = [];
  if (before !== '' && now !== '' && before !== now) errors.push(invalid('spec.clusterIPs[0]', service.spec.clusterIPs, 'may not change once set'));
  const [second, second2] = [old.spec.clusterIPs?.[1], service.spec.clusterIPs?.[1]];
  if (second !== undefined && second2 !== undefined && second !== second2)
    errors.push(invalid('spec.clusterIPs[1]', service.spec.clusterIPs, 'may not change once set'));
  const [was, is] = [old.spec.ipFamilies ?? [], service.spec.ipFamilies ?? []];
  if (was[0] !== undefined && is[0] !== undefined && was[0] !== is[0]) errors.push(invalid('spec.ipFamilies[0]', is, 'may not change once set'));
  return errors;
}
