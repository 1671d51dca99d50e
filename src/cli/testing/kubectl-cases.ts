/** Command lines whose output is compared with the real kubectl's, in this order: later ones see what earlier ones changed. */

import { changes, forms, options } from './kubectl-change-cases.ts';
import { describedManifests } from './kubectl-manifests.ts';

export interface Case {
  readonly line: string;
  /** Takes out what cannot be equal (a random port, a duration measured by kubectl itself); says so beside its use. */
  readonly mask?: (text: string) => string;
}

/** Files in the working directory of both. */
export const manifests: Readonly<Record<string, string>> = {
  ...describedManifests,
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
  'other.yaml': `apiVersion: apps/v1
kind: Deployment
metadata: {name: cart, namespace: shop}
spec:
  replicas: 3
  template:
    spec: {containers: [{name: cart, image: nginx:1.28}]}
`,
  'bad.yaml': `apiVersion: v1
kind: Service
metadata: {name: broken}
spec: {selector: {app: x}, ports: [{port: 0}]}
`,
  'changed.yaml': `apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: default, labels: {app: web, tier: front}}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: nginx, image: nginx:1.28, ports: [{containerPort: 80}]}]}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: fresh}
data: {a: b}
---
apiVersion: v1
kind: Secret
metadata: {name: hidden}
stringData: {a: b}
`,
  'rights.yaml': `apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: reader}
rules: [{apiGroups: [""], resources: [pods], verbs: [get, list]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: reader}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: reader}
subjects: [{kind: User, name: bob, apiGroup: rbac.authorization.k8s.io}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: wide}
rules:
- {apiGroups: [apps, ""], resources: [deployments, services], verbs: [get]}
- {apiGroups: [apps], resources: [deployments], verbs: [list, get]}
- {nonResourceURLs: [/healthz], verbs: [get]}
---
apiVersion: scheduling.k8s.io/v1
kind: PriorityClass
metadata: {name: soon}
value: 1000
description: before others
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: guard}
spec: {minAvailable: 1, selector: {matchLabels: {app: web}}}
`,
  'break.sh': 'sed \'s/port: 80$/port: 0/\' "$1" > broken.txt\ncat broken.txt > "$1"\n',
  'fix.sh': 'sed s/color:/colour:/ "$1" > edited.txt\ncat edited.txt > "$1"\n',
  'nokind.yaml': `apiVersion: v1
metadata: {name: x}
`,
  'variables.env': 'A=1\n# a remark\nB=two words\n',
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
  'kubectl describe node node01',
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
  'kubectl apply --server-side --field-manager=ci -f other.yaml',
  'kubectl apply --server-side --field-manager=ci --force-conflicts -f other.yaml',
  'kubectl apply --server-side --force-conflicts -f shop.yaml',
  'kubectl apply --server-side -f shop.yaml',
  'kubectl get deploy cart -n shop --show-managed-fields -o jsonpath="{.metadata.managedFields[*].manager}"',
  'kubectl get deploy cart -n shop -o jsonpath="{.spec.replicas} {.spec.template.spec.containers[0].image}"',
  'kubectl get pvc,pv,sc,hpa,cronjob,quota,limits,pdb,gtw,httproute -A',
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
  'KUBE_EDITOR=true kubectl edit cm settings -n shop',
  'KUBE_EDITOR=false kubectl edit cm settings -n shop',
  'KUBE_EDITOR="sh fix.sh" kubectl edit cm settings -n shop',
  `KUBE_EDITOR="sh break.sh" kubectl edit svc web-service 2>&1 | sed 's/edit-[0-9]*/edit-N/'`,
  `KUBE_EDITOR="sed -i s/app:/app/" kubectl edit svc web-service 2>&1 | sed 's/edit-[0-9]*/edit-N/'`,
  `EDITOR="sed -i 's/size: large/size: small/'" kubectl edit cm settings -n shop`,
  'kubectl get cm settings -n shop -o jsonpath={.data}',
  'kubectl describe ns default',
  'kubectl apply -f nokind.yaml',
  'kubectl apply -f rights.yaml',
  'kubectl create deployment made --image=nginx --replicas=2 --port=80',
  'kubectl create deployment made --image=nginx',
  'kubectl get deploy made',
  'kubectl create deployment Bad_Name --image=nginx',
  'kubectl create cm made --from-literal=a=b',
  'kubectl create cm made --from-literal=a=b',
  'kubectl describe cm made',
  'kubectl create secret generic made --from-literal=a=b',
  'kubectl get secret made -o jsonpath={.data}{.type}',
  'kubectl create ns made',
  'kubectl create ns made',
  'kubectl create sa made',
  'kubectl create svc clusterip made --tcp=80:8080 -n made',
  'kubectl create svc nodeport made --tcp=80:http --node-port=30999 -n made',
  'kubectl create svc nodeport ported --tcp=80:http --node-port=30999 -n made',
  'kubectl get svc -n made',
  'kubectl create ingress made --rule=a.example/x=made:80',
  'kubectl get ing made',
  'kubectl create role made --verb=get --resource=pods',
  'kubectl create rolebinding made --role=made --user=bob',
  'kubectl create pdb made --selector=app=made --min-available=1',
  'kubectl create priorityclass made --value=5',
  'kubectl create quota made --hard=pods=50 -n made',
  'kubectl create job made --image=busybox --dry-run=server',
  'kubectl create cronjob made --image=busybox --schedule="* * * * *" --dry-run=server',
  'kubectl autoscale deploy made --max=3 --cpu=50%',
  'kubectl delete deploy made',
  'kubectl delete ns made',
  'kubectl describe role reader',
  'kubectl describe rolebinding reader',
  'kubectl get role,rolebinding -o wide',
  'kubectl describe priorityclass soon',
  'kubectl describe pdb guard',
  'kubectl describe clusterrole wide',
  'kubectl get pdb,priorityclass',
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

/** After everything else: objects of every kind, and what describe says of them. */
const described = [
  'kubectl apply -f kinds.yaml',
  'kubectl apply -f custom.yaml',
  'kubectl apply -f rich.yaml',
  ...[
    'hpa web',
    'cronjob tick',
    'job once',
    'pv',
    'pvc',
    'sc',
    'quota',
    'limits',
    'ing',
    'ingressclass',
    'netpol',
    'lease lease',
    'sts db',
    'ds agent',
    'crd',
    'ct',
    'gatewayclass',
    'gateway',
    'httproute',
    'ns',
    'secret',
    'sa default',
    'ep',
    'pod rich',
    'pod client',
    'pod clien',
    'pod nosuch client',
    'pod/client svc/web-service',
    '-f rights.yaml',
    'pod web -n nowhere',
    'pods -n nowhere',
    'svc/nosuch',
    'servicecidr',
    'clusterrole wide',
    'controllerrevisions -n nowhere',
    'pod client --show-events=false',
    'foo',
  ].map((words) => `kubectl describe ${words}`),
  'kubectl get hpa,cronjob,job,pv,pvc,sc,quota,limits,ing,ingressclass,netpol,sts,ds,crd',
  'kubectl get hpa,cronjob,job,pv,pvc,sc,quota,limits,ing,ingressclass,netpol,sts,ds,crd -o wide',
  'kubectl get ct -o wide',
  'kubectl get crontabs.v1.stable.example.com',
  'kubectl get deploy.apps/web',
  'kubectl get deployments.v1.apps',
  'kubectl get all',
];

const generators = [
  'job j --image=busybox',
  'job j --image=busybox -- echo hi',
  'job',
  'job j',
  'job j --image=x --from=cronjob/c',
  "cronjob c --image=busybox --schedule='*/5 * * * *'",
  "cronjob c --image=busybox --schedule='*/5 * * * *' --restart=Never -- date",
  'cronjob c --image=busybox',
  'role r --verb=get,list --resource=pods,deployments.apps',
  'role r --verb=get --resource=pods --resource-name=a --resource-name=b',
  'role r --verb=get --resource=pods/log,svc',
  'role r --resource=pods',
  'role r --verb=get',
  'role r --verb=get --resource=nosuch',
  'role r --verb=frob --resource=pods',
  'clusterrole cr --verb=get,list,watch --resource=nodes',
  'clusterrole cr --verb=get --non-resource-url=/metrics',
  'clusterrole cr --aggregation-rule=a=b,c=d',
  'clusterrole cr --verb=get',
  'rolebinding rb --role=r --user=bob --group=devs --serviceaccount=default:sa1',
  'rolebinding rb --clusterrole=view --serviceaccount=default:sa1',
  'rolebinding rb --user=u',
  'rolebinding rb --role=r --serviceaccount=a',
  'clusterrolebinding crb --clusterrole=cluster-admin --user=bob',
  'clusterrolebinding crb --user=bob',
  'pdb p --selector=app=web --min-available=1',
  'pdb p --selector=app=web --max-unavailable=50%',
  'pdb p --selector=app=web',
  'pdb p --min-available=1',
  'pdb p --selector=a=b --min-available=x',
  'priorityclass high --value=1000 --description=high',
  'pc high --value=1000 --global-default --preemption-policy=Never',
  'quota q --hard=cpu=1,pods=2 --scopes=BestEffort',
  'quota q',
  'quota q --hard=cpu',
  'quota q --hard=cpu=abc',
  'secret generic s --from-literal=a=b',
  'secret generic s --type=my/type --from-file=variables.env',
  'secret generic s --from-literal=a/b=c',
  'secret docker-registry s --docker-username=u --docker-password=p --docker-email=e@x',
  'secret docker-registry s',
  'secret tls s --cert=variables.env --key=variables.env',
  'secret tls s',
  'secret tls s --cert=nosuch --key=nosuch',
  'cm c --from-file=variables.env --from-file=x=variables.env',
  'cm c --from-env-file=variables.env',
  'cm c --from-env-file=nosuch',
  'cm c --from-file=nosuch',
  'cm c --from-literal=abc',
  'cm c --from-literal=a=b --from-literal=a=c',
  'cm c',
  "ingress i --class=nginx --rule=foo.com/bar=svc1:8080,tls=my-cert --rule='foo.com/baz*=svc2:port' --annotation=a=b --default-backend=def:80",
  'ingress i --rule=/path=svc:80,tls=x --rule=a.b/c=svc:80,tls=x --rule=a.b/d=svc:y',
  'ingress i --rule=foo.com/=svc1:8080,tls',
  'ingress i',
  'ingress i --rule=x',
  'ingress i --default-backend=x',
  'ingress i --rule=a.b/c=s:80 --annotation=x',
  'deployment d --image=nginx --image=busybox --port=80',
  'deployment d --image=nginx:1.2 --port=80 -- sleep 1',
  'deployment d',
  'deployment a b --image=x',
  'sa s',
  'svc nodeport s --tcp=80 --node-port=30080',
  'svc clusterip s --clusterip=None',
  'svc clusterip s',
  'svc clusterip s --tcp=x',
  'svc loadbalancer s --tcp=80:8080,443',
  'svc externalname s --external-name=a.b',
  'svc externalname s',
].map((words) =>
  words.includes(' -- ') ? `kubectl create ${words.replace(' -- ', ' --dry-run=client -o yaml -- ')}` : `kubectl create ${words} --dry-run=client -o yaml`,
);

const others = [
  'kubectl create',
  'kubectl create foo',
  'kubectl create svc foo',
  'kubectl create ns',
  'kubectl create token nosuch',
  'kubectl autoscale deploy web --min=1 --max=5 --cpu=80% --dry-run=client -o yaml',
  'kubectl autoscale deploy web --min=1 --max=5 --cpu-percent=80 --dry-run=client -o yaml',
  'kubectl autoscale deploy web --max=5 --cpu=500m --memory=50% --dry-run=client -o yaml',
  'kubectl autoscale deploy web --max=5 --cpu=50% --name=other --dry-run=client',
  'kubectl autoscale deploy web',
  'kubectl autoscale deploy web --min=6 --max=5',
  'kubectl autoscale deploy web --max=0',
  'kubectl autoscale deploy web --max=3 --cpu=abc',
  'kubectl autoscale deploy nosuch --max=3 --cpu=50%',
  'kubectl autoscale pod client --max=3',
  'kubectl top pods',
  'kubectl top nodes',
  'kubectl attach',
  'kubectl debug',
  'kubectl debug client',
  'kubectl debug nosuch --image=busybox',
  'kubectl debug --image=busybox',
  'kubectl debug client --image=busybox --profile=x',
  'kubectl port-forward',
  'kubectl port-forward client',
  'kubectl port-forward nosuch 80',
  'kubectl port-forward svc/web-service 8080',
  'kubectl port-forward client x',
  'kubectl edit',
  'kubectl edit deploy nosuch',
  'kubectl diff',
  'kubectl cp',
  'kubectl plugin list',
  'kubectl version',
  'kubectl version --client',
  'kubectl config get-users',
  'kubectl config get-clusters',
  'kubectl config use-context foo',
  'kubectl config get-contexts foo',
  'kubectl config set-context --current --namespace=kube-system',
  'kubectl get ds',
  'kubectl config get-contexts',
  'kubectl config set-context --current --namespace=default',
  'kubectl config set-context sys --cluster=kubernetes --namespace=kube-system',
  'kubectl --context=sys get ds -o name',
  'kubectl config set-context',
  'kubectl config use-context sys',
  'kubectl config current-context',
  'kubectl get ds -o name',
  'kubectl config rename-context sys system',
  'kubectl config set-credentials eve --token=secret',
  'kubectl config set-cluster far --server=https://192.0.2.9:6443',
  'kubectl config get-contexts',
  'kubectl config get-contexts a b',
  'kubectl config get-users',
  'kubectl config unset foo',
  'kubectl config delete-user',
  'kubectl config nosuch',
  'kubectl --context=nosuch get pods',
  'kubectl --cluster=nosuch get pods',
  'kubectl config set contexts.system.namespace default',
  'kubectl config view -o jsonpath={.contexts[*].context.namespace}',
  'kubectl config unset current-context',
  'kubectl config current-context',
  'kubectl config view --minify',
  'kubectl config use-context kubernetes-admin@kubernetes',
  `kubectl get po -o go-template='{{range .items}}{{.metadata.name}}{{"\\n"}}{{end}}'`,
  `kubectl get po client -o go-template='{{.metadata.name}} {{.status.nosuch}} {{len .spec.containers}}'`,
  `kubectl get po -o go-template='{{range $i, $p := .items}}{{if $i}}, {{end}}{{$p.metadata.name | printf "%-22s|"}}{{else}}none{{end}}'`,
  `kubectl get svc web-service -o go-template='{{with .spec.selector}}{{.app}}{{end}}{{- if eq .spec.type "ClusterIP" }} inside{{ else }} outside{{ end }} {{index .spec.ports 0 "port"}}'`,
  `kubectl get po client -o go-template='{{.metadata.labels}} {{index .spec.containers 0}}'`,
  `kubectl get po client -o go-template='{{nosuch .x}}'`,
  `kubectl get po client -o go-template='{{if .x}}'`,
  'kubectl get po client -o go-template',
  'kubectl get events',
  'kubectl events',
  'kubectl events --for pod/client',
  'kubectl gett',
  'kubectl frobnicate',
  'kubectl get po --foo',
  'kubectl get po -Z',
  'kubectl logs',
  'kubectl exec',
  'kubectl exec client',
  'kubectl run',
  'kubectl run x',
  'kubectl expose',
  'kubectl scale',
  'kubectl scale deploy web',
  'kubectl wait',
  'kubectl wait pod/client',
  'kubectl wait pod/client --for=condition=Ready',
  'kubectl wait pod/client --for=jsonpath={.status.phase}=Running',
  'kubectl taint',
  'kubectl taint nodes node01',
  'kubectl drain',
  'kubectl drain node01',
  'kubectl uncordon node01',
  'kubectl cordon nosuch',
  'kubectl explain',
  'kubectl explain pod.foo',
  'kubectl explain svc.spec.ports',
  'kubectl api-resources --api-group=apps',
  'kubectl api-resources -o wide',
];

/** Times, uids and the names of temporary directories are each run's own. */
const maskDiff = (text: string): string =>
  text
    .replace(/(LIVE|MERGED)-\d+/g, '$1-N')
    .replace(/\t\d{4}-\d\d-\d\d .*$/gm, '\tTIME')
    .replace(/uid: \S+/g, 'uid: UID')
    .replace(/creationTimestamp: \S+/g, 'creationTimestamp: TIME');

/** How long ago is a matter of how long the run has taken; versions count every write, and the real one sends object by object. */
const maskMoment = (text: string): string => text.replace(/(?<=\s)\d+s +/g, 'NOW ').replace(/(Resource Version: +)\d+/g, '$1N');

/** The real one prints clusters and users in the order of a Go map, which is another one each time. */
const maskOrder = (text: string): string => text.split('\n').sort().join('\n');

/** Whether the volume binder looks before the scheduler has found a node depends on how objects came: a request each, or all of a file at one instant. */
const maskWaiting = (text: string): string =>
  maskMoment(text)
    .replace(/^ +Normal +WaitForPodScheduled.*\n/gm, '')
    .replace(/(?<=\S) {2,}|-{2,}/g, ' ');
const maskOf = (line: string): Partial<Case> =>
  /config get-(clusters|users)/.test(line) ? { mask: maskOrder } : line === 'kubectl describe pvc' ? { mask: maskWaiting } : {};

export const cases: readonly Case[] = [
  ...[...reads, ...generators, ...others].map((line) => ({ line, ...maskOf(line) })),
  { line: 'kubectl diff -f changed.yaml', mask: maskDiff },
  { line: 'kubectl cluster-info', mask: (text) => text.replace(/https?:\/\/[\d.]+:\d+/g, 'SERVER') },
  ...writes.map((line) => ({ line, ...maskOf(line) })),
  ...[...described, ...forms, ...changes, ...options].map((line) => ({ line, mask: maskMoment, ...maskOf(line) })),
];
