/** A new Ingress without a class gets the default one. Kubernetes: plugin/pkg/admission/network/defaultingressclass/admission.go. */
import type { AdmissionPlugin, KubeObject } from '../../objects/types.ts';
import type { Ingress } from './ingress.ts';

const DEFAULT_CLASS = 'ingressclass.kubernetes.io/is-default-class';
const CLASS_ANNOTATION = 'kubernetes.io/ingress.class';

export const defaultIngressClass: AdmissionPlugin = {
  name: 'DefaultIngressClass',
  mutate: (object, view) => {
    if (object.kind !== 'Ingress') return object;
    const ingress = object as Ingress;
    if (ingress.spec?.ingressClassName !== undefined || ingress.metadata.annotations?.[CLASS_ANNOTATION] !== undefined) return object;
    // Of several the newest, then the first by name.
    const classes = view.list<KubeObject>('IngressClass').filter((one) => one.metadata.annotations?.[DEFAULT_CLASS] === 'true');
    const [chosen] = [...classes].sort((a, b) => {
      const [x, y] = [a.metadata.creationTimestamp ?? '', b.metadata.creationTimestamp ?? ''];
      return x === y ? (a.metadata.name < b.metadata.name ? -1 : 1) : x > y ? -1 : 1;
    });
    return chosen === undefined ? object : ({ ...ingress, spec: { ...ingress.spec, ingressClassName: chosen.metadata.name } } as KubeObject);
  },
};
