/** From manifests and cluster dumps (`kubectl get -A -o yaml`) to the files of a world: what the cluster makes by itself is left out. */
import { formatYaml, parseYaml, type YamlValue } from '../../base/yaml/index.ts';
import { MAX_FILES } from '../admit.ts';
import type { DocumentFile } from '../document.ts';
import type { ImportPlan } from './requests.ts';
import type { LanguageApi } from './text-index.ts';
import { isRecord, type JsonRecord, textOf } from './text-object.ts';

const MAX_LENGTH = 8 * 1024 * 1024;
/** A file of a world has at most 256 kB. */
const MAX_FILE = 240 * 1024;
const limits = { maxLength: MAX_LENGTH, maxDocuments: 20_000, maxDepth: 100, maxAliases: 100, maxNodes: 2_000_000 };

const serverFields = [
  'managedFields',
  'uid',
  'resourceVersion',
  'creationTimestamp',
  'generation',
  'selfLink',
  'ownerReferences',
  'finalizers',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
];
const serverAnnotations = [
  'kubectl.kubernetes.io/last-applied-configuration',
  'deployment.kubernetes.io/revision',
  'kubernetes.io/config.seen',
  'kubernetes.io/config.source',
  'kubernetes.io/config.hash',
];
/** What is reported, never wanted. */
const reportedKinds = new Set([
  'Event',
  'Endpoints',
  'EndpointSlice',
  'Lease',
  'ControllerRevision',
  'ComponentStatus',
  'CSINode',
  'PodMetrics',
  'NodeMetrics',
  'CiliumEndpoint',
  'CiliumIdentity',
  'CiliumNode',
  'BlockAffinity',
  'IPAMBlock',
  'IPAMHandle',
  'IPAddress',
]);

const without = (record: JsonRecord, keys: readonly string[]): JsonRecord => Object.fromEntries(Object.entries(record).filter(([key]) => !keys.includes(key)));
const isEmpty = (value: unknown): boolean => isRecord(value) && Object.keys(value).length === 0;

/** Why an object stays out, in words that can follow a number; undefined: it comes in. */
function reasonToLeave(object: JsonRecord, metadata: JsonRecord, knows: (apiVersion: string, kind: string) => boolean): string | undefined {
  const kind = textOf(object.kind);
  const name = textOf(metadata.name);
  const namespace = textOf(metadata.namespace);
  const owner = Array.isArray(metadata.ownerReferences)
    ? (metadata.ownerReferences as readonly unknown[]).find((one) => isRecord(one) && one.controller === true)
    : undefined;
  if (reportedKinds.has(kind)) return `of kind ${kind}: the cluster reports them by itself`;
  if (isRecord(owner) && textOf(owner.kind) !== 'Node') return `of kind ${kind} that a ${textOf(owner.kind)} makes again (under new names and addresses)`;
  if (isRecord(owner) || (isRecord(metadata.annotations) && metadata.annotations['kubernetes.io/config.mirror'] !== undefined))
    return 'static pods of the control plane: the cluster has its own';
  if (kind === 'ConfigMap' && name === 'kube-root-ca.crt') return 'ConfigMaps kube-root-ca.crt: every namespace gets its own';
  if (kind === 'ServiceAccount' && name === 'default') return 'ServiceAccounts default: every namespace gets its own';
  if (kind === 'Service' && name === 'kubernetes' && namespace === 'default') return 'the Service kubernetes: the cluster has its own';
  if (kind === 'Secret' && /^(?:kubernetes\.io\/service-account-token|helm\.sh\/release)/.test(textOf(object.type)))
    return 'Secrets of tokens and Helm releases';
  if (kind === 'Namespace' && /^(?:default|kube-.*)$/.test(name)) return 'namespaces that every cluster has';
  if (
    /^(?:Cluster)?Role(?:Binding)?$/.test(kind) &&
    (name.startsWith('system:') || (isRecord(metadata.labels) && metadata.labels['kubernetes.io/bootstrapping'] !== undefined))
  )
    return 'rules of access that every cluster has';
  if (!knows(textOf(object.apiVersion), kind)) return `of kind ${kind} (${textOf(object.apiVersion)}): nothing here knows it`;
  return undefined;
}

/** A pod as its author would have written it: without what admission adds. */
function cleanSpec(kind: string, spec: unknown): unknown {
  if (!isRecord(spec) || kind !== 'Pod') return spec;
  const isToken = (one: unknown) => isRecord(one) && textOf(one.name).startsWith('kube-api-access-');
  const list = (value: unknown) => (Array.isArray(value) ? (value as readonly unknown[]).filter((one) => !isToken(one)) : value);
  const containers = (value: unknown) =>
    Array.isArray(value)
      ? (value as readonly unknown[]).map((one) => {
          if (!isRecord(one)) return one;
          const mounts = list(one.volumeMounts);
          return Array.isArray(mounts) && mounts.length === 0 ? without(one, ['volumeMounts']) : { ...one, volumeMounts: mounts };
        })
      : value;
  const volumes = list(spec.volumes);
  const rest = without(spec, ['volumes', 'serviceAccount']);
  return {
    ...rest,
    containers: containers(spec.containers),
    ...(spec.initContainers === undefined ? {} : { initContainers: containers(spec.initContainers) }),
    ...(Array.isArray(volumes) && volumes.length > 0 ? { volumes } : {}),
  };
}

function cleaned(object: JsonRecord, metadata: JsonRecord): JsonRecord {
  const kind = textOf(object.kind);
  const annotations = isRecord(metadata.annotations) ? without(metadata.annotations, serverAnnotations) : undefined;
  const kept = without(metadata, annotations === undefined || isEmpty(annotations) ? [...serverFields, 'annotations'] : serverFields);
  const { status } = object;
  // A machine's addresses stand in its status, and nobody else says them.
  const addresses = kind === 'Node' && isRecord(status) && Array.isArray(status.addresses) ? { status: { addresses: status.addresses as unknown } } : {};
  const spec = cleanSpec(kind, object.spec);
  return {
    ...without(object, ['status', 'metadata', 'spec']),
    metadata: annotations === undefined || isEmpty(annotations) ? kept : { ...kept, annotations },
    ...(spec === undefined ? {} : { spec }),
    ...addresses,
  };
}

const isDumped = (metadata: JsonRecord): boolean => typeof metadata.uid === 'string' || typeof metadata.resourceVersion === 'string';

const safeName = (name: string) =>
  name
    .replace(/[^A-Za-z0-9._-]+/g, '-')
    .replace(/^\.+/, '')
    .slice(0, 50) || 'import';

interface Bundle {
  readonly name: string;
  readonly parts: string[];
  length: number;
}

/** Files that were written by hand stay as they are; objects of a dump are cleaned and sorted by namespace. */
export function importFiles(api: LanguageApi, given: readonly DocumentFile[], taken: readonly string[]): ImportPlan {
  const notes: string[] = [];
  const left = new Map<string, number>();
  const bundles: Bundle[] = [];
  let objects = 0;
  const knows = (apiVersion: string, kind: string) =>
    api.kinds.some((one) => one.kind === kind && (one.apiVersion === apiVersion || one.otherVersions?.includes(apiVersion) === true));
  const put = (name: string, text: string) => {
    const last = bundles.findLast((one) => one.name === name);
    const bundle = last === undefined || last.length + text.length > MAX_FILE ? { name, parts: [], length: 0 } : last;
    if (bundle !== last) bundles.push(bundle);
    bundle.parts.push(text);
    bundle.length += text.length + 4;
  };
  let total = 0;
  let keptAddresses = false;
  for (const { path, text } of given) {
    total += text.length;
    if (total > MAX_LENGTH) {
      notes.push(`Only the first ${MAX_LENGTH / 1024 / 1024} MB were read; ${path} and what follows were not.`);
      break;
    }
    const parsed = parseYaml(path, text, limits);
    const found = parsed.documents.flatMap((document): readonly unknown[] => {
      const { value } = document;
      return isRecord(value) && textOf(value.kind).endsWith('List') && Array.isArray(value.items) ? (value.items as readonly unknown[]) : [value];
    });
    const records = found.filter(isRecord);
    const isDump =
      records.some((one) => isRecord(one.metadata) && isDumped(one.metadata)) ||
      parsed.documents.some((document) => isRecord(document.value) && document.value.kind === 'List');
    if (!isDump && text.length <= MAX_FILE) {
      objects += records.length;
      bundles.push({ name: safeName(path.slice(path.lastIndexOf('/') + 1)).replace(/\.(?:ya?ml|json)$/i, ''), parts: [text], length: MAX_FILE });
      for (const problem of parsed.diagnostics.slice(0, 3)) notes.push(`${path}: ${problem.message}`);
      continue;
    }
    for (const problem of parsed.diagnostics.slice(0, 3)) notes.push(`${path}: ${problem.message}; this part is left out.`);
    for (const object of records) {
      const metadata = isRecord(object.metadata) ? object.metadata : {};
      const reason = reasonToLeave(object, metadata, knows);
      if (reason !== undefined) {
        left.set(reason, (left.get(reason) ?? 0) + 1);
        continue;
      }
      const kind = textOf(object.kind);
      keptAddresses ||= kind === 'Service' || kind === 'Node';
      objects += 1;
      put(kind === 'Node' ? 'nodes' : safeName(textOf(metadata.namespace) || 'cluster'), formatYaml(cleaned(object, metadata) as YamlValue));
    }
  }
  if (keptAddresses) notes.unshift('Names, cluster IPs, node ports, pod CIDRs and the nodes’ addresses are kept as they were.');
  for (const [reason, count] of [...left].sort((a, b) => b[1] - a[1])) notes.push(`Left out: ${count} ${reason}.`);
  const names = new Set(taken);
  const files: DocumentFile[] = [];
  for (const bundle of bundles) {
    if (names.size >= MAX_FILES) {
      notes.push(`A world has at most ${MAX_FILES} files: ${bundle.name} and what follows are left out.`);
      break;
    }
    let path = `${bundle.name}.yaml`;
    for (let number = 2; names.has(path); number += 1) path = `${bundle.name}-${number}.yaml`;
    names.add(path);
    files.push({ path, text: bundle.parts.join('---\n') });
  }
  return { files, objects, notes };
}
