/** Well-known manifests by their addresses: our own short re-creations of what they install, because nothing is ever fetched. */
import { calicoManifest } from '../../../kube/cni/manifests/calico.ts';
import { flannelManifest } from '../../../kube/cni/manifests/flannel.ts';
import { envoyGateway } from './envoy-gateway.ts';
import { ingressNginx } from './ingress-nginx.ts';
import { metricsServer } from './metrics-server.ts';

export type Bundled =
  | { readonly kind: 'manifest'; readonly title: string; readonly text: string }
  /** Its kinds are part of this API server. */
  | { readonly kind: 'built-in'; readonly title: string }
  | { readonly kind: 'refused'; readonly reason: string };

const version = '(?:releases/(?:latest/download|download/v?[\\w.-]+)|[\\w./-]+)';
const at = (text: string): RegExp => new RegExp(`^https://(?:raw\\.githubusercontent\\.com|github\\.com)/${text}$`);

const known: readonly (readonly [RegExp, (match: RegExpExecArray) => Bundled])[] = [
  [at(`flannel-io/flannel/${version}/kube-flannel\\.yml`), () => ({ kind: 'manifest', title: 'flannel', text: flannelManifest() })],
  [
    at('kubernetes/ingress-nginx/(?:blob/|raw/)?(?:controller-)?([\\w.-]+)/deploy/static/provider/(\\w+)(?:/[\\w.-]+)?/deploy\\.yaml'),
    (match) => ({
      kind: 'manifest',
      title: 'ingress-nginx',
      text: ingressNginx(match[2] ?? '', /^v\d/.test(match[1] ?? '') ? (match[1] ?? '') : 'v1.13.3'),
    }),
  ],
  [
    at(`kubernetes-sigs/metrics-server/${version}/(?:components|high-availability(?:-1\\.21\\+)?)\\.yaml`),
    () => ({ kind: 'manifest', title: 'metrics-server', text: metricsServer }),
  ],
  [
    at('envoyproxy/gateway/releases/(?:latest/download|download/(v[\\w.-]+))/install\\.yaml'),
    (match) => ({ kind: 'manifest', title: 'Envoy Gateway', text: envoyGateway(match[1] ?? 'v1.5.1') }),
  ],
  [at(`kubernetes-sigs/gateway-api/${version}/(?:standard|experimental)-install\\.yaml`), () => ({ kind: 'built-in', title: 'the Gateway API' })],
  [
    at(`projectcalico/calico/${version}/calico(-vxlan|-typha)?\\.yaml`),
    (match) => ({ kind: 'manifest', title: 'Calico', text: calicoManifest(match[1] === '-vxlan' ? 'vxlan' : 'bird') }),
  ],
  [
    at(`projectcalico/calico/${version}/(?:calico|tigera-operator|custom-resources|operator-crds|canal)[\\w-]*\\.yaml`),
    () => ({ kind: 'refused', reason: "of Calico's manifests only calico.yaml, calico-typha.yaml and calico-vxlan.yaml are part of this kubectl" }),
  ],
];

/** Undefined for an address nobody here knows. */
export function bundledManifest(url: string): Bundled | undefined {
  for (const [pattern, give] of known) {
    const match = pattern.exec(url.slice(0, 300));
    if (match !== null) return give(match);
  }
  return undefined;
}
