/** Command lines whose output is compared with the real kubectl's, in this order: later ones see what earlier ones changed. */

export interface Case {
  readonly line: string;
  /** Takes out what cannot be equal (a random port, a duration measured by kubectl itself); says so beside its use. */
  readonly mask?: (text: string) => string;
}

/** Files in the working directory of both. */
export const manifests: Readonly<Record<string, string>> = {
  'shop.yaml': `apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: cart, namespace: shop, labels: {app: cart}}
spec:
  replicas: 2
  selector: {matchLabels: {app: cart}}
  template:
    metadata: {labels: {app: cart}}
    spec: {containers: [{name: cart, image: nginx:1.27, ports: [{containerPort: 80}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: cart, namespace: shop}
spec: {selector: {app: cart}, clusterIP: 10.96.7.7, ports: [{name: http, port: 80, targetPort: 80}]}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings, namespace: shop}
data: {color: blue, size: large}
`,
  'bad.yaml': `apiVersion: v1
kind: Service
metadata: {name: broken}
spec: {selector: {app: x}, ports: [{port: 0}]}
`,
  'unknown.yaml': `apiVersion: v1
kind: ConfigMap
metadata: {name: unknown-field}
dat: {a: b}
`,
};

const reads = [
  'kubectl get pods',
  'kubectl get pods -o wide',
  'kubectl get po -A',
  'kubectl get pods --show-labels',
  'kubectl get pods -l app=web -o name',
  'kubectl get pods -L app',
  'kubectl get pods --no-headers',
  'kubectl get pod client -o jsonpath={.status.podIP}',
  'kubectl get pods -o jsonpath=\'{range .items[*]}{.metadata.name}{"\\t"}{.status.podIP}{"\\n"}{end}\'',
  'kubectl get pods -o custom-columns=NAME:.metadata.name,NODE:.spec.nodeName',
  'kubectl get pods --sort-by=.status.podIP',
  'kubectl get pods --field-selector=spec.nodeName=node01',
  'kubectl get pods -n nowhere',
  'kubectl get pod nosuch',
  'kubectl get foo',
  'kubectl get all',
  'kubectl get svc,deploy',
  'kubectl get svc web-service -o yaml',
  'kubectl get deploy web -o json',
  'kubectl get deploy web -o wide',
  'kubectl get rs',
  'kubectl get rs -o wide',
  'kubectl get nodes',
  'kubectl get nodes -o wide',
  'kubectl get ns',
  'kubectl get endpointslices',
  'kubectl get ep web-service',
  'kubectl get ds -A',
  'kubectl get cm -n kube-system coredns',
  'kubectl get sa',
  'kubectl get',
  'kubectl api-versions',
  'kubectl api-resources',
  'kubectl api-resources --namespaced=false -o name',
  'kubectl config current-context',
  'kubectl config get-contexts',
  'kubectl describe svc web-service',
  'kubectl describe deploy web',
  'kubectl describe rs',
  'kubectl describe pod client',
  'kubectl describe cm -n kube-system kube-proxy',
  'kubectl describe endpointslice',
  'kubectl describe pod nosuch',
  'kubectl rollout status deploy/web',
  'kubectl rollout history deploy/web',
];

const writes = [
  'kubectl apply -f shop.yaml',
  'kubectl apply -f shop.yaml',
  'kubectl get all -n shop',
  'kubectl apply -f bad.yaml',
  'kubectl apply -f unknown.yaml',
  'kubectl apply -f missing.yaml',
  'kubectl create -f shop.yaml',
  'kubectl scale -n shop deploy/cart --replicas=3',
  'kubectl scale -n shop deploy/cart --current-replicas=9 --replicas=3',
  'kubectl label -n shop deploy/cart tier=front',
  'kubectl label -n shop deploy/cart tier=back',
  'kubectl label -n shop deploy/cart tier=back --overwrite',
  'kubectl label -n shop deploy/cart tier-',
  'kubectl annotate -n shop svc/cart note=hello',
  'kubectl patch -n shop svc/cart -p \'{"spec":{"type":"NodePort","ports":[{"port":80,"nodePort":30123}]}}\'',
  'kubectl patch -n shop svc/cart -p \'{"spec":{"clusterIP":"10.96.7.8"}}\'',
  'kubectl get svc -n shop',
  'kubectl set image -n shop deploy/cart cart=nginx:1.28',
  'kubectl rollout status -n shop deploy/cart',
  'kubectl rollout history -n shop deploy/cart',
  'kubectl rollout undo -n shop deploy/cart',
  'kubectl rollout pause -n shop deploy/cart',
  'kubectl rollout resume -n shop deploy/cart',
  'kubectl set env -n shop deploy/cart MODE=test',
  'kubectl set env -n shop deploy/cart --list',
  'kubectl taint nodes node01 k=v:NoSchedule',
  'kubectl taint nodes node01 k-',
  'kubectl cordon node01',
  'kubectl get nodes',
  'kubectl uncordon node01',
  'kubectl delete cm settings -n shop',
  'kubectl delete cm settings -n shop',
  'kubectl delete cm settings -n shop --ignore-not-found',
  'kubectl delete svc,deploy cart -n shop',
  'kubectl get all -n shop',
  'kubectl delete ns shop',
  'kubectl run box --image=busybox --dry-run=client -o yaml',
  'kubectl create deployment d --image=nginx --replicas=2 --dry-run=client -o yaml',
  'kubectl create cm c --from-literal=a=b --dry-run=client -o yaml',
  'kubectl create ns n --dry-run=client -o yaml',
  'kubectl create ingress i --rule=a.example/x=svc:80 --dry-run=client -o yaml',
  'kubectl create svc clusterip s --tcp=80:8080 --dry-run=client -o yaml',
  'kubectl expose deploy web --port=80 --name=web2 --dry-run=client -o yaml',
];

export const cases: readonly Case[] = [...reads, ...writes].map((line) => ({ line }));
