/** The in-world file system: files a shell wrote, files of the netns, the document's files, what a pod mounts, /proc/sys and /proc/net. */
import { hostNetworkFiles } from '../kube/pod/sandbox-agent.ts';
import type { Pod } from '../kube/pod/types.ts';
import { readSysctlText } from '../net/stack/sysctl.ts';
import type { ShellHost } from '../world/shell-host.ts';
import { hostAt } from './clusters.ts';
import { getProfile } from './images.ts';
import { fileKey, findNetns } from './machine/places.ts';
import { type Location, locate, mountedFiles, nodeOfKey, sharedMounts } from './mounts.ts';
import { forgetAddress, isNetConf, nodeFiles, writeNetConf } from './node-files.ts';
import { parentOf, resolvePath } from './paths.ts';
import type { Place, ShellState } from './state.ts';
import type { Toolbox } from './toolbox.ts';
import { devicesOf } from './tools/net-view.ts';
import { procNetFile } from './tools/proc-net.ts';

/** A place may hold so many written files. */
const MAX_FILES = 500;

/** A removed file that would otherwise show through from below. */
const REMOVED = '\u0000removed';

/** Where it may have a file. */
const isOfCni = (path: string): boolean => /^\/(?:etc\/cni|run\/|var\/lib\/cni|opt\/cni)/.test(path);

export class ShellFiles {
  readonly #state: ShellState;
  readonly #host: ShellHost;
  readonly #podFiles: Toolbox['podFiles'];

  constructor(state: ShellState, host: ShellHost, podFiles: Toolbox['podFiles']) {
    this.#podFiles = podFiles;
    this.#state = state;
    this.#host = host;
  }

  read(place: Place, path: string): string | undefined {
    const at = locate(this.#host, place, path);
    // The runtime's own view of its configuration counts, whoever has written it.
    const written = (isNetConf(at.path) ? nodeFiles(this.#host, at.key).get(at.path)?.() : undefined) ?? this.#state.files.get(at.key)?.get(at.path);
    if (written !== undefined) return written === REMOVED ? undefined : written;
    return this.#beneath(place, at, path);
  }

  /** What is there though nobody wrote it: a volume's own, the node's for a `hostPath`, the image's. */
  #beneath(place: Place, at: Location, path: string): string | undefined {
    if (at.from === undefined) return this.#below(place, path);
    const node = nodeOfKey(this.#host, at.key);
    return node === undefined ? undefined : this.#below(node, at.path);
  }

  /** Returns an error text, or undefined when it worked. */
  write(place: Place, path: string, content: string): string | undefined {
    return this.refusal(place, path) ?? this.#put(locate(this.#host, place, path), content);
  }

  /** Why a file cannot be written, if it cannot. */
  refusal(place: Place, path: string): string | undefined {
    if (path === '/' || this.paths(place).some((other) => other.startsWith(`${path}/`))) return 'Is a directory';
    if (path.startsWith('/proc/')) return 'Permission denied';
    if (locate(this.#host, place, path).readOnly) return 'Read-only file system';
    return this.#isDirectory(place, parentOf(path)) ? undefined : 'No such file or directory';
  }

  /** The file system knows only files: a directory is remembered by a hidden one in it. */
  makeDirectory(place: Place, path: string, parents: boolean): string | undefined {
    const parent = parentOf(path);
    if (parents && parent !== '/' && !this.paths(place).some((other) => other.startsWith(`${parent}/`))) this.makeDirectory(place, parent, true);
    const at = locate(this.#host, place, `${path}/.keep`);
    if (at.readOnly) return 'Read-only file system';
    return parent === '/' || this.#isDirectory(place, parent) ? this.#put(at, '') : 'No such file or directory';
  }

  /** Where an open file's text goes. */
  at(place: Place, path: string): Location {
    return locate(this.#host, place, path);
  }

  #isDirectory(place: Place, path: string): boolean {
    return (
      path === '/' ||
      path === '/tmp' ||
      path === '/root' ||
      path === getProfile(place.profile).home ||
      sharedMounts(this.#host, place).some(({ inside }) => inside === path) ||
      this.paths(place).some((other) => other.startsWith(`${path}/`))
    );
  }

  #put({ key, path }: Location, content: string): string | undefined {
    // What is opened to be written is empty for a moment, which nobody need see.
    if (content !== '' && isNetConf(path)) writeNetConf(this.#host, key, path, content);
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
    const at = locate(this.#host, place, path);
    if (at.readOnly || this.read(place, path) === undefined) return false;
    if (isNetConf(at.path) && writeNetConf(this.#host, at.key, at.path, undefined)) {
      this.#state.files.get(at.key)?.delete(at.path);
      return true;
    }
    if (forgetAddress(this.#host, at.key, at.path)) return true;
    if (this.#beneath(place, at, path) === undefined) this.#state.files.get(at.key)?.delete(at.path);
    else if (this.write(place, path, '') === undefined) this.#state.files.get(at.key)?.set(at.path, REMOVED);
    return true;
  }

  /** In order of path. */
  paths(place: Place): readonly string[] {
    const paths = new Set<string>(this.#fixed(place).keys());
    for (const path of Object.keys(findNetns(this.#host, place.netns)?.files ?? {})) paths.add(path);
    if (place.pod === undefined) for (const file of this.#host.files) paths.add(`/root/${file.path}`);
    for (const path of mountedFiles(this.#host, place).keys()) paths.add(path);
    if (place.pod === undefined) for (const path of nodeFiles(this.#host, fileKey(place)).keys()) paths.add(path);
    const add = (path: string, content: string): void => {
      if (content === REMOVED) paths.delete(path);
      else paths.add(path);
    };
    for (const [path, content] of this.#state.files.get(fileKey(place)) ?? []) add(path, content);
    for (const { key, outside, inside } of sharedMounts(this.#host, place)) {
      const prefix = outside === '/' ? '/' : `${outside}/`;
      // The directory is there although nothing is in it.
      paths.add(resolvePath(inside, '.keep'));
      for (const [path, content] of this.#state.files.get(key) ?? []) if (path.startsWith(prefix)) add(resolvePath(inside, path.slice(prefix.length)), content);
    }
    return [...paths].sort();
  }

  #below(place: Place, path: string): string | undefined {
    const { view } = hostAt(this.#host, place).api;
    const own = place.pod === undefined ? undefined : view.find<Pod>(`Pod/${place.pod.namespace}/${place.pod.name}`);
    const hostNetwork = own === undefined ? undefined : hostNetworkFiles(own, view);
    if (hostNetwork !== undefined && Object.hasOwn(hostNetwork, path)) return hostNetwork[path];
    const written = own === undefined ? undefined : this.#podFiles.get(path)?.(own, view);
    if (written !== undefined) return written;
    const netns = findNetns(this.#host, place.netns);
    if (netns !== undefined && Object.hasOwn(netns.files, path)) return netns.files[path];
    if (path.startsWith('/proc/sys/')) return this.#sysctl(place, path);
    if (path.startsWith('/proc/net/')) return procNetFile(this.#host, place.netns, path.slice('/proc/net/'.length));
    if (place.pod === undefined && path.startsWith('/root/')) {
      const file = this.#host.files.find((candidate) => `/root/${candidate.path}` === path);
      if (file !== undefined) return file.text;
    }
    const ofCni = place.pod === undefined && isOfCni(path) ? nodeFiles(this.#host, fileKey(place)).get(path)?.() : undefined;
    return ofCni ?? mountedFiles(this.#host, place).get(path) ?? this.#fixed(place).get(path);
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
}
