/** Keys of objects where there is more than one cluster: `Pod/default/web@west` is that of the cluster west; without a cluster it is the first one's. */
import type { ObjectKey } from './types.ts';

/** A cluster's name: a DNS label, of at most 30 letters. */
export const isClusterName = (name: string): boolean => /^[a-z0-9](?:[-a-z0-9]{0,28}[a-z0-9])?$/.test(name);

/** `cluster` '': the first one. */
export const keyIn = (cluster: string, key: ObjectKey): ObjectKey => (cluster === '' || key.endsWith(`@${cluster}`) ? key : `${key}@${cluster}`);

/** What stands behind the last `@`, '' where that is no cluster's name: names of roles may hold one too, so that who knows the clusters has the last word. */
export function clusterOf(key: ObjectKey): string {
  const at = key.lastIndexOf('@');
  const name = at < 0 ? '' : key.slice(at + 1);
  return isClusterName(name) ? name : '';
}

export const withoutCluster = (cluster: string, key: ObjectKey): ObjectKey => (cluster === '' ? key : key.slice(0, -cluster.length - 1));
