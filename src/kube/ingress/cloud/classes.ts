/** Ingress classes whose balancer stands outside the cluster: whose Ingress is whose, and which targets each sends to. */
import type { CloudFlavour } from '../../../net/app/proxy/manners-cloud.ts';
import type { KubeObject, StoreView } from '../../../objects/types.ts';
import { namespaceOf } from '../../pod/types.ts';
import { type Service, serviceType } from '../../service/types.ts';
import type { Ingress } from '../ingress.ts';

export interface CloudClass {
  readonly flavour: CloudFlavour;
  readonly title: string;
  /** Of an IngressClass. */
  readonly controller: string;
  /** Of the old annotation. */
  readonly annotation: string;
  /** Who says what it does in events. */
  readonly component: string;
  /** What is not as it is in the cloud. */
  readonly simplified: string;
}

const COMMON =
  'its health checks are the readiness of pods and of nodes, not requests of its own; it connects from the address that clients ask for; it has no access log';

export const cloudClasses: readonly CloudClass[] = [
  {
    flavour: 'alb',
    title: 'AWS Load Balancer Controller: an Application Load Balancer outside the cluster',
    controller: 'ingress.k8s.aws/alb',
    annotation: 'alb',
    component: 'ingress',
    simplified: `${COMMON}; its address stands in the status instead of a DNS name; HTTP on port 80 only (certificates would come from ACM); one balancer for each Ingress (no groups); of the annotations only target-type acts`,
  },
  {
    flavour: 'gce',
    title: "GKE: Google's external Application Load Balancer outside the cluster",
    controller: 'networking.gke.io/ingress-gce',
    annotation: 'gce',
    component: 'loadbalancer-controller',
    simplified: `${COMMON}; HTTP on port 80 only; requests that match nothing are answered by itself instead of by the default backend's pod; BackendConfig and FrontendConfig have no effect`,
  },
  {
    flavour: 'appgw',
    title: "AGIC: Azure's Application Gateway outside the cluster",
    controller: 'azure/application-gateway',
    annotation: 'azure/application-gateway',
    component: 'azure/application-gateway',
    simplified: `${COMMON}; HTTP on port 80 only; one gateway for each Ingress (the real one has one for all); WAF and its annotations have no effect`,
  },
];

interface ClassObject extends KubeObject {
  readonly spec?: { readonly controller?: string };
}

export function cloudClassOf(ingress: Ingress, view: StoreView): CloudClass | undefined {
  const annotated = ingress.metadata.annotations?.['kubernetes.io/ingress.class'];
  if (annotated !== undefined && annotated !== '') return cloudClasses.find(({ annotation }) => annotation === annotated);
  const name = ingress.spec?.ingressClassName;
  if (name === undefined) return undefined;
  const controller = view.find<ClassObject>(`IngressClass/${name}`)?.spec?.controller;
  return cloudClasses.find((one) => one.controller === controller);
}

/** Where its machine is found: a name that no other machine has. */
export const machineOf = (ingress: Ingress, { flavour }: CloudClass): string => `${flavour}-${namespaceOf(ingress)}-${ingress.metadata.name}`.slice(0, 60);

/** Pods by their own addresses, or nodes by the Service's node port. */
export function targetsPods(ingress: Ingress, service: Service, { flavour }: CloudClass): boolean {
  if (flavour === 'appgw') return true;
  const words = (object: KubeObject, name: string): string => object.metadata.annotations?.[name] ?? '';
  if (flavour === 'gce') return /"ingress"\s*:\s*true/.test(words(service, 'cloud.google.com/neg'));
  const name = 'alb.ingress.kubernetes.io/target-type';
  return (words(service, name) || words(ingress, name)) === 'ip';
}

/** What the controller has against a Service; undefined where it is content. */
export function complaint(ingress: Ingress, name: string, service: Service | undefined, cloud: CloudClass): string | undefined {
  const key = `${namespaceOf(ingress)}/${name}`;
  if (service === undefined) {
    if (cloud.flavour === 'alb') return `ingress: ${namespaceOf(ingress)}/${ingress.metadata.name}: Service "${name}" not found`;
    return cloud.flavour === 'gce' ? `Translation failed: invalid ingress spec: could not find service "${key}"` : `Unable to locate the service ${key}`;
  }
  if (targetsPods(ingress, service, cloud) || ['NodePort', 'LoadBalancer'].includes(serviceType(service))) return undefined;
  if (cloud.flavour === 'alb')
    return `ingress: ${namespaceOf(ingress)}/${ingress.metadata.name}: TargetGroup port is empty. When using Instance targets, your service must be of type 'NodePort' or 'LoadBalancer'`;
  return `Translation failed: invalid ingress spec: service "${key}" is type "${serviceType(service)}", expected "NodePort" or "LoadBalancer"`;
}

/** Every backend that an Ingress names. */
export function backendNames(ingress: Ingress): readonly string[] {
  const all = [ingress.spec?.defaultBackend, ...(ingress.spec?.rules ?? []).flatMap(({ http }) => (http?.paths ?? []).map(({ backend }) => backend))];
  return [...new Set(all.flatMap((one) => (one?.service?.name === undefined ? [] : [one.service.name])))];
}
