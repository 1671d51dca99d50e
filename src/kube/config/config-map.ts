/** The kinds ConfigMap and Secret. */
import { defineKind } from '../../objects/define.ts';
import type { FieldError, KubeObject } from '../../objects/types.ts';
import { forbidden, immutable, invalid, required, tooLong } from '../field-errors.ts';
import { flag, kindSchema, text, textMap } from '../schema.ts';

export interface ConfigMap extends KubeObject {
  readonly data?: Readonly<Record<string, string>>;
  readonly binaryData?: Readonly<Record<string, string>>;
  readonly immutable?: boolean;
}
export interface Secret extends KubeObject {
  readonly type?: string;
  /** Base64. */
  readonly data?: Readonly<Record<string, string>>;
  readonly stringData?: Readonly<Record<string, string>>;
  readonly immutable?: boolean;
}

const keyWords =
  "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')";

function keyErrors(path: string, data: Readonly<Record<string, string>> | undefined): FieldError[] {
  return Object.keys(data ?? {}).flatMap((key) => {
    if (key === '.' || key === '..') return [invalid(`${path}[${key}]`, key, `must not be '${key}'`)];
    return /^[-._a-zA-Z0-9]{1,253}$/.test(key) ? [] : [invalid(`${path}[${key}]`, key, keyWords)];
  });
}

const frozen = (object: ConfigMap | Secret, old: ConfigMap | Secret | undefined): FieldError[] => {
  if (old?.immutable !== true) return [];
  const errors: FieldError[] = [];
  if (object.immutable !== true) errors.push(forbidden('immutable', 'field is immutable when `immutable` is set'));
  for (const part of ['data', 'binaryData'] as const) {
    const [now, before] = [object as ConfigMap, old as ConfigMap];
    if (now[part] !== before[part]) errors.push(forbidden(part, 'field is immutable when `immutable` is set'));
  }
  return errors;
};

/** Kubernetes: core.MaxSecretSize, the same for ConfigMaps. */
const MAX_BYTES = 1_048_576;
const sizeOf = (data: Readonly<Record<string, string>> | undefined, perCharacter: number): number =>
  Object.values(data ?? {}).reduce((sum, value) => sum + Math.floor(value.length * perCharacter), 0);
/** Three bytes are four characters of base64. */
const base64Share = 3 / 4;

export const configMap = defineKind<ConfigMap>({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  plural: 'configmaps',
  singular: 'configmap',
  shortNames: ['cm'],
  namespaced: true,
  schema: kindSchema('Configuration as texts by key.', {
    data: textMap('Texts. A YAML number or boolean must be quoted.'),
    binaryData: textMap('Bytes in base64.'),
    immutable: flag('Cannot be changed any more.'),
  }),
  validate: (object, old) => [
    ...keyErrors('data', object.data),
    ...Object.keys(object.data ?? {})
      .filter((key) => object.binaryData?.[key] !== undefined)
      .map((key) => invalid(`data[${key}]`, key, 'duplicate of key present in binaryData')),
    ...keyErrors('binaryData', object.binaryData),
    ...(sizeOf(object.data, 1) + sizeOf(object.binaryData, base64Share) > MAX_BYTES ? [tooLong('', MAX_BYTES)] : []),
    ...frozen(object, old),
  ],
  columns: [
    { name: 'NAME', priority: 0 },
    { name: 'DATA', priority: 0 },
    { name: 'AGE', priority: 0 },
  ],
  row: (object, context) => [
    object.metadata.name,
    `${Object.keys(object.data ?? {}).length + Object.keys(object.binaryData ?? {}).length}`,
    context.age(object.metadata.creationTimestamp),
  ],
  describe: (object) => ({ title: object.metadata.name, subtitle: Object.keys(object.data ?? {}).join(', ') }),
});

const base64Alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

/** RFC 4648 section 4, of the text's UTF-8 bytes. */
export function encodeBase64(value: string): string {
  const bytes: number[] = [];
  for (const character of value) {
    const code = character.codePointAt(0) ?? 0;
    if (code < 0x80) bytes.push(code);
    else if (code < 0x800) bytes.push(0xc0 | (code >> 6), 0x80 | (code & 63));
    else if (code < 0x10000) bytes.push(0xe0 | (code >> 12), 0x80 | ((code >> 6) & 63), 0x80 | (code & 63));
    else bytes.push(0xf0 | (code >> 18), 0x80 | ((code >> 12) & 63), 0x80 | ((code >> 6) & 63), 0x80 | (code & 63));
  }
  let result = '';
  for (let i = 0; i < bytes.length; i += 3) {
    const [a = 0, b, c] = [bytes[i], bytes[i + 1], bytes[i + 2]];
    result += base64Alphabet[a >> 2];
    result += base64Alphabet[((a & 3) << 4) | ((b ?? 0) >> 4)];
    result += b === undefined ? '=' : base64Alphabet[((b & 15) << 2) | ((c ?? 0) >> 6)];
    result += c === undefined ? '=' : base64Alphabet[c & 63];
  }
  return result;
}

export const secret = defineKind<Secret>({
  apiVersion: 'v1',
  kind: 'Secret',
  plural: 'secrets',
  singular: 'secret',
  shortNames: [],
  namespaced: true,
  schema: kindSchema('Confidential data by key.', {
    type: text('What it is for, such as kubernetes.io/tls.', { default: 'Opaque' }),
    data: textMap('Bytes in base64.'),
    stringData: textMap('Plain texts; the server moves them into data.'),
    immutable: flag('Cannot be changed any more.'),
  }),
  defaults: (object) => {
    if (object.stringData === undefined) return object;
    const { stringData, ...rest } = object;
    const encoded = Object.fromEntries(Object.entries(stringData).map(([key, value]) => [key, encodeBase64(value)]));
    return { ...rest, data: { ...object.data, ...encoded } };
  },
  validate: (object, old) => {
    const errors = [...keyErrors('data', object.data)];
    if (sizeOf(object.data, base64Share) > MAX_BYTES) errors.push(tooLong('data', MAX_BYTES));
    const has = (key: string): boolean => (object.data?.[key] ?? '') !== '';
    const need = (key: string): void => {
      if (object.data?.[key] === undefined) errors.push(required(`data[${key}]`));
    };
    switch (object.type) {
      case 'kubernetes.io/tls':
        for (const key of ['tls.crt', 'tls.key']) need(key);
        break;
      case 'kubernetes.io/dockercfg':
        need('.dockercfg');
        break;
      case 'kubernetes.io/dockerconfigjson':
        need('.dockerconfigjson');
        break;
      case 'kubernetes.io/ssh-auth':
        if (!has('ssh-privatekey')) errors.push(required('data[ssh-privatekey]'));
        break;
      case 'kubernetes.io/basic-auth':
        if (object.data?.username === undefined && object.data?.password === undefined) errors.push(required('data[username]'), required('data[password]'));
        break;
      case 'kubernetes.io/service-account-token':
        if ((object.metadata.annotations?.['kubernetes.io/service-account.name'] ?? '') === '')
          errors.push(required('metadata.annotations[kubernetes.io/service-account.name]'));
        break;
      default:
    }
    if (old !== undefined) errors.push(...immutable('type', object.type, old.type));
    errors.push(...frozen(object, old));
    return errors;
  },
  columns: [
    { name: 'NAME', priority: 0 },
    { name: 'TYPE', priority: 0 },
    { name: 'DATA', priority: 0 },
    { name: 'AGE', priority: 0 },
  ],
  row: (object, context) => [
    object.metadata.name,
    object.type ?? 'Opaque',
    `${Object.keys(object.data ?? {}).length}`,
    context.age(object.metadata.creationTimestamp),
  ],
  describe: (object) => ({ title: object.metadata.name, subtitle: object.type ?? 'Opaque' }),
});
