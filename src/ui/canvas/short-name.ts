/** Names that fit into a box: the telling parts stay, the middle goes. */

/**
 * At most `limit` characters. A pod of a ReplicaSet keeps the workload's name and its own suffix (`web-64c966cf88-4x8xq` → `web-4x8xq`), other long
 * names lose their middle.
 */
export function shortName(name: string, limit: number): string {
  if (name.length <= limit) return name;
  const generated = /^(.+?)-[a-z0-9]{8,10}-([a-z0-9]{5})$/.exec(name);
  const candidate = generated === null ? name : `${generated[1]}-${generated[2]}`;
  if (candidate.length <= limit) return candidate;
  if (limit <= 2) return candidate.slice(0, limit);
  const tail = generated === null ? Math.floor((limit - 1) / 2) : Math.min(5, limit - 2);
  return `${candidate.slice(0, limit - 1 - tail)}…${candidate.slice(candidate.length - tail)}`;
}

/** For a tile: a pod's own suffix, else the name's beginning. */
export function tinyName(name: string): string {
  const generated = /-([a-z0-9]{5})$/.exec(name);
  return generated?.[1] ?? name.slice(0, 6);
}

/**
 * The parts of a pod's name worth showing: its workload's name, at most `limit` characters, and the suffix that tells it from its siblings. One part for a
 * pod without a workload.
 */
export function podName(name: string, limit: number): readonly string[] {
  const generated = /^(.+?)-(?:[a-z0-9]{8,10}-)?([a-z0-9]{5})$/.exec(name);
  if (generated === null) return [shortName(name, limit)];
  return [shortName(generated[1] ?? '', limit), generated[2] ?? ''];
}

/** An address that is too long loses its beginning, which all pods share. */
export const shortAddress = (ip: string, limit: number): string => (ip.length <= limit ? ip : `…${ip.slice(ip.length - limit + 1)}`);
