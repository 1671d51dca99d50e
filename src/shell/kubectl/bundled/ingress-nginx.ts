/** What ingress-nginx's deploy.yaml installs: the same objects in the same order, with what is simulated of them. */

const labels = 'app.kubernetes.io/instance: ingress-nginx, app.kubernetes.io/name: ingress-nginx, app.kubernetes.io/part-of: ingress-nginx';
const controller = `app.kubernetes.io/component: controller, ${labels}`;
const webhook = `app.kubernetes.io/component: admission-webhook, ${labels}`;
const selector = 'app.kubernetes.io/component: controller, app.kubernetes.io/instance: ingress-nginx, app.kubernetes.io/name: ingress-nginx';

const account = (name: string, own: string): string => `apiVersion: v1
kind: ServiceAccount
metadata: {name: ${name}, namespace: ingress-nginx, labels: {${own}}}
`;
const role = (kind: 'Role' | 'ClusterRole', name: string, own: string, rules: readonly string[]): string => `apiVersion: rbac.authorization.k8s.io/v1
kind: ${kind}
metadata: {name: ${name}, ${kind === 'Role' ? 'namespace: ingress-nginx, ' : ''}labels: {${own}}}
rules:
${rules.map((rule) => `- {${rule}}\n`).join('')}`;
const binding = (kind: 'Role' | 'ClusterRole', name: string, own: string): string => `apiVersion: rbac.authorization.k8s.io/v1
kind: ${kind}Binding
metadata: {name: ${name}, ${kind === 'Role' ? 'namespace: ingress-nginx, ' : ''}labels: {${own}}}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ${kind}, name: ${name}}
subjects: [{kind: ServiceAccount, name: ${name}, namespace: ingress-nginx}]
`;
const job = (action: 'create' | 'patch', image: string): string => `apiVersion: batch/v1
kind: Job
metadata: {name: ingress-nginx-admission-${action}, namespace: ingress-nginx, labels: {${webhook}}}
spec:
  template:
    metadata: {name: ingress-nginx-admission-${action}, labels: {${webhook}}}
    spec:
      containers:
      - name: ${action}
        image: registry.k8s.io/ingress-nginx/kube-webhook-certgen:${image}
        imagePullPolicy: IfNotPresent
        args: [${action}, ${action === 'create' ? '"--host=ingress-nginx-controller-admission,ingress-nginx-controller-admission.$(POD_NAMESPACE).svc"' : '--webhook-name=ingress-nginx-admission'}, --namespace=$(POD_NAMESPACE), --secret-name=ingress-nginx-admission${action === 'patch' ? ', --patch-mutating=false, --patch-failure-policy=Fail' : ''}]
        env: [{name: POD_NAMESPACE, valueFrom: {fieldRef: {fieldPath: metadata.namespace}}}]
      nodeSelector: {kubernetes.io/os: linux}
      restartPolicy: OnFailure
      serviceAccountName: ingress-nginx-admission
`;

/** `type` of the controller's Service and the versions: by the provider and the release that the address names. */
export function ingressNginx(provider: string, version: string): string {
  const onNodes = provider === 'baremetal' || provider === 'kind';
  const certgen = version === 'v1.8.1' ? 'v20230407' : 'v1.6.3';
  const documents = [
    `apiVersion: v1
kind: Namespace
metadata: {name: ingress-nginx, labels: {app.kubernetes.io/instance: ingress-nginx, app.kubernetes.io/name: ingress-nginx}}
`,
    account('ingress-nginx', controller),
    account('ingress-nginx-admission', webhook),
    role('Role', 'ingress-nginx', controller, [
      'apiGroups: [""], resources: [namespaces], verbs: [get]',
      'apiGroups: [""], resources: [configmaps, pods, secrets, endpoints], verbs: [get, list, watch]',
      'apiGroups: [""], resources: [services], verbs: [get, list, watch]',
      'apiGroups: [networking.k8s.io], resources: [ingresses, ingressclasses], verbs: [get, list, watch]',
      'apiGroups: [coordination.k8s.io], resources: [leases], resourceNames: [ingress-nginx-leader], verbs: [get, update]',
      'apiGroups: [discovery.k8s.io], resources: [endpointslices], verbs: [list, watch, get]',
    ]),
    role('Role', 'ingress-nginx-admission', webhook, ['apiGroups: [""], resources: [secrets], verbs: [get, create]']),
    role('ClusterRole', 'ingress-nginx', labels, [
      'apiGroups: [""], resources: [configmaps, endpoints, nodes, pods, secrets, namespaces], verbs: [list, watch]',
      'apiGroups: [networking.k8s.io], resources: [ingresses, ingressclasses], verbs: [get, list, watch]',
      'apiGroups: [networking.k8s.io], resources: [ingresses/status], verbs: [update]',
      'apiGroups: [discovery.k8s.io], resources: [endpointslices], verbs: [list, watch, get]',
    ]),
    role('ClusterRole', 'ingress-nginx-admission', webhook, [
      'apiGroups: [admissionregistration.k8s.io], resources: [validatingwebhookconfigurations], verbs: [get, update]',
    ]),
    binding('Role', 'ingress-nginx', controller),
    binding('Role', 'ingress-nginx-admission', webhook),
    binding('ClusterRole', 'ingress-nginx', labels),
    binding('ClusterRole', 'ingress-nginx-admission', webhook),
    `apiVersion: v1
kind: ConfigMap
metadata: {name: ingress-nginx-controller, namespace: ingress-nginx, labels: {${controller}}}
data: {allow-snippet-annotations: "${version === 'v1.8.1' ? 'true' : 'false'}"}
`,
    `apiVersion: v1
kind: Service
metadata: {name: ingress-nginx-controller, namespace: ingress-nginx, labels: {${controller}}}
spec:
  type: ${onNodes ? 'NodePort' : 'LoadBalancer\n  externalTrafficPolicy: Local'}
  selector: {${selector}}
  ports:
  - {name: http, port: 80, protocol: TCP, targetPort: http, appProtocol: http}
  - {name: https, port: 443, protocol: TCP, targetPort: https, appProtocol: https}
`,
    `apiVersion: v1
kind: Service
metadata: {name: ingress-nginx-controller-admission, namespace: ingress-nginx, labels: {${controller}}}
spec:
  type: ClusterIP
  selector: {${selector}}
  ports: [{name: https-webhook, port: 443, targetPort: webhook, appProtocol: https}]
`,
    `apiVersion: apps/v1
kind: Deployment
metadata: {name: ingress-nginx-controller, namespace: ingress-nginx, labels: {${controller}}}
spec:
  minReadySeconds: 0
  revisionHistoryLimit: 10
  selector: {matchLabels: {${selector}}}
  template:
    metadata: {labels: {${controller}}}
    spec:
      dnsPolicy: ClusterFirst
      serviceAccountName: ingress-nginx
      nodeSelector: {kubernetes.io/os: linux}
      terminationGracePeriodSeconds: ${provider === 'kind' ? 0 : 300}
      containers:
      - name: controller
        image: registry.k8s.io/ingress-nginx/controller:${version}
        args: [/nginx-ingress-controller, ${onNodes ? '' : '--publish-service=$(POD_NAMESPACE)/ingress-nginx-controller, '}--election-id=ingress-nginx-leader, --controller-class=k8s.io/ingress-nginx, --ingress-class=nginx, --configmap=$(POD_NAMESPACE)/ingress-nginx-controller]
        env:
        - {name: POD_NAME, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
        - {name: POD_NAMESPACE, valueFrom: {fieldRef: {fieldPath: metadata.namespace}}}
        ports:
        - {name: http, containerPort: 80, protocol: TCP${provider === 'kind' ? ', hostPort: 80' : ''}}
        - {name: https, containerPort: 443, protocol: TCP${provider === 'kind' ? ', hostPort: 443' : ''}}
        - {name: webhook, containerPort: 8443, protocol: TCP}
        livenessProbe: {failureThreshold: 5, httpGet: {path: /healthz, port: 10254, scheme: HTTP}, initialDelaySeconds: 10, periodSeconds: 10, successThreshold: 1, timeoutSeconds: 1}
        readinessProbe: {failureThreshold: 3, httpGet: {path: /healthz, port: 10254, scheme: HTTP}, initialDelaySeconds: 10, periodSeconds: 10, successThreshold: 1, timeoutSeconds: 1}
        resources: {requests: {cpu: 100m, memory: 90Mi}}
`,
    job('create', certgen),
    job('patch', certgen),
    `apiVersion: networking.k8s.io/v1
kind: IngressClass
metadata: {name: nginx, labels: {${controller}}}
spec: {controller: k8s.io/ingress-nginx}
`,
    `apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: ingress-nginx-admission, labels: {${webhook}}}
webhooks:
- name: validate.nginx.ingress.kubernetes.io
  admissionReviewVersions: [v1]
  clientConfig: {service: {name: ingress-nginx-controller-admission, namespace: ingress-nginx, path: /networking/v1/ingresses}}
  failurePolicy: Fail
  matchPolicy: Equivalent
  rules: [{apiGroups: [networking.k8s.io], apiVersions: [v1], operations: [CREATE, UPDATE], resources: [ingresses]}]
  sideEffects: None
`,
  ];
  return documents.join('---\n');
}
