/** Which objects a verb acts on: those of arguments, of manifests (-f) and of selectors. */
import { parseYaml } from '../../base/yaml/parse-yaml.ts';
import type { Kind, KubeObject } from '../../objects/types.ts';
import { at, list, text } from '../json.ts';
import { resolvePath } from '../paths.ts';
import {
  findKind,
  type Kubectl,
  keyOf,
  listObjects,
  MUST_PROVIDE,
  namespaceMissing,
  notFoundText,
  parseSelector,
  type ResourceRequest,
  readResources,
} from './client.ts';
import { type Flag, KubectlError } from './flags.ts';

/** Text of the named files; `-` is standard input and comes as undefined. @throws {KubectlError} */
export function readFiles(kubectl: Kubectl, names: readonly string[]): readonly { readonly name: string; readonly text: string | undefined }[] {
  const { shell, place, cwd } = kubectl.invocation;
  return names
    .flatMap((value) => value.split(','))
    .flatMap((name): readonly { readonly name: string; readonly text: string | undefined }[] => {
      if (name === '-') return [{ name: 'STDIN', text: undefined }];
      if (/^https?:\/\//.test(name)) return fromUrl(kubectl, name);
      const path = resolvePath(cwd, name);
      const content = shell.readFile(place, path);
      if (content !== undefined) return [{ name, text: content }];
      const inside = shell.filePaths(place).filter((other) => other.startsWith(path === '/' ? '/' : `${path}/`) && !other.slice(path.length + 1).includes('/'));
      const manifests = inside.filter((other) => /\.(?:ya?ml|json)$/.test(other));
      if (inside.length > 0) {
        if (manifests.length === 0) throw new KubectlError(`error: error reading [${name}]: recognized file extensions are [.json .yaml .yml]`);
        return manifests.map((other) => ({ name: `${name.replace(/\/$/, '')}/${other.slice(path.length + 1)}`, text: shell.readFile(place, other) ?? '' }));
      }
      throw new KubectlError(`error: the path "${name}" does not exist`);
    });
}

/** Nothing is fetched: well-known addresses give what kubehop has in their place. */
function fromUrl(kubectl: Kubectl, url: string): readonly { readonly name: string; readonly text: string | undefined }[] {
  const bundled = kubectl.bundled(url);
  if (bundled === undefined)
    throw new KubectlError(
      `error: unable to read URL "${url}": nothing leaves this page, so manifests cannot be fetched; paste the YAML into a file and apply that`,
    );
  if (bundled.kind === 'refused') throw new KubectlError(`error: unable to read URL "${url}": nothing leaves this page, and ${bundled.reason}`);
  if (bundled.kind === 'built-in') {
    kubectl.err(`# not fetched: the kinds of ${bundled.title} are part of this API server already\n`);
    return [];
  }
  kubectl.err(`# not fetched: kubehop's own short re-creation of what ${bundled.title} installs\n`);
  return [{ name: url, text: bundled.text }];
}

/** Kind, name and namespace of every object in manifests. */
function requestsOfFiles(kubectl: Kubectl, names: readonly string[]): readonly ResourceRequest[] {
  return readFiles(kubectl, names).flatMap((file) =>
    parseYaml(file.name, file.text ?? '').documents.flatMap(({ value }) => {
      const items = text(at(value, 'kind')) === 'List' ? list(at(value, 'items')) : [value];
      return items.flatMap((item): readonly ResourceRequest[] => {
        const kind = text(at(item, 'kind'));
        if (kind === '') return [];
        const namespace = text(at(item, 'metadata', 'namespace'));
        return [{ kind: findKind(kubectl, kind), name: text(at(item, 'metadata', 'name')), ...(namespace === '' ? {} : { namespace }) }];
      });
    }),
  );
}

/** Of `-f`, else of the arguments. @throws {KubectlError} when there are both or neither. */
export function requestsOf(kubectl: Kubectl, args: readonly string[], whenNone: string): ReturnType<typeof readResources> {
  const { flags } = kubectl;
  if (flags.has('filename')) {
    if (args.length > 0) throw new KubectlError('error: when paths, URLs, or stdin is provided as input, you may not specify resource arguments as well');
    const requests = requestsOfFiles(kubectl, flags.all('filename'));
    return { requests, single: requests.length === 1 };
  }
  if (args.length === 0) throw new KubectlError(whenNone);
  return readResources(kubectl, args);
}

/** The object a request names, or what the server says instead. */
export function findRequested(kubectl: Kubectl, { kind, name = '', namespace = kubectl.namespace }: ResourceRequest): KubeObject | string {
  const found = kubectl.invocation.host.api.view.find(keyOf(kind, namespace, name));
  return found ?? namespaceMissing({ ...kubectl, namespace }, kind) ?? notFoundText(kind, name);
}

/** Objects a verb acts on: named ones, those of a selector, or all with --all. Missing ones are told and make the exit code 1. */
export function selectObjects(
  kubectl: Kubectl,
  args: readonly string[],
  whenNone = MUST_PROVIDE,
): { readonly objects: readonly (readonly [Kind, KubeObject])[]; readonly failed: boolean } {
  const { flags } = kubectl;
  const { requests } = requestsOf(kubectl, args, whenNone);
  const objects: (readonly [Kind, KubeObject])[] = [];
  let failed = false;
  for (const request of requests) {
    const { kind, name } = request;
    if (name === undefined) {
      const test = parseSelector(flags.get('selector'), kind);
      for (const object of listObjects(kubectl, kind)) if (test(object.metadata.labels ?? {})) objects.push([kind, object]);
      continue;
    }
    if (flags.get('selector') !== '') throw new KubectlError('error: name cannot be provided when a selector is specified');
    const found = findRequested(kubectl, request);
    if (typeof found === 'string') {
      kubectl.err(`${found}\n`);
      failed = true;
    } else objects.push([kind, found]);
  }
  return { objects, failed };
}

/** The same for verbs that change: a kind alone is not enough. */
export function targets(kubectl: Kubectl, args: readonly string[], whenNone = MUST_PROVIDE): ReturnType<typeof selectObjects> {
  const { flags } = kubectl;
  const [only = ''] = args;
  if (args.length === 1 && !only.includes('/') && !flags.bool('all') && !flags.has('selector'))
    throw new KubectlError('error: resource(s) were provided, but no name was specified');
  return selectObjects(kubectl, args, whenNone);
}

export const targetFlags: readonly Flag[] = [
  { name: 'filename', short: 'f', type: 'list' },
  { name: 'recursive', short: 'R', type: 'bool' },
  { name: 'kustomize', short: 'k', type: 'string' },
  { name: 'selector', short: 'l', type: 'string' },
  { name: 'all', type: 'bool' },
];
