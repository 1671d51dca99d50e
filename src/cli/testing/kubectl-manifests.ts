/** Manifests with every field that a description shows, for the comparison with the real kubectl. */
export const describedManifests: Readonly<Record<string, string>> = {
  'kinds.yaml': `apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web, labels: {a: b}}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  minReplicas: 1
  maxReplicas: 5
  metrics:
  - {type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 50}}}
  - {type: Resource, resource: {name: memory, target: {type: AverageValue, averageValue: 100Mi}}}
  behavior:
    scaleDown: {stabilizationWindowSeconds: 60, policies: [{type: Pods, value: 1, periodSeconds: 30}]}
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: tick}
spec:
  schedule: "0 0 1 1 *"
  jobTemplate:
    spec:
      template:
        spec:
          restartPolicy: OnFailure
          containers: [{name: c, image: busybox, command: [date], args: ["-u"]}]
---
apiVersion: batch/v1
kind: Job
metadata: {name: once}
spec:
  completions: 2
  parallelism: 1
  ttlSecondsAfterFinished: 10000
  template:
    spec:
      restartPolicy: Never
      containers: [{name: c, image: busybox, command: [sh, -c, "exit 0"]}]
---
apiVersion: v1
kind: PersistentVolume
metadata: {name: pv1}
spec:
  capacity: {storage: 5Gi}
  accessModes: [ReadWriteOnce]
  hostPath: {path: /data, type: DirectoryOrCreate}
  storageClassName: manual
  persistentVolumeReclaimPolicy: Retain
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: claim}
spec:
  accessModes: [ReadWriteOnce]
  storageClassName: manual
  resources: {requests: {storage: 3Gi}}
---
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: fast, annotations: {storageclass.kubernetes.io/is-default-class: "true"}}
provisioner: example.com/nfs
parameters: {type: ssd, zone: a}
mountOptions: [ro, soft]
reclaimPolicy: Delete
volumeBindingMode: WaitForFirstConsumer
allowVolumeExpansion: true
---
apiVersion: v1
kind: ResourceQuota
metadata: {name: quota}
spec: {hard: {pods: "50", services: "20"}}
---
apiVersion: v1
kind: LimitRange
metadata: {name: range}
spec:
  limits:
  - {type: Container, default: {cpu: 500m}, defaultRequest: {cpu: 100m}, max: {cpu: "2"}, min: {cpu: 50m}, maxLimitRequestRatio: {cpu: "20"}}
  - {type: PersistentVolumeClaim, max: {storage: 9Gi}}
---
apiVersion: v1
kind: LimitRange
metadata: {name: range-of-memory}
spec: {limits: [{type: Container, default: {memory: 64Mi}}]}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: ing, annotations: {a.example/b: c}}
spec:
  ingressClassName: nginx
  defaultBackend: {service: {name: web-service, port: {number: 80}}}
  tls: [{hosts: [a.example], secretName: tls}, {hosts: [b.example]}]
  rules:
  - host: a.example
    http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web-service, port: {number: 80}}}}, {path: /x, pathType: Exact, backend: {service: {name: nosuch, port: {name: http}}}}]}
  - http: {paths: [{path: /y, pathType: ImplementationSpecific, backend: {resource: {apiGroup: v1, kind: Foo, name: bar}}}]}
---
apiVersion: networking.k8s.io/v1
kind: IngressClass
metadata: {name: nginx, annotations: {ingressclass.kubernetes.io/is-default-class: "true"}}
spec: {controller: k8s.io/ingress-nginx, parameters: {kind: Foo, name: bar, apiGroup: x.example, scope: Cluster}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: pol}
spec:
  podSelector: {matchLabels: {app: web}}
  policyTypes: [Ingress, Egress]
  ingress:
  - from: [{podSelector: {matchLabels: {role: a}}}, {namespaceSelector: {}, podSelector: {matchExpressions: [{key: k, operator: In, values: [a, b]}]}}, {ipBlock: {cidr: 10.0.0.0/8, except: [10.1.0.0/16]}}]
    ports: [{port: 80}, {port: 90, endPort: 99, protocol: UDP}]
  - {}
  egress: []
---
apiVersion: coordination.k8s.io/v1
kind: Lease
metadata: {name: lease}
spec: {holderIdentity: me, leaseDurationSeconds: 15, acquireTime: "2026-01-01T00:00:00.000000Z", renewTime: "2026-01-01T00:00:00.000000Z"}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db}
spec:
  serviceName: db
  replicas: 2
  selector: {matchLabels: {app: db}}
  template:
    metadata: {labels: {app: db}}
    spec: {containers: [{name: c, image: redis, volumeMounts: [{name: data, mountPath: /data}]}]}
  volumeClaimTemplates:
  - metadata: {name: data}
    spec: {accessModes: [ReadWriteOnce], storageClassName: fast, resources: {requests: {storage: 1Gi}}}
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: agent}
spec:
  selector: {matchLabels: {app: agent}}
  updateStrategy: {type: RollingUpdate, rollingUpdate: {maxUnavailable: 1}}
  template:
    metadata: {labels: {app: agent}}
    spec: {containers: [{name: c, image: nginx}]}
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: crontabs.stable.example.com}
spec:
  group: stable.example.com
  scope: Namespaced
  names: {plural: crontabs, singular: crontab, kind: CronTab, shortNames: [ct]}
  versions:
  - name: v1
    served: true
    storage: true
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec:
            type: object
            properties:
              cronSpec: {type: string}
              image: {type: string}
              replicas: {type: integer}
              list: {type: array, items: {type: object, properties: {a: {type: string}, b: {type: array, items: {type: string}}}}}
    additionalPrinterColumns: [{name: Spec, type: string, jsonPath: .spec.cronSpec}]
`,
  'custom.yaml': `apiVersion: stable.example.com/v1
kind: CronTab
metadata: {name: my-new-cron-object, labels: {a: b}, annotations: {note: hello}}
spec: {cronSpec: "* * * * */5", image: my-awesome-cron-image, replicas: 3, list: [{a: x, b: [p, q]}, {a: y}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: gc}
spec: {controllerName: example.com/gw}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw}
spec:
  gatewayClassName: gc
  listeners: [{name: http, port: 80, protocol: HTTP, allowedRoutes: {namespaces: {from: All}}}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: route}
spec:
  parentRefs: [{name: gw}]
  hostnames: [a.example]
  rules: [{matches: [{path: {type: PathPrefix, value: /}}], backendRefs: [{name: web-service, port: 80}]}]
`,
  'rich.yaml': `apiVersion: v1
kind: Pod
metadata: {name: rich, labels: {app: rich}, annotations: {a: "b c"}}
spec:
  securityContext: {seccompProfile: {type: RuntimeDefault}}
  topologySpreadConstraints: [{maxSkew: 1, topologyKey: kubernetes.io/hostname, whenUnsatisfiable: ScheduleAnyway, labelSelector: {matchLabels: {app: rich}}}]
  readinessGates: [{conditionType: example.com/gate}]
  nodeSelector: {kubernetes.io/os: linux}
  initContainers: [{name: init, image: busybox, command: [sh, -c, "echo a\\necho b"]}]
  volumes:
  - {name: e, emptyDir: {sizeLimit: 1Gi}}
  - {name: c, configMap: {name: nosuch, optional: true}}
  - {name: d, downwardAPI: {items: [{path: labels, fieldRef: {fieldPath: metadata.labels}}]}}
  - {name: n, nfs: {server: a, path: /x}}
  - {name: i, image: {reference: foo:1}}
  - {name: p, persistentVolumeClaim: {claimName: claim}}
  containers:
  - name: main
    image: nginx
    securityContext: {seccompProfile: {type: Localhost, localhostProfile: a.json}}
    ports: [{containerPort: 80, name: http}, {containerPort: 53, protocol: UDP}]
    resources: {requests: {cpu: 100m, memory: 64Mi}, limits: {memory: 128Mi}}
    livenessProbe: {httpGet: {path: /x, port: 80}}
    readinessProbe: {exec: {command: [ls, /]}}
    startupProbe: {tcpSocket: {port: 80}}
    env:
    - {name: A, value: b}
    - {name: NODE, valueFrom: {fieldRef: {fieldPath: spec.nodeName}}}
    - {name: IP, valueFrom: {fieldRef: {fieldPath: status.podIP}}}
    - {name: L, valueFrom: {fieldRef: {fieldPath: "metadata.labels['app']"}}}
    - {name: M, valueFrom: {resourceFieldRef: {resource: limits.memory, divisor: 1Mi}}}
    - {name: C, valueFrom: {resourceFieldRef: {resource: limits.cpu}}}
    - {name: R, valueFrom: {resourceFieldRef: {resource: requests.cpu, divisor: 1m}}}
    envFrom: [{configMapRef: {name: nosuch, optional: true}, prefix: P_}]
    volumeMounts: [{name: e, mountPath: /e, subPath: x}, {name: c, mountPath: /c, readOnly: true}]
`,
};
