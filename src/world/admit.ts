/** From files to objects: parses every file, names what each document is, and finds what only all files together show (duplicates, missing clusters). */
import type { Diagnostic, Span } from '../base/diagnostic.ts';
import { parseYaml, type YamlDocument } from '../base/yaml/index.ts';
import { isClusterName, keyIn } from '../objects/cluster-key.ts';
import { type KubeObject, type ObjectSource, objectKey } from '../objects/types.ts';
import type { DocumentFile } from './document.ts';

/** A document that looks like an API object, with its place in the text. */
export interface AdmittedObject {
  /** With its cluster, where that is not the first one. */
  readonly key: string;
  /** Absent: the first one. */
  readonly cluster?: string;
  readonly object: KubeObject;
  readonly source: ObjectSource;
}

export interface Admission {
  readonly objects: readonly AdmittedObject[];
  readonly diagnostics: readonly Diagnostic[];
}

/** Bounds for one world: S4 of the security goals. */
export const MAX_OBJECTS = 20_000;
export const MAX_FILES = 64;

/** Configuration files have no metadata; in the store they need a name. */
const unnamedKinds = new Set(['ClusterConfiguration', 'InitConfiguration', 'JoinConfiguration', 'KubeProxyConfiguration', 'KubeletConfiguration', 'Cluster']);

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);

function diagnostic(code: string, message: string, span: Span, hint?: string): Diagnostic {
  return { severity: 'error', code, message, span, ...(hint === undefined ? {} : { hint }) };
}

interface Candidate {
  readonly value: Record<string, unknown>;
  readonly prefix: string;
  readonly document: YamlDocument;
  readonly file: string;
}

/** `kind: List` and `kind: PodList` stand for their items. */
function candidates(document: YamlDocument, file: string): Candidate[] {
  const { value } = document;
  if (!isRecord(value)) return [];
  const isList = typeof value.kind === 'string' && value.kind.endsWith('List') && Array.isArray(value.items);
  if (!isList) return [{ value, prefix: '', document, file }];
  return (value.items as unknown[]).flatMap((item, index) => (isRecord(item) ? [{ value: item, prefix: `items[${index}]`, document, file }] : []));
}

function toObject(candidate: Candidate, defaultNamespace: string, lookup: Lookup): AdmittedObject | Diagnostic {
  const { value, prefix, document, file } = candidate;
  const at = (path: string) => document.spanOf(prefix === '' ? path : path === '' ? prefix : `${prefix}.${path}`);
  if (typeof value.apiVersion !== 'string' || value.apiVersion === '')
    return diagnostic('missing-api-version', `error validating "${file}": error validating data: apiVersion not set`, at(''));
  if (typeof value.kind !== 'string' || value.kind === '')
    return diagnostic(
      'missing-kind',
      `error validating "${file}": error validating data: kind not set; if you choose to ignore these errors, turn validation off with --validate=false`,
      at(''),
    );
  const { apiVersion } = value;
  const known = lookup(apiVersion, value.kind);
  const kind = known?.kind ?? value.kind;
  if (known === undefined) {
    return diagnostic(
      'unknown-kind',
      `resource mapping not found for name: "${isRecord(value.metadata) && typeof value.metadata.name === 'string' ? value.metadata.name : ''}" namespace: "${isRecord(value.metadata) && typeof value.metadata.namespace === 'string' ? value.metadata.namespace : ''}" from "${file}": no matches for kind "${kind}" in version "${apiVersion}"`,
      at('kind'),
      'ensure CRDs are installed first',
    );
  }
  const given = isRecord(value.metadata) ? value.metadata : {};
  const name = typeof given.name === 'string' && given.name !== '' ? given.name : unnamedKinds.has(kind) ? 'config' : undefined;
  if (name === undefined && typeof given.generateName !== 'string')
    return diagnostic(
      'missing-name',
      `error: error when retrieving current configuration of:\nResource: "${apiVersion}, Resource=${kind.toLowerCase()}s"\nName: "", Namespace: "${defaultNamespace}"\nfrom server for: "${file}": resource name may not be empty`,
      at('metadata'),
    );
  const namespace = known.namespaced ? (typeof given.namespace === 'string' && given.namespace !== '' ? given.namespace : defaultNamespace) : undefined;
  const object = {
    ...value,
    apiVersion,
    kind,
    metadata: { ...given, name: name ?? '', ...(namespace === undefined ? {} : { namespace }) },
  } as unknown as KubeObject;
  return { key: objectKey(object), object, source: { file, span: at(''), spanOf: at } };
}

/** A kind by its version and name as they are written: by which name it is stored, and where. */
export type Lookup = (apiVersion: string, kind: string) => { readonly kind: string; readonly namespaced: boolean } | undefined;

/** What one file holds, in order: objects, and what is wrong with the rest. */
type FileReading = readonly (AdmittedObject | Diagnostic)[];

/** Kinds that CustomResourceDefinitions in these texts declare, `example.com/v1 Widget`, and whether they are namespaced: known before they are stored. */
function declaredKinds(readings: Iterable<FileReading>): ReadonlyMap<string, boolean> {
  const found = new Map<string, boolean>();
  for (const reading of readings)
    for (const entry of reading) {
      if (!isAdmitted(entry) || entry.object.kind !== 'CustomResourceDefinition' || !isRecord(entry.object.spec)) continue;
      const { group, names, scope, versions } = entry.object.spec;
      if (!isRecord(names) || !Array.isArray(versions)) continue;
      for (const version of versions)
        if (isRecord(version) && version.served === true) found.set(`${String(group)}/${String(version.name)} ${String(names.kind)}`, scope === 'Namespaced');
    }
  return found;
}

const sameKinds = (a: ReadonlyMap<string, boolean>, b: ReadonlyMap<string, boolean>): boolean =>
  a.size === b.size && [...a].every(([kind, namespaced]) => b.get(kind) === namespaced);
const noKinds: ReadonlyMap<string, boolean> = new Map();
const knowing =
  (lookup: Lookup, declared: ReadonlyMap<string, boolean>): Lookup =>
  (apiVersion, kind) => {
    const namespaced = declared.get(`${apiVersion} ${kind}`);
    return namespaced === undefined ? lookup(apiVersion, kind) : { kind, namespaced };
  };

const isAdmitted = (entry: AdmittedObject | Diagnostic): entry is AdmittedObject => 'key' in entry;

function readFile(file: DocumentFile, lookup: Lookup, defaultNamespace: string): FileReading {
  const parsed = parseYaml(file.path, file.text);
  const entries: (AdmittedObject | Diagnostic)[] = [...parsed.diagnostics];
  for (const document of parsed.documents) {
    if (document.value === null || document.value === undefined) continue;
    if (isRecord(document.value)) for (const candidate of candidates(document, file.path)) entries.push(toObject(candidate, defaultNamespace, lookup));
    else
      entries.push(
        diagnostic('not-an-object', `error: error validating "${file.path}": error validating data: invalid object to validate`, document.spanOf('')),
      );
  }
  return entries;
}

/** Remembers what it read: an edit of one file costs one file, and objects of the others are the very same as before. */
export class FileReader {
  readonly #lookup: Lookup;
  readonly #readings = new Map<string, { readonly text: string; readonly reading: FileReading }>();
  #declared = noKinds;

  constructor(lookup: Lookup) {
    this.#lookup = lookup;
  }

  admit(files: readonly DocumentFile[]): Admission {
    const paths = new Set(files.map((file) => file.path));
    for (const path of this.#readings.keys()) if (!paths.has(path)) this.#readings.delete(path);
    for (const file of files.slice(0, MAX_FILES)) this.#read(file);
    const declared = declaredKinds([...this.#readings.values()].map((one) => one.reading));
    if (!sameKinds(declared, this.#declared)) {
      this.#declared = declared;
      this.#readings.clear();
    }
    return join(files, (file) => this.#read(file));
  }

  #read(file: DocumentFile): FileReading {
    const known = this.#readings.get(file.path);
    if (known?.text === file.text) return known.reading;
    const reading = readFile(file, knowing(this.#lookup, this.#declared), 'default');
    this.#readings.set(file.path, { text: file.text, reading });
    return reading;
  }
}

/** Parses files into objects; as to kubectl, a kind is unknown until its definition is stored. Every problem becomes a diagnostic at its place; good documents beside a broken one are still returned. */
export function admitFiles(files: readonly DocumentFile[], lookup: Lookup, defaultNamespace = 'default'): Admission {
  return join(files, (file) => readFile(file, lookup, defaultNamespace));
}

/** Says for one object in which cluster it is. */
const CLUSTER_ANNOTATION = 'kubehop.dev/cluster';

/** What a file's own description of a cluster calls it: kind's, or kubeadm's. */
function clusterNameIn(reading: FileReading): string | undefined {
  for (const entry of reading) {
    if (!isAdmitted(entry)) continue;
    const { kind, apiVersion } = entry.object;
    const { name, clusterName } = entry.object as KubeObject & { readonly name?: unknown; readonly clusterName?: unknown };
    const said = kind === 'Cluster' && apiVersion.startsWith('kind.x-k8s.io/') ? (name ?? 'kind') : kind === 'ClusterConfiguration' ? clusterName : undefined;
    if (typeof said === 'string' && isClusterName(said)) return said;
  }
  return undefined;
}

/** A file that describes a cluster of another name than the first that is described is that cluster's; the others are the first one's. */
function clustersOf(files: readonly DocumentFile[], read: (file: DocumentFile) => FileReading): (file: DocumentFile, entry: AdmittedObject) => AdmittedObject {
  const named = new Map(files.map((file) => [file.path, clusterNameIn(read(file))]));
  const first = [...named.values()].find((name) => name !== undefined);
  return (file, entry) => {
    const said = entry.object.metadata.annotations?.[CLUSTER_ANNOTATION];
    const name = typeof said === 'string' && isClusterName(said) ? said : named.get(file.path);
    return name === undefined || name === first ? entry : { ...entry, key: keyIn(name, entry.key), cluster: name };
  };
}

function join(files: readonly DocumentFile[], read: (file: DocumentFile) => FileReading): Admission {
  const objects: AdmittedObject[] = [];
  const diagnostics: Diagnostic[] = [];
  const seen = new Map<string, AdmittedObject>();
  const taken = files.slice(0, MAX_FILES);
  const placed = clustersOf(taken, read);
  for (const file of taken) {
    for (const one of read(file)) {
      if (!isAdmitted(one)) {
        diagnostics.push(one);
        continue;
      }
      const entry = placed(file, one);
      const earlier = seen.get(entry.key);
      if (earlier !== undefined) {
        diagnostics.push(
          diagnostic(
            'duplicate-object',
            `${entry.object.kind} "${entry.object.metadata.name}" is defined twice; the first one stands in ${earlier.source.file} line ${earlier.source.span.startLine}`,
            entry.source.spanOf('metadata.name'),
          ),
        );
        continue;
      }
      if (objects.length >= MAX_OBJECTS) {
        diagnostics.push(diagnostic('too-many-objects', `more than ${MAX_OBJECTS} objects; the rest is left out`, entry.source.span));
        return { objects, diagnostics };
      }
      seen.set(entry.key, entry);
      objects.push(entry);
    }
  }
  return { objects, diagnostics };
}

/** Within a stage, what others refer to comes first. */
const rank: Readonly<Record<string, number>> = {
  Namespace: 0,
  ClusterConfiguration: 1,
  KubeProxyConfiguration: 1,
  KubeletConfiguration: 1,
  Cluster: 1,
  Network: 1,
  CustomResourceDefinition: 1,
  Host: 2,
  Node: 2,
  ConfigMap: 3,
  Secret: 3,
  ServiceAccount: 3,
  PriorityClass: 3,
  StorageClass: 3,
  PersistentVolume: 3,
  Service: 4,
  DaemonSet: 5,
};
/** Cluster-scoped objects and what runs in the system's namespaces (`kube-system`, `kube-flannel`): the cluster itself, as against applications on it. */
export const isSystem = ({ metadata }: KubeObject) => metadata.namespace === undefined || metadata.namespace.startsWith('kube-');

/** The order in which a cluster can take them: the system before applications, what others refer to first; otherwise as written. */
export function inApplyOrder(objects: readonly AdmittedObject[]): AdmittedObject[] {
  return objects
    .map((one, index) => ({ one, index, stage: isSystem(one.object) ? 0 : 1, rank: rank[one.object.kind] ?? 6 }))
    .sort((a, b) => a.stage - b.stage || a.rank - b.rank || a.index - b.index)
    .map((entry) => entry.one);
}

/** True when the files say themselves which machines there are. */
export function givesCluster(objects: readonly AdmittedObject[]): boolean {
  return objects.some(({ object }) => object.kind === 'Node' || (object.kind === 'Cluster' && object.apiVersion.startsWith('kind.x-k8s.io/')));
}
