/** From the texts in records to trees, each text read once: rules, elements, the types of sets, named objects. */
import type { Element, Family, ObjectValue, ParsedNftRule } from './ast.ts';
import type { DataType } from './datatype.ts';
import { evaluateElements, evaluateRule, type Scope, type SetTypes, typesOfSpec } from './evaluate.ts';
import type { NftElement, NftObject, NftRule, NftSet } from './nft-records.ts';
import { ElementReader, parseRuleText } from './parse-text.ts';
import { SetLookup } from './set-lookup.ts';

/** A scope for texts that were checked when they were written: nothing is missing. */
const anyScope = (family: Family, findSet: (name: string) => SetTypes | undefined): Scope => ({
  family,
  findSet,
  exact: true,
  hasObject: () => true,
  device: (text) => text,
});

const specs = new Map<string, readonly DataType[]>();

function typesOfText(text: string): readonly DataType[] {
  const known = specs.get(text);
  if (known !== undefined) return known;
  const types = typesOfSpec(
    new ElementReader(text).spec(),
    anyScope('inet', () => undefined),
  );
  // Types are few however many sets there are.
  if (specs.size < 1000) specs.set(text, types);
  return types;
}

export function typesOfSet(set: NftSet): SetTypes {
  const key = typesOfText(set.key);
  return { key, data: set.data === undefined ? undefined : typesOfText(set.data), interval: set.flags.includes('interval'), map: set.data !== undefined };
}

const rules = new WeakMap<NftRule, ParsedNftRule>();

/** @throws {NftError} when the text is no rule: agents render only what nft accepts, and commands check before they put a record. */
export function readRule(rule: NftRule, family: Family, findSet: (name: string) => SetTypes | undefined): ParsedNftRule {
  const known = rules.get(rule);
  if (known !== undefined) return known;
  const parsed = evaluateRule(parseRuleText(rule.text), anyScope(family, findSet));
  rules.set(rule, parsed);
  return parsed;
}

export interface CompiledElements {
  readonly elements: readonly Element[];
  readonly lookup: SetLookup;
}

const compiled = new WeakMap<readonly NftElement[], CompiledElements>();

/** Reads and compiles once for each array of elements, however many netns share it. */
export function compiledElements(set: NftSet): CompiledElements {
  const known = compiled.get(set.elements);
  if (known !== undefined) return known;
  const types = typesOfSet(set);
  const raw = set.elements.length === 0 ? [] : new ElementReader(`{ ${set.elements.map((e) => e.text).join(', ')} }`).elements();
  const elements = evaluateElements(
    raw,
    { ...types, interval: true },
    anyScope('inet', () => undefined),
  );
  const value: CompiledElements = {
    elements,
    lookup: new SetLookup(
      elements,
      set.elements.map((e) => e.expiresNs ?? 0),
    ),
  };
  compiled.set(set.elements, value);
  return value;
}

const objects = new WeakMap<NftObject, ObjectValue>();

export function readObject(object: NftObject): ObjectValue {
  const known = objects.get(object);
  if (known !== undefined) return known;
  const value = new ElementReader(object.text).object(object.type);
  objects.set(object, value);
  return value;
}
