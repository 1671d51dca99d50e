/** Where a path of a container really is: its own layer, or a volume that several containers, a node or a claim share. */
import { findContainer } from '../kube/pod/containers.ts';
import { findDataOf } from '../kube/pod/sources.ts';
import type { Pod, Volume, VolumeMount } from '../kube/pod/types.ts';
import { sourcesOf, volumeFiles } from '../kube/pod/volume-files.ts';
import type { ShellHost } from '../world/shell-host.ts';
import { hostAt } from './clusters.ts';
import { fileKey, hostPlace } from './machine/places.ts';
import { resolvePath } from './paths.ts';
import type { Place } from './state.ts';

interface Mount {
  readonly pod: Pod;
  readonly mount: VolumeMount;
  readonly volume: Volume;
}

function mountsOf(host: ShellHost, place: Place): readonly Mount[] {
  if (place.pod === undefined) return [];
  const pod = hostAt(host, place).api.view.find<Pod>(`Pod/${place.pod.namespace}/${place.pod.name}`);
  const container = pod === undefined ? undefined : findContainer(pod, place.pod?.container);
  if (pod === undefined) return [];
  return (container?.volumeMounts ?? []).flatMap((mount) => {
    const volume = pod.spec.volumes?.find((one) => one.name === mount.name);
    return volume === undefined ? [] : [{ pod, mount, volume }];
  });
}

/** A file or directory of the container, as its keeper knows it. */
export interface Location {
  readonly key: string;
  readonly path: string;
  readonly readOnly: boolean;
  /** Of a volume that is somewhere else: where its root is seen. */
  readonly from?: { readonly outside: string; readonly inside: string };
}

const isUnder = (path: string, directory: string): boolean => path === directory || directory === '/' || path.startsWith(`${directory}/`);

/** The volume that a mount shows, where it can be written. */
function shared({ pod, mount, volume }: Mount): { readonly key: string; readonly root: string } {
  const sub = mount.subPath ?? '';
  const hostPath = volume.hostPath as { readonly path?: string } | undefined;
  if (hostPath !== undefined) return { key: `${pod.spec.nodeName ?? ''}/netns/root`, root: resolvePath(hostPath.path ?? '/', sub) };
  const claim = volume.persistentVolumeClaim as { readonly claimName?: string } | undefined;
  const root = resolvePath('/', sub);
  if (claim !== undefined) return { key: `claim ${pod.metadata.namespace ?? 'default'}/${claim.claimName ?? ''}`, root };
  return { key: `volume ${pod.metadata.uid ?? ''}/${volume.name}`, root };
}

export function locate(host: ShellHost, place: Place, path: string): Location {
  let best: Mount | undefined;
  for (const one of mountsOf(host, place))
    if (isUnder(path, resolvePath('/', one.mount.mountPath)) && one.mount.mountPath.length > (best?.mount.mountPath.length ?? 0)) best = one;
  if (best === undefined) return { key: fileKey(place), path, readOnly: false };
  const inside = resolvePath('/', best.mount.mountPath);
  if (sourcesOf(best.volume) !== undefined) return { key: fileKey(place), path, readOnly: true };
  const { key, root } = shared(best);
  return { key, path: resolvePath(root, `.${path.slice(inside.length)}`), readOnly: best.mount.readOnly === true, from: { outside: root, inside } };
}

/** Volumes that can be written, and where each is seen. */
export const sharedMounts = (host: ShellHost, place: Place): readonly { readonly key: string; readonly outside: string; readonly inside: string }[] =>
  mountsOf(host, place)
    .filter(({ volume }) => sourcesOf(volume) === undefined)
    .map((one) => ({ key: shared(one).key, outside: shared(one).root, inside: resolvePath('/', one.mount.mountPath) }));

/** Files of ConfigMaps, Secrets and the downward API by absolute path. What is mounted by `subPath` stays as the container found it. */
export function mountedFiles(host: ShellHost, place: Place): ReadonlyMap<string, string> {
  const files = new Map<string, string>();
  const { view } = hostAt(host, place).api;
  for (const { pod, mount, volume } of mountsOf(host, place)) {
    const sub = mount.subPath ?? '';
    const target = resolvePath('/', mount.mountPath);
    for (const [path, content] of volumeFiles(pod, volume, findDataOf(pod, view, sub === '' ? 'shown' : 'started')) ?? []) {
      if (sub === '') files.set(resolvePath(target, path), content);
      else if (path === sub) files.set(target, content);
      else if (path.startsWith(`${sub}/`)) files.set(resolvePath(target, path.slice(sub.length + 1)), content);
    }
  }
  return files;
}

/** The node of a key that `locate` has given for a `hostPath`. */
export const nodeOfKey = (host: ShellHost, key: string): Place | undefined =>
  key.endsWith('/netns/root') ? hostPlace(host, key.slice(0, -'/netns/root'.length)) : undefined;
