/** The in-world file system: files a shell wrote, files of the netns, the document's files, what a pod mounts, /proc/sys and /proc/net. */
import { hostNetworkFiles } from '../kube/pod/sandbox-agent.ts';
import type { Pod } from '../kube/pod/types.ts';
import { readSysctlText } from '../net/stack/sysctl.ts';
import type { ShellHost } from '../world/shell-host.ts';
import { getProfile } from './images.ts';
import { at, list, pairs, text } from './json.ts';

import { fileKey, findNetns } from './machine/places.ts';
import { parentOf, resolvePath } from './paths.ts';
import type { Place, ShellState } from './state.ts';
import { devicesOf } from './tools/net-view.ts';
import { procNetFile } from './tools/proc-net.ts';

/** A place may hold so many written files. */
const MAX_FILES = 500;

/** A removed file that would otherwise show through from below. */
const REMOVED = '\u0000removed';

export class ShellFiles {
  readonly #state: ShellState;
  readonly #host: ShellHost;

  constructor(state: ShellState, host: ShellHost) {
    this.#state = state;
    this.#host = host;
  }

  read(place: Place, path: string): string | undefined {
    const written = this.#state.files.get(fileKey(place))?.get(path);
    if (written !== undefined) return written === REMOVED ? undefined : written;
    return this.#below(place, path);
  }

  /** Returns an error text, or undefined when it worked. */
  write(place: Place, path: string, content: string): string | undefined {
    if (path === '/' || this.paths(place).some((other) => other.startsWith(`${path}/`))) return 'Is a directory';
    if (path.startsWith('/proc/')) return 'Permission denied';
    if (!this.#isDirectory(place, parentOf(path))) return 'No such file or directory';
    return this.#put(place, path, content);
  }

  /** The file system knows only files: a directory is remembered by a hidden one in it. */
  makeDirectory(place: Place, path: string, parents: boolean): string | undefined {
    const parent = parentOf(path);
    if (parents && parent !== '/' && !this.paths(place).some((other) => other.startsWith(`${parent}/`))) this.makeDirectory(place, parent, true);
    return parent === '/' || this.#isDirectory(place, parent) ? this.#put(place, `${path}/.keep`, '') : 'No such file or directory';
  }

  #isDirectory(place: Place, path: string): boolean {
    return (
      path === '/' ||
      path === '/tmp' ||
      path === '/root' ||
      path === getProfile(place.profile).home ||
      this.paths(place).some((other) => other.startsWith(`${path}/`))
    );
  }

  #put(place: Place, path: string, content: string): string | undefined {
    const key = fileKey(place);
    let files = this.#state.files.get(key);
    if (files === undefined) {
      files = new Map();
      this.#state.files.set(key, files);
    }
    if (!files.has(path) && files.size >= MAX_FILES) return 'No space left on device';
    files.set(path, content);
    return undefined;
  }

  remove(place: Place, path: string): boolean {
    if (this.read(place, path) === undefined) return false;
    const files = this.#state.files.get(fileKey(place));
    if (this.#below(place, path) === undefined) files?.delete(path);
    else if (this.write(place, path, '') === undefined) this.#state.files.get(fileKey(place))?.set(path, REMOVED);
    return true;
  }

  /** In order of path. */
  paths(place: Place): readonly string[] {
    const paths = new Set<string>(this.#fixed(place).keys());
    for (const path of Object.keys(findNetns(this.#host, place.netns)?.files ?? {})) paths.add(path);
    if (place.pod === undefined) for (const file of this.#host.files) paths.add(`/root/${file.path}`);
    for (const [path] of this.#mounts(place)) paths.add(path);
    for (const [path, content] of this.#state.files.get(fileKey(place)) ?? []) {
      if (content === REMOVED) paths.delete(path);
      else paths.add(path);
    }
    return [...paths].sort();
  }

  #below(place: Place, path: string): string | undefined {
    const own = place.pod === undefined ? undefined : this.#host.api.view.find<Pod>(`Pod/${place.pod.namespace}/${place.pod.name}`);
    const hostNetwork = own === undefined ? undefined : hostNetworkFiles(own, this.#host.api.view);
    if (hostNetwork !== undefined && Object.hasOwn(hostNetwork, path)) return hostNetwork[path];
    const netns = findNetns(this.#host, place.netns);
    if (netns !== undefined && Object.hasOwn(netns.files, path)) return netns.files[path];
    if (path.startsWith('/proc/sys/')) return this.#sysctl(place, path);
    if (path.startsWith('/proc/net/')) return procNetFile(this.#host, place.netns, path.slice('/proc/net/'.length));
    if (place.pod === undefined && path.startsWith('/root/')) {
      const file = this.#host.files.find((candidate) => `/root/${candidate.path}` === path);
      if (file !== undefined) return file.text;
    }
    return this.#mounts(place).get(path) ?? this.#fixed(place).get(path);
  }

  #sysctl(place: Place, path: string): string | undefined {
    const name = path.slice('/proc/sys/'.length).replaceAll('/', '.');
    const devices = devicesOf(this.#host, place.netns).map((device) => device.name);
    const value = readSysctlText(findNetns(this.#host, place.netns)?.sysctls ?? {}, devices, name);
    return value === undefined ? undefined : `${value}\n`;
  }

  #fixed(place: Place): Map<string, string> {
    const { os } = getProfile(place.profile);
    const files = new Map<string, string>([
      ['/etc/hostname', `${place.hostname}\n`],
      ['/etc/os-release', `PRETTY_NAME="${os.name} ${os.version}"\nNAME="${os.name}"\nVERSION_ID="${os.version.split(' ')[0]}"\nID=${os.id}\n`],
    ]);
    if (place.profile === 'nginx') files.set('/usr/share/nginx/html/index.html', `Hello from ${place.hostname}\n`);
    return files;
  }

  /** ConfigMaps and the service account token that the pod's volumes bring in. */
  #mounts(place: Place): Map<string, string> {
    const mounted = new Map<string, string>();
    if (place.pod === undefined) return mounted;
    const { view } = this.#host.api;
    const pod = view.find(`Pod/${place.pod.namespace}/${place.pod.name}`);
    const container = list(at(pod, 'spec', 'containers')).find((candidate) => text(at(candidate, 'name')) === place.pod?.container);
    for (const mount of list(at(container, 'volumeMounts'))) {
      const volume = list(at(pod, 'spec', 'volumes')).find((candidate) => text(at(candidate, 'name')) === text(at(mount, 'name')));
      const name = text(at(volume, 'configMap', 'name'));
      const configMap = name === '' ? undefined : view.find(`ConfigMap/${place.pod.namespace}/${name}`);
      const items = list(at(volume, 'configMap', 'items'));
      const subPath = text(at(mount, 'subPath'));
      for (const [key, value] of pairs(at(configMap, 'data'))) {
        const item = items.find((candidate) => text(at(candidate, 'key')) === key);
        if (items.length > 0 && item === undefined) continue;
        const file = item === undefined ? key : text(at(item, 'path'));
        const target = text(at(mount, 'mountPath'));
        if (subPath === '') mounted.set(resolvePath(target, file), value);
        else if (subPath === file) mounted.set(resolvePath('/', target), value);
      }
    }
    return mounted;
  }
}
