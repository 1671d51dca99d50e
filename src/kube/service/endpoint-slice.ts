/** The kinds EndpointSlice and Endpoints. */
import { defineKind } from '../../objects/define.ts';
import type { FieldError } from '../../objects/types.ts';
import { isIp, isIpv6, parseIpv4 } from '../addresses.ts';
import { immutable, invalid, portRange, required, tooMany } from '../field-errors.ts';
import { anything, choice, flag, integer, kindSchema, list, struct, text, texts } from '../schema.ts';
import type { EndpointPort, EndpointSlice, EndpointSubset, Endpoints } from './types.ts';

const targetRef = struct('The object behind the address.', {
  apiVersion: text('API version.'),
  kind: text('Kind, usually Pod.'),
  namespace: text('Namespace.'),
  name: text('Name.'),
  uid: text('UID.'),
  fieldPath: text('Path in the object.'),
  resourceVersion: text('Version of the object.'),
});
const port = struct(
  'A port that all endpoints of the list share.',
  {
    name: text("Name; that of the Service's port."),
    port: integer('Number.'),
    protocol: choice('Protocol; TCP when absent.', ['SCTP', 'TCP', 'UDP'], { default: 'TCP' }),
    appProtocol: text('What is spoken on top.'),
  },
  [],
  { goType: 'EndpointPort' },
);

function validateSlice(slice: EndpointSlice, old: EndpointSlice | undefined): readonly FieldError[] {
  const errors: FieldError[] = [];
  const endpoints = slice.endpoints ?? [];
  if (endpoints.length > 1000) errors.push(tooMany('endpoints', endpoints.length, 1000));
  endpoints.forEach((endpoint, index) => {
    const at = `endpoints[${index}].addresses`;
    if (endpoint.addresses.length === 0) errors.push(required(at, 'must contain at least 1 address'));
    endpoint.addresses.forEach((address, position) => {
      if (slice.addressType === 'IPv4' && parseIpv4(address) === undefined) errors.push(invalid(`${at}[${position}]`, address, 'must be a valid IPv4 address'));
      if (slice.addressType === 'IPv6' && !isIpv6(address)) errors.push(invalid(`${at}[${position}]`, address, 'must be a valid IPv6 address'));
    });
  });
  const names = new Set<string>();
  (slice.ports ?? []).forEach((one, index) => {
    const name = one.name ?? '';
    if (names.has(name)) errors.push({ path: `ports[${index}].name`, type: 'Duplicate value', message: `Duplicate value: ${JSON.stringify(name)}` });
    names.add(name);
    if (one.port !== undefined) errors.push(...portRange(`ports[${index}].port`, one.port));
  });
  if (old !== undefined) errors.push(...immutable('addressType', slice.addressType, old.addressType));
  return errors;
}

/** Three, then how many more. Kubernetes: printers.go, formatDiscoveryPorts and formatDiscoveryEndpoints. */
function firstThree(items: readonly string[]): string {
  if (items.length === 0) return '<unset>';
  return items.length <= 3 ? items.join(',') : `${items.slice(0, 3).join(',')} + ${items.length - 3} more...`;
}
const portText = (one: EndpointPort): string => (one.port !== undefined ? `${one.port}` : one.name !== undefined && one.name !== '' ? one.name : '*');

export const endpointSlice = defineKind<EndpointSlice>({
  apiVersion: 'discovery.k8s.io/v1',
  kind: 'EndpointSlice',
  plural: 'endpointslices',
  singular: 'endpointslice',
  shortNames: [],
  namespaced: true,
  schema: kindSchema(
    'Up to 100 addresses that serve a Service. The label kubernetes.io/service-name says which one.',
    {
      addressType: choice('What the addresses are.', ['FQDN', 'IPv4', 'IPv6']),
      endpoints: list(
        'The endpoints.',
        struct(
          'An endpoint.',
          {
            addresses: texts('Its addresses; consumers use the first.'),
            conditions: struct('Whether it should get traffic.', {
              ready: flag('It should get traffic.'),
              serving: flag('It answers, perhaps while it terminates.'),
              terminating: flag('It is about to go.'),
            }),
            hostname: text('Its name in DNS under the headless Service.'),
            nodeName: text('Node it runs on.'),
            zone: text('Zone it runs in.'),
            targetRef,
            hints: anything('For which zones and nodes it is meant.'),
            deprecatedTopology: anything('Obsolete.'),
          },
          ['addresses'],
          { goType: 'Endpoint' },
        ),
      ),
      ports: list('Ports of all these endpoints.', port),
    },
    ['addressType'],
  ),
  validate: validateSlice,
  columns: [
    { name: 'NAME', priority: 0 },
    { name: 'ADDRESSTYPE', priority: 0 },
    { name: 'PORTS', priority: 0 },
    { name: 'ENDPOINTS', priority: 0 },
    { name: 'AGE', priority: 0 },
  ],
  row: (object, context) => [
    object.metadata.name,
    object.addressType,
    firstThree((object.ports ?? []).map(portText)),
    firstThree((object.endpoints ?? []).flatMap((endpoint) => endpoint.addresses)),
    context.age(object.metadata.creationTimestamp),
  ],
  describe: (object) => ({ title: object.metadata.name, subtitle: `${(object.endpoints ?? []).length} endpoints` }),
});

function validateEndpoints(endpoints: Endpoints): readonly FieldError[] {
  const errors: FieldError[] = [];
  (endpoints.subsets ?? []).forEach((subset, index) => {
    const at = `subsets[${index}]`;
    const ready = subset.addresses ?? [];
    const notReady = subset.notReadyAddresses ?? [];
    if (ready.length === 0 && notReady.length === 0) errors.push(required(at, 'must specify `addresses` or `notReadyAddresses`'));
    for (const [field, addresses] of [
      ['addresses', ready],
      ['notReadyAddresses', notReady],
    ] as const) {
      addresses.forEach((address, position) => {
        if (!isIp(address.ip))
          errors.push(invalid(`${at}.${field}[${position}].ip`, address.ip, 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)'));
      });
    }
    (subset.ports ?? []).forEach((one, position) => {
      if ((subset.ports ?? []).length > 1 && (one.name ?? '') === '') errors.push(required(`${at}.ports[${position}].name`));
      errors.push(...portRange(`${at}.ports[${position}].port`, one.port ?? 0));
    });
  });
  return errors;
}

/** Kubernetes: printers.go, formatEndpoints. */
export function formatEndpoints(subsets: readonly EndpointSubset[] | undefined): string {
  const parts: string[] = [];
  let count = 0;
  for (const subset of subsets ?? []) {
    const addresses = subset.addresses ?? [];
    const ports = subset.ports ?? [];
    const rows =
      ports.length === 0 ? addresses.map((address) => address.ip) : ports.flatMap((one) => addresses.map((address) => hostPort(address.ip, one.port ?? 0)));
    for (const row of rows) {
      count += 1;
      if (parts.length < 3) parts.push(row);
    }
  }
  if (count === 0) return '<none>';
  return count > 3 ? `${parts.join(',')} + ${count - 3} more...` : parts.join(',');
}
const hostPort = (ip: string, number: number): string => (ip.includes(':') ? `[${ip}]:${number}` : `${ip}:${number}`);

const address = struct('An address.', { ip: text('IP address.'), hostname: text('Name in DNS.'), nodeName: text('Node.'), targetRef }, ['ip'], {
  goType: 'EndpointAddress',
});

export const endpoints = defineKind<Endpoints>({
  apiVersion: 'v1',
  kind: 'Endpoints',
  plural: 'endpoints',
  singular: 'endpoints',
  shortNames: ['ep'],
  namespaced: true,
  schema: kindSchema('The older form of EndpointSlices: all addresses of the Service of the same name in one object.', {
    subsets: list(
      'Addresses that share ports.',
      struct(
        'A subset.',
        { addresses: list('Ready addresses.', address), notReadyAddresses: list('Addresses that are not ready.', address), ports: list('Ports.', port) },
        [],
        {
          goType: 'EndpointSubset',
        },
      ),
    ),
  }),
  validate: validateEndpoints,
  columns: [
    { name: 'NAME', priority: 0 },
    { name: 'ENDPOINTS', priority: 0 },
    { name: 'AGE', priority: 0 },
  ],
  row: (object, context) => [object.metadata.name, formatEndpoints(object.subsets), context.age(object.metadata.creationTimestamp)],
  describe: (object) => ({ title: object.metadata.name, subtitle: formatEndpoints(object.subsets) }),
});
