/** What could stand at a place of a YAML text: keys that are not there yet, values, names of the running cluster, whole objects. */
import type { Kind, Schema } from '../types.ts';
import { type Cursor, findCursor, type SchemaPath } from './cursor.ts';
import { findSchema, referencedKind, rootSchema, typeName } from './schema-path.ts';

/** Offsets in UTF-16 code units; the text between them is replaced. */
export interface CompletionItem {
  readonly label: string;
  readonly insertText: string;
  readonly detail: string;
  readonly documentation: string;
  readonly startOffset: number;
  readonly endOffset: number;
  /** `insertText` has tab stops: `${1:web}`. */
  readonly snippet?: true;
}

/** Names of the running cluster by kind. */
export type LiveNames = Readonly<Record<string, readonly string[]>>;

/** What only the floors above know. */
export interface CompletionExtras {
  /** More that could stand here, before what the schema says. */
  offers?(cursor: Cursor): readonly Offer[];
  /** A whole object of a kind to start from, with tab stops. */
  skeleton?(kind: Kind): string | undefined;
}

const maxItems = 200;

/** Items in the schema's order. Empty in comments, in block texts and in flow style. */
export function completeYaml(
  kinds: readonly Kind[],
  text: string,
  offset: number,
  live: LiveNames = {},
  extras: CompletionExtras = {},
): readonly CompletionItem[] {
  const cursor = findCursor(text, offset);
  if (cursor === undefined) return [];
  const kind = kinds.find((one) => one.kind === cursor.kind && (cursor.apiVersion === '' || one.apiVersion === cursor.apiVersion));
  const more = (extras.offers?.(cursor) ?? []).map((offer) => place(cursor, { ...offer, insertText: spaced(cursor, offer.insertText) }));
  const known = cursor.place === 'value' ? values(kinds, kind, cursor, live) : keys(kinds, kind, cursor, live, extras);
  const items = more.length === 0 ? known : [...more, ...known.filter((item) => !more.some((one) => one.label === item.label))];
  const typed = cursor.typed.trim().toLowerCase();
  return items
    .filter((item) => item.label.toLowerCase().startsWith(typed) || (typed.length > 1 && item.label.toLowerCase().includes(typed)))
    .slice(0, maxItems);
}

export interface Offer {
  readonly label: string;
  readonly insertText: string;
  readonly detail: string;
  readonly documentation: string;
}

const place = (cursor: Cursor, offer: Offer): CompletionItem => ({ ...offer, startOffset: cursor.startOffset, endOffset: cursor.endOffset });

/** A space is missing right behind the colon: `kind:|`. */
const spaced = (cursor: Cursor, text: string): string => (cursor.typed === '' && cursor.place === 'value' && cursor.spaceBefore === false ? ` ${text}` : text);

function values(kinds: readonly Kind[], kind: Kind | undefined, cursor: Cursor, live: LiveNames): CompletionItem[] {
  const { path } = cursor;
  if (path.length === 1 && path[0] === 'kind') {
    const fitting = kinds.filter((one) => cursor.apiVersion === '' || one.apiVersion === cursor.apiVersion);
    return fitting.map((one) =>
      place(cursor, { label: one.kind, insertText: spaced(cursor, one.kind), detail: one.apiVersion, documentation: one.schema.description ?? '' }),
    );
  }
  if (path.length === 1 && path[0] === 'apiVersion') {
    const versions = [...new Set(kinds.filter((one) => cursor.kind === '' || one.kind === cursor.kind).map((one) => one.apiVersion))];
    return versions.map((one) => place(cursor, { label: one, insertText: spaced(cursor, one), detail: 'apiVersion', documentation: '' }));
  }
  const schema = kind === undefined ? undefined : findSchema(rootSchema(kind), path);
  return [...schemaValues(schema), ...liveValues(path, live)].map((offer) => place(cursor, { ...offer, insertText: spaced(cursor, offer.insertText) }));
}

function schemaValues(schema: Schema | undefined): Offer[] {
  if (schema === undefined) return [];
  const documentation = schema.description ?? '';
  if (schema.enum !== undefined) {
    return schema.enum.map((word) => ({ label: word, insertText: word, detail: word === schema.default ? 'default' : typeName(schema), documentation }));
  }
  if (schema.type === 'boolean')
    return ['true', 'false'].map((word) => ({ label: word, insertText: word, detail: String(schema.default) === word ? 'default' : 'boolean', documentation }));
  if (schema.default !== undefined && (typeof schema.default === 'string' || typeof schema.default === 'number')) {
    return [{ label: String(schema.default), insertText: String(schema.default), detail: 'default', documentation }];
  }
  return [];
}

function liveValues(path: SchemaPath, live: LiveNames): Offer[] {
  const kind = referencedKind(path);
  if (kind === undefined || !Object.hasOwn(live, kind)) return [];
  return [...new Set(live[kind] ?? [])].map((name) => ({ label: name, insertText: name, detail: kind, documentation: `A ${kind} of the running cluster.` }));
}

function keys(kinds: readonly Kind[], kind: Kind | undefined, cursor: Cursor, live: LiveNames, extras: CompletionExtras): CompletionItem[] {
  if (kind === undefined) return cursor.path.length === 0 ? newObjects(kinds, cursor, extras) : [];
  const schema = findSchema(rootSchema(kind), cursor.path);
  if (schema === undefined) return [];
  if (schema.properties === undefined) {
    // An item of a list of plain values.
    const offers = cursor.place === 'item' ? [...schemaValues(schema), ...liveValues(cursor.path, live)] : [];
    return offers.map((offer) => place(cursor, offer));
  }
  const missing = Object.entries(schema.properties).filter(([name]) => !cursor.siblings.has(name) || name === cursor.typed.trim());
  const isTop = cursor.path.length === 0;
  return missing
    .filter(([name]) => !(isTop && name === 'status'))
    .map(([name, property]) =>
      place(cursor, {
        label: name,
        insertText: insertKey(name, property, cursor.column),
        detail: `${typeName(property)}${schema.required?.includes(name) === true ? ', required' : ''}${property.notSimulated === true ? ', not simulated' : ''}`,
        documentation: property.description ?? '',
      }),
    );
}

/** A key with its colon, and what its value starts with, at the right column. Lists stand at the column of their key, as kubectl prints them. */
function insertKey(name: string, schema: Schema, column: number): string {
  const indent = ' '.repeat(column);
  if (schema.type === 'array') return `${name}:\n${indent}- `;
  if (schema.type === 'object') return `${name}:\n${indent}  `;
  return `${name}: `;
}

/** A document that says nothing yet: whole objects to start from, and the two keys that every object has. */
function newObjects(kinds: readonly Kind[], cursor: Cursor, extras: CompletionExtras): CompletionItem[] {
  const items: CompletionItem[] = [];
  for (const key of ['apiVersion', 'kind', 'metadata']) {
    if (!cursor.siblings.has(key))
      items.push(
        place(cursor, { label: key, insertText: key === 'metadata' ? 'metadata:\n  name: ' : `${key}: `, detail: 'every object has it', documentation: '' }),
      );
  }
  if (cursor.siblings.size > 0) return items;
  for (const kind of kinds) {
    const skeleton = extras.skeleton?.(kind);
    const item = place(cursor, {
      label: kind.kind,
      insertText: skeleton ?? `apiVersion: ${kind.apiVersion}\nkind: ${kind.kind}\nmetadata:\n  name: `,
      detail: `new object, ${kind.apiVersion}`,
      documentation: kind.schema.description ?? '',
    });
    items.push(skeleton === undefined ? item : { ...item, snippet: true });
  }
  return items;
}
