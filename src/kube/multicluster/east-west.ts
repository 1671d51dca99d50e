/**
 * The way into a cluster whose pods cannot be reached: exports are given to the others with the address of its east-west Gateway in place of the pods' ones, and the
 * Gateway finds the Service by the name that was asked for, `Host` or SNI. Istio: pilot/pkg/model/network.go, NetworkGateway; Linkerd: multicluster/service-mirror.
 */
import type { StoreView } from '../../objects/types.ts';
import type { Gateway, Listener } from '../gateway/types.ts';
import { findCondition } from '../pod/types.ts';
import type { EndpointPort, ServicePort } from '../service/types.ts';
import type { ExportedService } from './kinds.ts';

/** Marks a Gateway that other clusters' traffic comes through; its value is the network behind it. Istio: api/label, TopologyNetwork */
export const NETWORK_LABEL = 'topology.istio.io/network';

interface Door {
  readonly gateway: Gateway;
  readonly addresses: readonly string[];
}

/** The first that is programmed and has an address; the order of names decides. */
function doorOf(view: StoreView): Door | undefined {
  for (const gateway of view.list<Gateway>('Gateway')) {
    if (gateway.metadata.labels?.[NETWORK_LABEL] === undefined || gateway.metadata.deletionTimestamp !== undefined) continue;
    const { addresses, conditions } = (gateway.status ?? {}) as {
      readonly addresses?: readonly { readonly value?: string }[];
      readonly conditions?: Parameters<typeof findCondition>[0];
    };
    const values = (addresses ?? []).flatMap(({ value }) => value ?? []);
    if (values.length > 0 && findCondition(conditions, 'Programmed')?.status === 'True') return { gateway, addresses: values };
  }
  return undefined;
}

const isFor = (listener: Listener, name: string): boolean => {
  const { hostname } = listener;
  if (hostname === undefined || hostname === '' || hostname === name) return true;
  return hostname.startsWith('*.') && name.endsWith(hostname.slice(1));
};

const isTls = (port: ServicePort): boolean => port.appProtocol === 'https' || port.name === 'https' || port.port === 443;

/** The listener that finds a Service by its name: a client's TLS goes through as it is, plain HTTP has its Host. */
const listenerFor = (gateway: Gateway, port: ServicePort, name: string): Listener | undefined =>
  gateway.spec?.listeners?.find((one) =>
    isTls(port) ? one.protocol === 'TLS' && one.tls?.mode === 'Passthrough' && isFor(one, name) : one.protocol === 'HTTP' && isFor(one, name),
  );

/** An export as others reach it: unchanged in a cluster without such a Gateway. Ports that no listener is for lead nowhere. */
export function throughGateway(exported: readonly ExportedService[], view: StoreView): readonly ExportedService[] {
  const door = exported.length === 0 ? undefined : doorOf(view);
  if (door === undefined) return exported;
  return exported.map((one) => {
    const name = `${one.name}.${one.namespace}.svc.clusterset.local`;
    const ports = one.ports.flatMap((port): EndpointPort[] => {
      const listener = listenerFor(door.gateway, port, name);
      return listener === undefined ? [] : [{ ...(port.name === undefined ? {} : { name: port.name }), port: listener.port, protocol: 'TCP' }];
    });
    const ready = one.slices.some((slice) => slice.endpoints?.some((endpoint) => endpoint.conditions?.ready !== false) === true);
    const families = [...new Set(door.addresses.map((address) => (address.includes(':') ? 'IPv6' : 'IPv4')))];
    return {
      ...one,
      slices: families.map((addressType) => ({
        addressType,
        ports,
        endpoints: door.addresses
          .filter((address) => address.includes(':') === (addressType === 'IPv6'))
          .map((address) => ({ addresses: [address], conditions: { ready, serving: ready, terminating: false } })),
      })),
    };
  });
}
