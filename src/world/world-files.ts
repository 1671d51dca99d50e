/** The texts of a world and what became of them: which stand applied, which are broken, and what their author should know. */
import type { Diagnostic } from '../base/diagnostic.ts';
import type { CniManifest } from '../kube/cni/choice-names.ts';
import { initialObjects } from '../kube/index.ts';
import type { NetRecord } from '../net/records.ts';
import type { ApiServer } from '../objects/api-server.ts';
import { keyIn, withoutCluster } from '../objects/cluster-key.ts';
import { objectKey } from '../objects/types.ts';
import { type AdmittedObject, FileReader, givesCluster, inApplyOrder, isSystem } from './admit.ts';
import { failureDiagnostics, findingDiagnostics, kindLookup } from './apply.ts';
import { admittedOf, byCluster } from './clusters-of-texts.ts';
import type { ControlPlanes } from './control-planes.ts';
import type { DocumentFile } from './document.ts';
import { isExchanged, kindAddOns, networksOf } from './kind-cluster.ts';
import type { WorldParts } from './parts.ts';

/** References only: texts, what was made of them, and what was wrong. */
export interface SavedFiles {
  readonly texts: ReadonlyMap<string, string>;
  readonly applied: ReadonlyMap<string, string>;
  readonly admitted: ReadonlyMap<string, AdmittedObject>;
  readonly text: readonly Diagnostic[];
  readonly settle: readonly Diagnostic[];
}

export class WorldFiles {
  readonly #planes: ControlPlanes;
  readonly #baseFiles: readonly DocumentFile[];
  readonly #reader: FileReader;
  readonly #baseReader: FileReader;
  /** Of texts of ours that a cluster brings with it. */
  readonly #givenReader: FileReader;
  readonly #manifest: CniManifest;
  readonly #further: () => WorldParts['further'];
  #texts: ReadonlyMap<string, string>;
  /** Texts of the last good world. */
  #applied: ReadonlyMap<string, string> = new Map();
  #admitted: ReadonlyMap<string, AdmittedObject> = new Map();
  #textDiagnostics: readonly Diagnostic[] = [];
  #settleDiagnostics: readonly Diagnostic[] = [];
  #diagnostics: readonly Diagnostic[] | undefined;

  constructor(planes: ControlPlanes, files: readonly DocumentFile[], baseFiles: readonly DocumentFile[], parts: Pick<WorldParts, 'manifest' | 'further'>) {
    this.#manifest = parts.manifest;
    this.#further = () => parts.further;
    this.#planes = planes;
    const api = planes.first;
    this.#reader = new FileReader(kindLookup(api));
    this.#baseReader = new FileReader(kindLookup(api));
    this.#givenReader = new FileReader(kindLookup(api));
    this.#baseFiles = baseFiles;
    this.#texts = new Map(files.map((file) => [file.path, file.text]));
  }

  /** Texts of the last good world. */
  get applied(): readonly DocumentFile[] {
    return [...this.#applied].map(([path, text]) => ({ path, text }));
  }

  /** Current texts, the broken ones too. */
  get files(): readonly DocumentFile[] {
    return [...this.#texts].map(([path, text]) => ({ path, text }));
  }

  /** Texts that were typed but could not be applied. */
  get unapplied(): readonly DocumentFile[] {
    return this.files.filter((file) => this.#applied.get(file.path) !== file.text);
  }

  get admitted(): ReadonlyMap<string, AdmittedObject> {
    return this.#admitted;
  }

  get diagnostics(): readonly Diagnostic[] {
    this.#diagnostics ??= [
      ...this.#textDiagnostics,
      ...this.#planes.all.flatMap(({ name, api }) => findingDiagnostics(api, this.#planes.areMany ? admittedOf(this.#admitted, name) : this.#admitted)),
      ...this.#settleDiagnostics,
    ];
    return this.#diagnostics;
  }

  set(path: string, text: string | null): void {
    const texts = new Map(this.#texts);
    if (text === null) texts.delete(path);
    else texts.set(path, text);
    this.#texts = texts;
  }

  /** All of it as it is, for `load`. */
  save(): SavedFiles {
    return { texts: this.#texts, applied: this.#applied, admitted: this.#admitted, text: this.#textDiagnostics, settle: this.#settleDiagnostics };
  }

  load(saved: SavedFiles): void {
    this.#texts = saved.texts;
    this.#applied = saved.applied;
    this.#admitted = saved.admitted;
    this.#textDiagnostics = saved.text;
    this.#settleDiagnostics = saved.settle;
    this.#diagnostics = undefined;
  }

  /** What controllers and agents complained about when they last settled. */
  settled(diagnostics: readonly Diagnostic[]): void {
    this.#settleDiagnostics = diagnostics;
    this.#diagnostics = undefined;
  }

  /**
   * Writes what changed since the last good texts to the API server. `undo` is called when `atomic` and anything is wrong; then false is
   * returned and the last good texts stay in force. Only objects whose text changed are written, so what `kubectl` did to others stays.
   * `forget` is called where a cluster is made anew: kernels that are gone keep no neighbours and no connections.
   */
  apply(atomic: boolean, undo: () => void, settle: () => void, forget: () => void): boolean {
    const admission = this.#reader.admit(this.files);
    const diagnostics: Diagnostic[] = [...admission.diagnostics, ...this.#problems(admission.objects)];
    const isBroken = () => diagnostics.some((one) => one.severity === 'error');
    if (atomic && isBroken()) return this.#told(diagnostics, false);

    const next = new Map<string, AdmittedObject>();
    const before = byCluster([...this.#admitted.values()]);
    const now = byCluster(admission.objects);
    for (const cluster of before.keys()) if (!now.has(cluster)) now.set(cluster, []);
    for (const [cluster, own] of now) {
      const had = new Map((before.get(cluster) ?? []).map((one) => [one.key, one]));
      for (const one of this.#applyCluster(cluster, own, had, diagnostics, settle, forget)) next.set(one.key, one);
    }
    if (atomic && isBroken()) {
      undo();
      return this.#told(diagnostics, false);
    }
    this.#admitted = next;
    this.#applied = this.#texts;
    return this.#told(diagnostics, true);
  }

  /** Writes what changed in one cluster, and returns all that it has now. */
  #applyCluster(
    cluster: string,
    own: readonly AdmittedObject[],
    had: ReadonlyMap<string, AdmittedObject>,
    diagnostics: Diagnostic[],
    settle: () => void,
    forget: () => void,
  ): readonly AdmittedObject[] {
    const api = this.#planes.get(cluster);
    const bare = (key: string): string => withoutCluster(cluster, key);
    const objects = cluster === '' ? this.#withCluster(own) : this.#furtherCluster(cluster, own);
    const next = new Map(objects.map((one) => [one.key, one]));
    // Who exchanges the pod network in the texts makes the cluster anew: no running one changes it without traces.
    const before = isExchanged([...had.values()], objects) ? this.#clear(api, settle, forget) : had;
    // A Service that was renamed keeps its cluster IP and node ports: the old name gives them up before the new one asks.
    const isNew = (kind: string) => objects.some((one) => one.object.kind === kind && !before.has(one.key));
    for (const [key, one] of before) if (one.object.kind === 'Service' && !next.has(key) && isNew('Service')) api.remove(bare(key));
    let systemRuns = before.size > 0;
    for (const one of inApplyOrder(objects)) {
      // At first the cluster itself comes up, as it does before anybody can apply applications to it.
      if (!systemRuns && !isSystem(one.object)) {
        settle();
        systemRuns = true;
      }
      const previous = before.get(one.key);
      if (previous !== undefined && (previous.object === one.object || JSON.stringify(previous.object) === JSON.stringify(one.object))) continue;
      const result = api.apply(one.object);
      if (!result.ok) diagnostics.push(...failureDiagnostics(result, one));
      else for (const warning of result.warnings) diagnostics.push({ severity: 'warning', code: 'api-warning', message: warning, span: one.source.span });
    }
    for (const key of before.keys()) if (!next.has(key)) api.remove(bare(key));
    return objects;
  }

  #problems(objects: readonly AdmittedObject[]): readonly Diagnostic[] {
    return objects.some((one) => one.cluster !== undefined) ? this.#further().problems(objects) : [];
  }

  #withCluster(own: readonly AdmittedObject[]): readonly AdmittedObject[] {
    return givesCluster(own) ? [...own, ...this.#kindAddOns(own)] : this.#withBase(own);
  }

  /** A cluster beside the first one describes its machines itself, and has an underlay of its own. */
  #furtherCluster(cluster: string, own: readonly AdmittedObject[]): readonly AdmittedObject[] {
    if (!givesCluster(own)) return own;
    const plain = own.map((one) => ({ ...one, key: withoutCluster(cluster, one.key) }));
    const number = Math.max(
      1,
      this.#planes.all.findIndex((one) => one.name === cluster),
    );
    const given = plain.some(({ object }) => object.kind === 'Network')
      ? []
      : this.#givenReader.admit([{ path: `underlay ${number}`, text: this.#further().underlay(number) }]).objects;
    const source = own[0]?.source;
    const all = [...plain, ...given.map((one) => ({ ...one, source: source ?? one.source }))];
    return [...all, ...this.#kindAddOns(all)].map((one) => ({ ...one, key: keyIn(cluster, one.key), cluster }));
  }

  /** The files name no machine: the given cluster carries what they describe. */
  #withBase(objects: readonly AdmittedObject[]): readonly AdmittedObject[] {
    const own = new Set(objects.map((one) => one.key));
    const base = this.#baseReader.admit(this.#baseFiles).objects;
    // With a pod network of its own the document wants none of the given cluster's.
    const chosen = networksOf(objects);
    const networks = chosen.size === 0 ? [] : [...networksOf(base)].filter((name) => !chosen.has(name));
    const isGiven = ({ object: { kind, metadata } }: AdmittedObject): boolean =>
      networks.some((name) => (kind === 'Namespace' ? metadata.name : `${metadata.namespace ?? ''} ${metadata.name}`).includes(name));
    return [...base.filter((one) => !own.has(one.key) && !isGiven(one)), ...objects];
  }

  #kindAddOns(objects: readonly AdmittedObject[]): readonly AdmittedObject[] {
    return kindAddOns(
      objects,
      () => this.#baseReader.admit(this.#baseFiles).objects,
      (path, text) => this.#givenReader.admit([{ path, text }]).objects,
      this.#manifest,
    );
  }

  /** Deletes the cluster: all objects but those that an API server starts with. */
  #clear(api: ApiServer<NetRecord>, settle: () => void, forget: () => void): ReadonlyMap<string, AdmittedObject> {
    const first = new Set(initialObjects.map((object) => objectKey(object)));
    for (const { kind } of api.kinds)
      for (const object of api.view.list(kind)) if (!first.has(objectKey(object))) api.remove(objectKey(object), { gracePeriodSeconds: 0 });
    settle();
    api.renderAgain();
    settle();
    forget();
    return new Map();
  }

  #told(diagnostics: readonly Diagnostic[], applied: boolean): boolean {
    this.#textDiagnostics = diagnostics;
    this.#diagnostics = undefined;
    return applied;
  }
}
