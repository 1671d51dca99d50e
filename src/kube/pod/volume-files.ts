/** The files that volumes of ConfigMaps, Secrets and the downward API show. Kubernetes: pkg/volume/{configmap,secret,downwardapi,projected}. */
import { base64ToBytes, bytesToText } from '../../net/wire/binary-text.ts';
import { decodeUtf8 } from '../../net/wire/utf8.ts';
import type { KubeObject } from '../../objects/types.ts';
import { allContainers } from './containers.ts';
import { fieldValue, type ResourceField, resourceValue } from './pod-values.ts';
import { podToken } from './service-account.ts';
import type { Pod, Volume } from './types.ts';

export interface Data extends KubeObject {
  readonly data?: Readonly<Record<string, string>>;
  readonly binaryData?: Readonly<Record<string, string>>;
}
/** `ConfigMap/<namespace>/<name>` or `Secret/…` as a pod sees it. */
export type FindData = (kind: 'ConfigMap' | 'Secret', name: string) => Data | undefined;

interface Item {
  readonly key: string;
  readonly path: string;
}
interface FieldItem {
  readonly path?: string;
  readonly fieldRef?: { readonly fieldPath?: string };
  readonly resourceFieldRef?: ResourceField;
}
export interface VolumeSource {
  readonly configMap?: { readonly name?: string; readonly optional?: boolean; readonly items?: readonly Item[] };
  readonly secret?: { readonly secretName?: string; readonly name?: string; readonly optional?: boolean; readonly items?: readonly Item[] };
  readonly downwardAPI?: { readonly items?: readonly FieldItem[] };
  readonly serviceAccountToken?: { readonly path?: string };
}

/** One source, or those that a projected volume puts together; undefined for volumes of other kinds. */
export function sourcesOf(volume: Volume): readonly VolumeSource[] | undefined {
  const { configMap, secret } = volume;
  if (configMap !== undefined || secret !== undefined || volume.downwardAPI !== undefined) return [volume as VolumeSource];
  return (volume.projected as { readonly sources?: readonly VolumeSource[] } | undefined)?.sources;
}

/** Base64 as text: UTF-8 where it is that, else a character a byte. */
function decode(value: string): string {
  const bytes = base64ToBytes(value.replace(/\s/g, ''));
  return bytes === undefined ? '' : (decodeUtf8(bytes) ?? bytesToText(bytes));
}

/** The texts of a ConfigMap or a Secret by key. */
export function textsOf(object: Data | undefined): ReadonlyMap<string, string> {
  const texts = new Map<string, string>();
  if (object === undefined) return texts;
  const plain = object.kind === 'ConfigMap';
  for (const [key, value] of Object.entries(object.data ?? {})) texts.set(key, plain ? value : decode(value));
  for (const [key, value] of Object.entries(object.binaryData ?? {})) texts.set(key, decode(value));
  return texts;
}

/** Content by path within the volume; undefined for volumes that begin empty. */
export function volumeFiles(pod: Pod, volume: Volume, find: FindData): ReadonlyMap<string, string> | undefined {
  const sources = sourcesOf(volume);
  if (sources === undefined) return undefined;
  const files = new Map<string, string>();
  for (const { configMap, secret, downwardAPI, serviceAccountToken } of sources) {
    if (serviceAccountToken !== undefined) files.set(serviceAccountToken.path ?? 'token', podToken(pod));
    const one = configMap ?? secret;
    if (one !== undefined) {
      const name = configMap?.name ?? secret?.secretName ?? secret?.name ?? '';
      const texts = textsOf(find(configMap === undefined ? 'Secret' : 'ConfigMap', name));
      const shown = one.items === undefined || one.items.length === 0 ? [...texts.keys()].map((key) => ({ key, path: key })) : one.items;
      for (const { key, path } of shown) {
        const content = texts.get(key);
        if (content !== undefined) files.set(path, content);
      }
    }
    for (const { path = '', fieldRef, resourceFieldRef } of downwardAPI?.items ?? []) {
      const container = allContainers(pod).find((each) => each.name === resourceFieldRef?.containerName);
      files.set(path, resourceFieldRef === undefined ? fieldValue(pod, fieldRef?.fieldPath ?? '') : resourceValue(container, resourceFieldRef));
    }
  }
  return files;
}
