/** A view of a few objects that no API server has looked at: upstream's own test cases use node ports and addresses that it would refuse. */
import type { KubeObject, StoreView } from '../../../objects/types.ts';
import { objectKey } from '../../../objects/types.ts';

export function smallView(objects: readonly KubeObject[]): StoreView {
  const byKind = new Map<string, KubeObject[]>();
  for (const object of objects) byKind.set(object.kind, [...(byKind.get(object.kind) ?? []), object]);
  const none: readonly KubeObject[] = [];
  const list = (kind: string) => byKind.get(kind) ?? none;
  const view = {
    list,
    find: (key: string) => objects.find((object) => objectKey(object) === key),
    select: (kind: string, namespace: string | undefined, labels: Readonly<Record<string, string>>) =>
      list(kind).filter(
        (object) =>
          (namespace === undefined || object.metadata.namespace === namespace) &&
          Object.entries(labels).every(([name, value]) => object.metadata.labels?.[name] === value),
      ),
  };
  return view as unknown as StoreView;
}
