/** Files of a node that its CNI has there: read from what plugins have done, written into the API's store, so that the runtime obeys an edited configuration. */
import type { CniConfig } from '../kube/cni/cni-config.ts';
import { NET_DIR } from '../kube/cni/net-conf.ts';
import { cniFiles, NETWORKS_DIR } from '../kube/cni/node-files.ts';
import type { HostLocalStore } from '../kube/pod/host-local-store.ts';
import type { ShellHost } from '../world/shell-host.ts';

/** The node whose own files stand under this key, and its cluster. */
function nodeOf(world: ShellHost, key: string): { readonly node: string; readonly host: ShellHost } | undefined {
  const name = key.endsWith('/netns/root') ? key.slice(0, -'/netns/root'.length) : undefined;
  const host = name === undefined ? world : (world.at?.(name) ?? world);
  return name !== undefined && host.api.view.find(`Node/${name}`) !== undefined ? { node: name, host } : undefined;
}

/** What the CNI has there, by absolute path. */
export function nodeFiles(world: ShellHost, key: string): ReadonlyMap<string, () => string> {
  const found = nodeOf(world, key);
  return found === undefined ? new Map() : cniFiles(found.node, found.host.api.view);
}

/** A file that a node's container runtime would read. */
export const isNetConf = (path: string): boolean => path.startsWith(`${NET_DIR}/`) && !path.slice(NET_DIR.length + 1).includes('/') && !path.endsWith('/.keep');

/** A configuration is written (undefined: removed). Says whether the path is one; the others are ordinary files. */
export function writeNetConf(world: ShellHost, key: string, path: string, text: string | undefined): boolean {
  const found = nodeOf(world, key);
  if (found === undefined || !isNetConf(path)) return false;
  const { node, host } = found;
  const name = path.slice(NET_DIR.length + 1);
  const known = host.api.view.find<CniConfig>(`CniConfig/${node}`);
  const { [name]: _, ...files } = known?.spec?.files ?? {};
  const removed = (known?.spec?.removed ?? []).filter((one) => one !== name);
  const spec = { nodes: [node], files: text === undefined ? files : { ...files, [name]: text }, removed: text === undefined ? [...removed, name] : removed };
  const object: CniConfig = { apiVersion: 'kubehop.dev/v1alpha1', kind: 'CniConfig', metadata: { ...known?.metadata, name: node }, spec };
  if (known === undefined) host.api.create(object);
  else host.api.update(object);
  host.settle();
  return true;
}

/** host-local's file of an address is removed: the plugin takes it for free from then on. Says whether it was one. */
export function forgetAddress(world: ShellHost, key: string, path: string): boolean {
  const found = nodeOf(world, key);
  if (found === undefined) return false;
  const { node, host } = found;
  if (!path.startsWith(`${NETWORKS_DIR}/`) || !cniFiles(node, host.api.view).has(path)) return false;
  const name = path.slice(path.lastIndexOf('/') + 1);
  const store = host.api.view.find<HostLocalStore>(`HostLocalStore/${node}`);
  if (store === undefined) return false;
  const { lastReservedIp, lastReservedIp2, ...rest } = store.spec ?? {};
  const spec =
    name === 'last_reserved_ip.0'
      ? { ...rest, ...(lastReservedIp2 === undefined ? {} : { lastReservedIp2 }) }
      : name === 'last_reserved_ip.1'
        ? { ...rest, ...(lastReservedIp === undefined ? {} : { lastReservedIp }) }
        : name === 'lock'
          ? store.spec
          : { ...store.spec, forgotten: [...(store.spec?.forgotten ?? []), name] };
  host.api.update({ ...store, spec } as HostLocalStore);
  return true;
}

/** A bridge of the node's has been deleted by hand: the next plugin that wants it makes it anew, with the address of its own. */
export function forgetBridge(world: ShellHost, key: string, name: string): void {
  const found = nodeOf(world, key);
  if (found === undefined) return;
  const { node, host } = found;
  const store = host.api.view.find<HostLocalStore>(`HostLocalStore/${node}`);
  if (store?.spec?.bridges?.[name] === undefined) return;
  const { [name]: _, ...bridges } = store.spec.bridges;
  host.api.update({ ...store, spec: { ...store.spec, bridges } } as HostLocalStore);
}
