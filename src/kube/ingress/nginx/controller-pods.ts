/** Pods that run ingress-nginx' controller, and what its flags say. ingress-nginx: pkg/flags/flags.go. */
import { type KubeObject, objectKey, type StoreView } from '../../../objects/types.ts';
import { perState } from '../../node/per-state.ts';
import { imageRole, parseImage } from '../../pod/images.ts';
import type { ConfigMap } from '../../pod/mounts.ts';
import { hasSandbox, isContainerRunning } from '../../pod/running.ts';
import { type Container, namespaceOf, type Pod } from '../../pod/types.ts';

export interface ControllerFlags {
  /** Of IngressClasses that are its own. */
  readonly controllerClass: string;
  /** Of the old annotation. */
  readonly ingressClass: string;
  readonly withoutClass: boolean;
  readonly watchNamespace: string;
  /** `namespace/name` of the Service whose addresses Ingresses get; '' where the nodes' are. */
  readonly publishService: string;
  readonly httpPort: number;
  readonly httpsPort: number;
  readonly healthPort: number;
  /** `namespace/name`, or ''. */
  readonly defaultBackend: string;
  readonly configMap: string;
  readonly internalAddress: boolean;
  /** `namespace/name` of a Secret, or ''. */
  readonly defaultCertificate: string;
}

export function controllerContainer(pod: Pod): Container | undefined {
  return pod.spec.containers.find((container) => imageRole(container.image ?? '') === 'ingress-nginx');
}

export const isControllerRunning = (pod: Pod, container: Container): boolean =>
  (hasSandbox(pod) || pod.spec.hostNetwork === true) && isContainerRunning(pod, container.name);

export const controllerPods = perState(['Pod'], (view: StoreView): readonly Pod[] =>
  view.list<Pod>('Pod').filter((pod) => controllerContainer(pod) !== undefined),
);

export const controllerVersion = (container: Container): string => parseImage(container.image ?? '').tag;

const remembered = new WeakMap<Container, ControllerFlags>();

export function flagsOf(pod: Pod, container: Container): ControllerFlags {
  let flags = remembered.get(container);
  if (flags === undefined) {
    const words = [...(container.command ?? []), ...(container.args ?? [])];
    const value = (name: string): string | undefined => {
      const word = words.find((one) => one === `--${name}` || one.startsWith(`--${name}=`));
      return word === undefined ? undefined : word.slice(name.length + 3).replaceAll('$(POD_NAMESPACE)', namespaceOf(pod));
    };
    const port = (name: string, standard: number): number => {
      const number = Number(value(name));
      return Number.isInteger(number) && number > 0 && number < 65_536 ? number : standard;
    };
    const isOn = (name: string): boolean => value(name) === '' || value(name) === 'true';
    flags = {
      controllerClass: value('controller-class') ?? 'k8s.io/ingress-nginx',
      ingressClass: value('ingress-class') ?? 'nginx',
      withoutClass: isOn('watch-ingress-without-class'),
      watchNamespace: value('watch-namespace') ?? '',
      publishService: value('publish-service') ?? '',
      httpPort: port('http-port', 80),
      httpsPort: port('https-port', 443),
      healthPort: port('healthz-port', 10_254),
      defaultBackend: value('default-backend-service') ?? '',
      configMap: value('configmap') ?? '',
      defaultCertificate: value('default-ssl-certificate') ?? '',
      internalAddress: isOn('report-node-internal-ip-address'),
    };
    remembered.set(container, flags);
  }
  return flags;
}

/** `use-proxy-protocol` of the controller's ConfigMap: a connection to nginx begins with who the client is, or it is closed. */
export const usesProxyProtocol = (flags: ControllerFlags, view: StoreView): boolean =>
  flags.configMap !== '' && view.find<ConfigMap>(`ConfigMap/${flags.configMap}`)?.data?.['use-proxy-protocol'] === 'true';

/** The ConfigMap that this controller reads. */
export function isConfigOf(changed: KubeObject, pod: Pod): boolean {
  const container = controllerContainer(pod);
  return container !== undefined && objectKey(changed) === `ConfigMap/${flagsOf(pod, container).configMap}`;
}
