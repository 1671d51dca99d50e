/** Finds kinds by every word that people and programs use for them. */
import { type CompiledSchema, compileKind } from './schema/compile.ts';
import type { Kind } from './types.ts';

export interface KindInfo {
  readonly kind: Kind;
  readonly schema: CompiledSchema;
  /** `apps`, '' for the core group. */
  readonly group: string;
  /** `v1` */
  readonly version: string;
}

export class KindRegistry {
  readonly kinds: readonly Kind[];
  readonly #byKind = new Map<string, KindInfo>();
  readonly #words = new Map<string, Kind>();

  /** @throws {Error} when two kinds have the same name: keys (`Service/default/web`) name kinds without their group. */
  constructor(kinds: readonly Kind[]) {
    this.kinds = kinds;
    for (const kind of kinds) {
      if (this.#byKind.has(kind.kind)) throw new Error(`kind ${kind.kind} is declared twice`);
      const [group, version] = kind.apiVersion.includes('/') ? (kind.apiVersion.split('/') as [string, string]) : ['', kind.apiVersion];
      this.#byKind.set(kind.kind, { kind, schema: compileKind(kind), group, version });
      for (const word of [kind.plural, kind.singular, kind.kind, ...kind.shortNames]) {
        const lower = word.toLowerCase();
        // The first declared wins, as the first group that discovery lists does.
        if (!this.#words.has(lower)) this.#words.set(lower, kind);
        if (group !== '' && lower === kind.plural) {
          this.#words.set(`${lower}.${group}`, kind);
          this.#words.set(`${lower}.${version}.${group}`, kind);
          this.#words.set(`${kind.singular}.${group}`, kind);
        }
      }
    }
  }

  /** By the name of the kind alone, as in an ObjectKey. */
  info(kind: string): KindInfo | undefined {
    return this.#byKind.get(kind);
  }

  infoFor(apiVersion: string, kind: string): KindInfo | undefined {
    const info = this.#byKind.get(kind);
    return info !== undefined && info.kind.apiVersion === apiVersion ? info : undefined;
  }

  findKind(word: string): Kind | undefined {
    return this.#words.get(word.toLowerCase());
  }
}
