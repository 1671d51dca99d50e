/** Finds kinds by every word that people and programs use for them. */
import { type CompiledSchema, compileKind } from './schema/compile.ts';
import { type Kind, type KubeObject, type ObjectKey, writtenKind } from './types.ts';

export interface KindInfo {
  readonly kind: Kind;
  readonly schema: CompiledSchema;
  /** `apps`, '' for the core group. */
  readonly group: string;
  /** `v1` */
  readonly version: string;
}

export class KindRegistry {
  readonly #fixed: readonly Kind[];
  #all: readonly Kind[];
  #byKind = new Map<string, KindInfo>();
  #words = new Map<string, Kind>();
  /** By version and kind as people write them: `apps/v1 Deployment`. */
  #written = new Map<string, KindInfo>();
  #live = new Map<string, NonNullable<Kind['live']>>();
  /** Kinds that objects declare, by the key of the object. */
  readonly #declared = new Map<string, { readonly by: KubeObject; readonly kind: Kind }>();

  /** @throws {Error} when two kinds have the same name: keys (`Service/default/web`) name kinds without their group. */
  constructor(kinds: readonly Kind[]) {
    this.#fixed = kinds;
    this.#all = kinds;
    this.#index();
  }

  /** Of the kinds whose objects time changes. */
  get live(): ReadonlyMap<string, NonNullable<Kind['live']>> {
    return this.#live;
  }

  get kinds(): readonly Kind[] {
    return this.#all;
  }

  /** An object that declares a kind was stored, changed or (undefined) removed. A name that is taken stays with whom it belongs to. */
  declare(key: ObjectKey, object: KubeObject | undefined): void {
    const before = this.#declared.get(key);
    if (before?.by === object) return;
    const kind = object === undefined ? undefined : this.info(object.kind)?.kind.declares?.(object);
    const taken = kind !== undefined && this.#byKind.has(kind.kind) && before?.kind.kind !== kind.kind;
    if (object === undefined || kind === undefined || taken) {
      if (!this.#declared.delete(key)) return;
    } else this.#declared.set(key, { by: object, kind });
    this.#all = [...this.#fixed, ...[...this.#declared.values()].map((one) => one.kind)];
    this.#index();
  }

  /** The kind that an object declares and that is served. */
  declaredBy(key: ObjectKey): Kind | undefined {
    return this.#declared.get(key)?.kind;
  }

  isDeclared(kind: string): boolean {
    for (const one of this.#declared.values()) if (one.kind.kind === kind) return true;
    return false;
  }

  /** After the store went back: exactly the kinds that these objects declare. */
  restore(objects: readonly (readonly [ObjectKey, KubeObject])[]): void {
    const now = new Map(objects);
    for (const key of [...this.#declared.keys()]) if (!now.has(key)) this.declare(key, undefined);
    for (const [key, object] of now) this.declare(key, object);
  }

  #index(): void {
    this.#byKind = new Map();
    this.#words = new Map();
    this.#live = new Map();
    this.#written = new Map();
    for (const kind of this.#all) {
      if (this.#byKind.has(kind.kind)) throw new Error(`kind ${kind.kind} is declared twice`);
      if (kind.live !== undefined) this.#live.set(kind.kind, kind.live);
      const [group, version] = kind.apiVersion.includes('/') ? (kind.apiVersion.split('/') as [string, string]) : ['', kind.apiVersion];
      const info: KindInfo = { kind, schema: compileKind(kind), group, version };
      this.#byKind.set(kind.kind, info);
      for (const one of [kind.apiVersion, ...(kind.otherVersions ?? [])]) this.#written.set(`${one} ${writtenKind(kind.kind)}`, info);
      for (const word of [kind.plural, kind.singular, writtenKind(kind.kind), ...kind.shortNames]) {
        const lower = word.toLowerCase();
        // The first declared wins, as the first group that discovery lists does.
        if (!this.#words.has(lower)) this.#words.set(lower, kind);
        if (group === '') continue;
        this.#words.set(`${lower}.${group}`, kind);
        this.#words.set(`${lower}.${version}.${group}`, kind);
      }
    }
  }

  /** By the name of the kind alone, as in an ObjectKey. */
  info(kind: string): KindInfo | undefined {
    return this.#byKind.get(kind);
  }

  infoFor(apiVersion: string, kind: string): KindInfo | undefined {
    return this.#written.get(`${apiVersion} ${writtenKind(kind)}`);
  }

  findKind(word: string): Kind | undefined {
    return this.#words.get(word.toLowerCase());
  }
}
