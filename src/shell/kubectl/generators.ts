/** Objects that `kubectl create …` and `expose` build from flags. */
import type { KubeObject } from '../../objects/types.ts';
import type { Kubectl } from './client.ts';
import { KubectlError } from './flags.ts';

export function metaOf(kubectl: Kubectl, name: string, labels?: Readonly<Record<string, string>>): KubeObject['metadata'] {
  return { name, namespace: kubectl.namespace, ...(labels === undefined ? {} : { labels }) };
}

/** `a=b,c=d` (repeatable) as a map. @throws {KubectlError} */
export function parsePairs(values: readonly string[]): Record<string, string> {
  const entries: [string, string][] = values
    .flatMap((value) => value.split(','))
    .filter((pair) => pair !== '')
    .map((pair) => {
      const equals = pair.indexOf('=');
      if (equals <= 0) throw new KubectlError(`error: unexpected label spec: ${pair}`);
      return [pair.slice(0, equals), pair.slice(equals + 1)];
    });
  return Object.fromEntries(entries);
}

/** `name:port`-like specs of `--tcp`: `80:8080` or `80`. @throws {KubectlError} */
export function parsePortSpec(text: string): { readonly name: string; readonly port: number; readonly protocol: 'TCP'; readonly targetPort: number | string } {
  const [portText = '', targetText] = text.split(':');
  const port = Number(portText);
  if (!/^\d+$/.test(portText)) throw new KubectlError(`error: strconv.ParseUint: parsing "${portText}": invalid syntax`);
  if (port > 65535) throw new KubectlError(`error: strconv.ParseUint: parsing "${portText}": value out of range`);
  const target = targetText === undefined ? port : /^\d+$/.test(targetText) ? Number(targetText) : targetText;
  return { name: text.replace(':', '-'), port, protocol: 'TCP', targetPort: target };
}

/** The container's name kubectl derives from an image: its last part without tag, in label characters. */
export function containerNameOf(image: string): string {
  const withoutDigest = image.split('@')[0] ?? '';
  const last = withoutDigest.slice(withoutDigest.lastIndexOf('/') + 1).split(':')[0] ?? '';
  const safe = last
    .toLowerCase()
    .replace(/[^a-z0-9-]/g, '-')
    .replace(/^-+|-+$/g, '');
  return safe === '' ? 'container' : safe;
}
