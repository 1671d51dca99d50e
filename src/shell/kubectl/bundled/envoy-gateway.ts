/** What Envoy Gateway's install.yaml installs, in short: the controller that makes Gateways of its classes; its certificates' Job and webhooks are left out. */

const labels = 'app.kubernetes.io/instance: eg, app.kubernetes.io/name: gateway-helm';

export const envoyGateway = (version: string): string => `apiVersion: v1
kind: Namespace
metadata: {name: envoy-gateway-system}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: envoy-gateway, namespace: envoy-gateway-system, labels: {${labels}}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: envoy-gateway-config, namespace: envoy-gateway-system, labels: {${labels}}}
data:
  envoy-gateway.yaml: |
    apiVersion: gateway.envoyproxy.io/v1alpha1
    kind: EnvoyGateway
    gateway: {controllerName: gateway.envoyproxy.io/gatewayclass-controller}
    provider: {type: Kubernetes}
---
apiVersion: v1
kind: Service
metadata: {name: envoy-gateway, namespace: envoy-gateway-system, labels: {control-plane: envoy-gateway, ${labels}}}
spec:
  selector: {control-plane: envoy-gateway, ${labels}}
  ports: [{name: grpc, port: 18000, targetPort: 18000}, {name: ratelimit, port: 18001, targetPort: 18001}, {name: wasm, port: 18002, targetPort: 18002}, {name: metrics, port: 19001, targetPort: 19001}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: envoy-gateway, namespace: envoy-gateway-system, labels: {control-plane: envoy-gateway, ${labels}}}
spec:
  replicas: 1
  selector: {matchLabels: {control-plane: envoy-gateway, ${labels}}}
  template:
    metadata: {labels: {control-plane: envoy-gateway, ${labels}}}
    spec:
      serviceAccountName: envoy-gateway
      containers:
      - name: envoy-gateway
        image: docker.io/envoyproxy/gateway:${version}
        args: [server, --config-path=/config/envoy-gateway.yaml]
        ports: [{name: grpc, containerPort: 18000}, {name: ratelimit, containerPort: 18001}, {name: wasm, containerPort: 18002}, {name: metrics, containerPort: 19001}]
`;
