/** The texts of a world and what became of them: which stand applied, which are broken, and what their author should know. */
import type { Diagnostic } from '../base/diagnostic.ts';
import type { CniManifest } from '../kube/cni/choice-names.ts';
import { initialObjects } from '../kube/index.ts';
import type { NetRecord } from '../net/records.ts';
import type { ApiServer } from '../objects/api-server.ts';
import { objectKey } from '../objects/types.ts';
import { type AdmittedObject, FileReader, givesCluster, inApplyOrder, isSystem } from './admit.ts';
import { failureDiagnostics, findingDiagnostics, kindLookup } from './apply.ts';
import type { DocumentFile } from './document.ts';
import { isExchanged, kindAddOns, networksOf } from './kind-cluster.ts';

/** References only: texts, what was made of them, and what was wrong. */
export interface SavedFiles {
  readonly texts: ReadonlyMap<string, string>;
  readonly applied: ReadonlyMap<string, string>;
  readonly admitted: ReadonlyMap<string, AdmittedObject>;
  readonly text: readonly Diagnostic[];
  readonly settle: readonly Diagnostic[];
}

export class WorldFiles {
  readonly #api: ApiServer<NetRecord>;
  readonly #baseFiles: readonly DocumentFile[];
  readonly #reader: FileReader;
  readonly #baseReader: FileReader;
  /** Of texts of ours that a cluster brings with it. */
  readonly #givenReader: FileReader;
  readonly #manifest: CniManifest;
  #texts: ReadonlyMap<string, string>;
  /** Texts of the last good world. */
  #applied: ReadonlyMap<string, string> = new Map();
  #admitted: ReadonlyMap<string, AdmittedObject> = new Map();
  #textDiagnostics: readonly Diagnostic[] = [];
  #settleDiagnostics: readonly Diagnostic[] = [];
  #diagnostics: readonly Diagnostic[] | undefined;

  constructor(api: ApiServer<NetRecord>, files: readonly DocumentFile[], baseFiles: readonly DocumentFile[], manifest: CniManifest) {
    this.#manifest = manifest;
    this.#api = api;
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
    this.#diagnostics ??= [...this.#textDiagnostics, ...findingDiagnostics(this.#api, this.#admitted), ...this.#settleDiagnostics];
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
    const diagnostics: Diagnostic[] = [...admission.diagnostics];
    const isBroken = () => diagnostics.some((one) => one.severity === 'error');
    if (atomic && isBroken()) return this.#told(diagnostics, false);

    const objects = givesCluster(admission.objects) ? [...admission.objects, ...this.#kindAddOns(admission.objects)] : this.#withBase(admission.objects);
    const next = new Map(objects.map((one) => [one.key, one]));
    // Who exchanges the pod network in the texts makes the cluster anew: no running one changes it without traces.
    const before = isExchanged([...this.#admitted.values()], objects) ? this.#clear(settle, forget) : this.#admitted;
    // A Service that was renamed keeps its cluster IP and node ports: the old name gives them up before the new one asks.
    const isNew = (kind: string) => objects.some((one) => one.object.kind === kind && !before.has(one.key));
    for (const [key, one] of before) if (one.object.kind === 'Service' && !next.has(key) && isNew('Service')) this.#api.remove(key);
    let systemRuns = before.size > 0;
    for (const one of inApplyOrder(objects)) {
      // At first the cluster itself comes up, as it does before anybody can apply applications to it.
      if (!systemRuns && !isSystem(one.object)) {
        settle();
        systemRuns = true;
      }
      const previous = before.get(one.key);
      if (previous !== undefined && (previous.object === one.object || JSON.stringify(previous.object) === JSON.stringify(one.object))) continue;
      const result = this.#api.apply(one.object);
      if (!result.ok) diagnostics.push(...failureDiagnostics(result, one));
      else for (const warning of result.warnings) diagnostics.push({ severity: 'warning', code: 'api-warning', message: warning, span: one.source.span });
    }
    for (const key of before.keys()) if (!next.has(key)) this.#api.remove(key);
    if (atomic && isBroken()) {
      undo();
      return this.#told(diagnostics, false);
    }
    this.#admitted = next;
    this.#applied = this.#texts;
    return this.#told(diagnostics, true);
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
  #clear(settle: () => void, forget: () => void): ReadonlyMap<string, AdmittedObject> {
    const first = new Set(initialObjects.map((object) => objectKey(object)));
    for (const { kind } of this.#api.kinds)
      for (const object of this.#api.view.list(kind)) if (!first.has(objectKey(object))) this.#api.remove(objectKey(object), { gracePeriodSeconds: 0 });
    settle();
    this.#api.renderAgain();
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
