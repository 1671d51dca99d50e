/**
 * Wires that are cut, as a fact of the document: the annotation `kubehop.dev/down` of a Node or a Pod lists its devices that are down, parted by commas, as after
 * `ip link set eth0 down`. Of a Node its network card, of a Pod its end of the pod network; of a Node also the ends of pods on it, as `<namespace>/<pod>`.
 */
import type { NetRecord } from '../../net/records.ts';
import type { KubeObject } from '../../objects/types.ts';

export const DOWN_ANNOTATION = 'kubehop.dev/down';

export function isDown(object: KubeObject | undefined, device: string): boolean {
  const value = object?.metadata.annotations?.[DOWN_ANNOTATION];
  return value?.split(',').some((word) => word.trim() === device) === true;
}

/** The records of a netns with that device down: routes by it and neighbours behind it are forgotten. Linux: net/ipv4/fib_frontend.c, fib_disable_ip */
export function withDeviceDown(records: readonly NetRecord[], netns: string, device: string): NetRecord[] {
  return records.flatMap((record): NetRecord[] => {
    if (record.kind === 'device' && record.netns === netns && record.name === device) return [{ ...record, up: false }];
    return (record.kind === 'route' || record.kind === 'neighbor') && record.netns === netns && record.device === device ? [] : [record];
  });
}
