/** The preset dictionary of share links, version 1: words of manifests, the likeliest last. Frozen: a changed letter would break every link of version 1. */
export const shareDictionary = `"kind":"interrupt","kind":"edit","kind":"command","session":"main","timeNs":,"line":"kubectl exec client -- curl -s web-service"kubectl exec -it kubectl get pods -o wide
kubectl describe service kubectl get svc -n kube-system kubectl scale deployment  --replicas=kubectl delete pod kubectl expose deployment kubectl run ping -c 3 nslookup tcpdump -i flannel.1 -nn tcp
kind: ConfigMap
  namespace: kube-system
kind: Namespace
kind: Node
kind: EndpointSlice
kind: ReplicaSet
kind: DaemonSet
kind: StatefulSet
kind: NetworkPolicy
apiVersion: networking.k8s.io/v1
kind: Ingress
  ingressClassName: nginx
  rules:
    - host: 
      http:
        paths:
          - path: /
            pathType: Prefix
            backend:
              service:
                name: 
                port:
                  number: 80
  podSelector:
    matchLabels:
      app: 
  policyTypes: [Ingress, Egress]
  ingress:
    - from:
        - namespaceSelector: {}
  egress:
    - to:
apiVersion: v1
kind: Pod
metadata:
  name: client
  labels:
    app: client
spec:
  nodeName: controlplane
  nodeSelector:
  tolerations:
    - operator: Exists
  hostNetwork: true
  restartPolicy: Never
  dnsPolicy: ClusterFirst
  containers:
    - name: netshoot
      image: nicolaka/netshoot
      command: [sleep, infinity]
      args: []
      env:
        - name: 
          value: 
      readinessProbe:
        httpGet:
          path: /
          port: 8080
    - name: redis
      image: redis:7
    - name: postgres
      image: postgres:16
    - name: whoami
      image: traefik/whoami
      image: hashicorp/http-echo
      image: busybox
      image: httpd:2.4
apiVersion: apps/v1
kind: DaemonSet
apiVersion: v1
kind: Service
metadata:
  name: frontend
spec:
  type: NodePort
  clusterIP: None
  externalTrafficPolicy: Local
  selector:
    app.kubernetes.io/name: 
    tier: backend
  ports:
    - name: http
      protocol: UDP
      protocol: TCP
      nodePort: 30080
      port: 8080
      targetPort: 8080
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  namespace: default
  labels:
    app: web
spec:
  replicas: 2
  replicas: 1
  replicas: 3
  selector:
    matchLabels:
      app: web
  template:
    metadata:
      labels:
        app: web
    spec:
      containers:
        - name: web
          image: nginx:1.27
          image: nginx
          ports:
            - containerPort: 8080
            - containerPort: 80
---
apiVersion: v1
kind: Service
metadata:
  name: web-service
  labels:
    app: web
spec:
  type: ClusterIP
  selector:
    app: web
  ports:
    - name: http
      port: 80
      targetPort: 80
---
apiVersion: apps/v1
kind: Deployment
`;
