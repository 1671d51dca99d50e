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
