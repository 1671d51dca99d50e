/** One Service from the exports of several clusters: the oldest export decides where they do not agree, ports are those of all of them. KEP-1645, "Conflict resolution". */
import { deepEqual } from '../../base/equal.ts';
import type { ServicePort } from '../service/types.ts';
import type { ExportedService } from './kinds.ts';

/** An export, and by the name of which cluster. */
export interface Source extends ExportedService {
  readonly cluster: string;
}

/** In the words of a condition Conflict of a ServiceExport. */
export interface Conflict {
  readonly reason: 'TypeConflict' | 'PortConflict' | 'SessionAffinityConflict' | 'SessionAffinityConfigConflict';
  readonly message: string;
}

export interface Merged {
  readonly type: ExportedService['type'];
  readonly ports: readonly ServicePort[];
  readonly sessionAffinity: string;
  readonly sessionAffinityConfig?: ExportedService['sessionAffinityConfig'];
  readonly conflict: Conflict | undefined;
}

/** The oldest first; of two of the same second the one whose cluster's name comes first. */
export const byAge = (sources: readonly Source[]): readonly Source[] =>
  [...sources].sort((a, b) => (a.created < b.created || (a.created === b.created && a.cluster < b.cluster) ? -1 : 1));

const samePort = (a: ServicePort, b: ServicePort): boolean => a.port === b.port && a.protocol === b.protocol;

function mergePorts(sources: readonly Source[]): { readonly ports: readonly ServicePort[]; readonly message: string } {
  const ports: { readonly port: ServicePort; readonly cluster: string }[] = [];
  let message = '';
  for (const { cluster, ports: own } of sources) {
    for (const port of own) {
      const named = ports.find((one) => (one.port.name ?? '') === (port.name ?? ''));
      const same = ports.find((one) => samePort(one.port, port));
      if (same !== undefined) {
        if (!deepEqual(same.port, port))
          message ||= `Port ${port.port}/${port.protocol} of cluster "${cluster}" differs from that of the older export of cluster "${same.cluster}".`;
      } else if (named === undefined) ports.push({ port, cluster });
      else
        message ||= `The port name "${port.name ?? ''}" of cluster "${cluster}" is already that of port ${named.port.port}/${named.port.protocol} of cluster "${named.cluster}".`;
    }
  }
  const merged = ports.map((one) => one.port);
  const [oldest] = sources;
  // Also where nothing is lost: not every cluster answers on every port.
  const odd = sources.find((one) => !deepEqual(one.ports, merged));
  if (message === '' && odd !== undefined)
    message = `Ports of cluster "${odd.cluster}" are not those of the oldest export, of cluster "${oldest?.cluster ?? ''}", and of the set.`;
  return { ports: merged, message };
}

/** `sources` in the order of `byAge`; at least one. */
export function mergeExports(sources: readonly [Source, ...Source[]]): Merged {
  const [oldest] = sources;
  // A headless Service and one with an address cannot be the same: the younger ones give in.
  const alike = sources.filter((one) => one.type === oldest.type);
  const { ports, message } = mergePorts(alike);
  const differs = (field: 'type' | 'sessionAffinity' | 'sessionAffinityConfig') => sources.find((one) => !deepEqual(one[field], oldest[field]));
  const words = (what: string, one: Source, value: string): string =>
    `${what} of cluster "${one.cluster}" is not ${value}, that of the oldest export, of cluster "${oldest.cluster}".`;
  const [type, affinity, config] = [differs('type'), differs('sessionAffinity'), differs('sessionAffinityConfig')];
  const conflict: Conflict | undefined =
    type !== undefined
      ? { reason: 'TypeConflict', message: words('The type', type, oldest.type) }
      : message !== ''
        ? { reason: 'PortConflict', message }
        : affinity !== undefined
          ? { reason: 'SessionAffinityConflict', message: words('The session affinity', affinity, oldest.sessionAffinity) }
          : config !== undefined
            ? { reason: 'SessionAffinityConfigConflict', message: words('The configuration of session affinity', config, 'the same') }
            : undefined;
  return {
    type: oldest.type,
    ports,
    sessionAffinity: oldest.sessionAffinity,
    ...(oldest.sessionAffinityConfig === undefined ? {} : { sessionAffinityConfig: oldest.sessionAffinityConfig }),
    conflict,
  };
}
