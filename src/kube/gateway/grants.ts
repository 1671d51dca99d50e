/** Whether a reference into another namespace is permitted there. sigs.k8s.io/gateway-api: apis/v1beta1/referencegrant_types.go. */
import type { StoreView } from '../../objects/types.ts';
import type { ReferenceGrant } from './types.ts';

/** Whether objects of `from` may point at one in another namespace. */
export function isGranted(
  from: { readonly group: string; readonly kind: string; readonly namespace: string },
  to: { readonly group: string; readonly kind: string; readonly namespace: string; readonly name: string },
  view: StoreView,
): boolean {
  if (from.namespace === to.namespace) return true;
  return view
    .list<ReferenceGrant>('ReferenceGrant', to.namespace)
    .some(
      ({ spec }) =>
        (spec?.from ?? []).some((one) => (one.group ?? '') === from.group && one.kind === from.kind && one.namespace === from.namespace) &&
        (spec?.to ?? []).some(
          (one) => (one.group ?? '') === to.group && one.kind === to.kind && (one.name === undefined || one.name === '' || one.name === to.name),
        ),
    );
}
