/** The schema of a pod's spec, shared by Pod and by every template that makes pods. */
import { objectMetaSchema } from '../../objects/schema/object-meta.ts';
import type { Schema } from '../../objects/types.ts';
import { labelSelectorSchema } from '../label-selector.ts';
import { anything, anythings, choice, flag, integer, list, longInteger, mapOf, quantity, struct, text, textMap, texts, withDefault } from '../schema.ts';
import { containerSchema, resourcesSchema } from './container-schema.ts';

const nodeRequirement: Schema = struct(
  'A condition on one label or field of the node.',
  {
    key: text('The label.'),
    operator: choice('How it relates to the values.', ['In', 'NotIn', 'Exists', 'DoesNotExist', 'Gt', 'Lt']),
    values: texts('Values.'),
  },
  ['key', 'operator'],
);
const nodeTerm: Schema = struct('Conditions that must all hold.', {
  matchExpressions: list('Conditions on labels.', nodeRequirement),
  matchFields: list('Conditions on fields (metadata.name).', nodeRequirement),
});
const podTerm: Schema = struct(
  'Pods, and how near they must be.',
  {
    labelSelector: labelSelectorSchema('Which pods.'),
    matchLabelKeys: texts("Labels whose values are taken from the pod and added to the selector's."),
    mismatchLabelKeys: texts('Labels whose values must differ.'),
    namespaces: texts("Namespaces of those pods; the pod's own when absent."),
    namespaceSelector: labelSelectorSchema('Namespaces of those pods, by label.'),
    topologyKey: text('Node label whose value says what counts as the same place, such as kubernetes.io/hostname.'),
  },
  ['topologyKey'],
);
const podAffinity = (description: string): Schema =>
  struct(description, {
    requiredDuringSchedulingIgnoredDuringExecution: list('Must hold.', podTerm),
    preferredDuringSchedulingIgnoredDuringExecution: list(
      'Should hold.',
      struct('A wish with its weight.', { weight: integer('1 to 100.', { minimum: 1, maximum: 100 }), podAffinityTerm: podTerm }, [
        'weight',
        'podAffinityTerm',
      ]),
    ),
  });

const affinity: Schema = struct('Where the pod wants to run.', {
  nodeAffinity: struct('By labels of the node.', {
    requiredDuringSchedulingIgnoredDuringExecution: struct('Must hold: one of the terms.', { nodeSelectorTerms: list('Terms.', nodeTerm) }, [
      'nodeSelectorTerms',
    ]),
    preferredDuringSchedulingIgnoredDuringExecution: list(
      'Should hold.',
      struct('A wish with its weight.', { weight: integer('1 to 100.', { minimum: 1, maximum: 100 }), preference: nodeTerm }, ['weight', 'preference']),
    ),
  }),
  podAffinity: podAffinity('Near these pods.'),
  podAntiAffinity: podAffinity('Not near these pods.'),
});

const volume: Schema = struct(
  'A volume. ConfigMaps and Secrets must exist for the pod to start; claims and other disks are directories that begin empty.',
  {
    name: text('Name that mounts refer to.'),
    configMap: struct('Files from a ConfigMap.', {
      name: text('Name of the ConfigMap.'),
      defaultMode: integer('File mode.'),
      optional: flag('The pod starts even when it is missing.'),
      items: list(
        'Keys to show, and as which files.',
        struct('A key.', { key: text('Key.'), path: text('File.'), mode: integer('File mode.') }, ['key', 'path']),
      ),
    }),
    secret: struct('Files from a Secret.', {
      secretName: text('Name of the Secret.'),
      defaultMode: integer('File mode.'),
      optional: flag('The pod starts even when it is missing.'),
      items: list(
        'Keys to show, and as which files.',
        struct('A key.', { key: text('Key.'), path: text('File.'), mode: integer('File mode.') }, ['key', 'path']),
      ),
    }),
    emptyDir: anything('An empty directory that lives as long as the pod.'),
    hostPath: struct('A path of the node.', { path: text('Path on the node.'), type: withDefault(text('What must be there.'), '') }, ['path']),
    projected: anything('Several sources in one directory.'),
    downwardAPI: anything('Fields of the pod as files.'),
    persistentVolumeClaim: anything('A claimed persistent volume.'),
    nfs: anything('An NFS export.'),
    csi: anything('A volume of a CSI driver.'),
    ephemeral: anything('A claim made for this pod.'),
    image: anything('An OCI image as a volume.'),
    iscsi: anything('An iSCSI disk.'),
    fc: anything('A Fibre Channel disk.'),
    cephfs: anything('A CephFS mount.'),
    rbd: anything('A Rados block device.'),
    glusterfs: anything('A Gluster mount.'),
    awsElasticBlockStore: anything('An AWS disk.'),
    gcePersistentDisk: anything('A GCE disk.'),
    azureDisk: anything('An Azure disk.'),
    azureFile: anything('An Azure file share.'),
    vsphereVolume: anything('A vSphere disk.'),
    cinder: anything('A Cinder disk.'),
    flexVolume: anything('A FlexVolume.'),
    flocker: anything('A Flocker volume.'),
    gitRepo: anything('A Git repository.'),
    portworxVolume: anything('A Portworx volume.'),
    quobyte: anything('A Quobyte mount.'),
    scaleIO: anything('A ScaleIO volume.'),
    storageos: anything('A StorageOS volume.'),
    photonPersistentDisk: anything('A Photon disk.'),
  },
  ['name'],
);

const specFields: Readonly<Record<string, Schema>> = {
  containers: list('Containers of the pod; at least one.', containerSchema, ['name']),
  initContainers: list('Containers that run to their end, one after the other, before the others start.', containerSchema, ['name']),
  ephemeralContainers: list(
    'Containers added for debugging while the pod runs (kubectl debug).',
    {
      ...containerSchema,
      properties: { ...containerSchema.properties, targetContainerName: text('Container whose processes it sees.') },
      goType: 'EphemeralContainer',
    },
    ['name'],
  ),
  nodeName: text('Node the pod runs on. Setting it by hand bypasses the scheduler.'),
  nodeSelector: textMap('Labels that the node must have.'),
  affinity,
  tolerations: list(
    'Taints that do not keep the pod off a node.',
    struct('A toleration.', {
      key: text('Key of the taint; every key when absent (then operator must be Exists).'),
      operator: choice('How the value relates to that of the taint; Equal when absent.', ['Equal', 'Exists']),
      value: text('Value of the taint.'),
      effect: choice('Effect of the taint; every effect when absent.', ['NoExecute', 'NoSchedule', 'PreferNoSchedule']),
      tolerationSeconds: longInteger('For NoExecute: how long the pod stays.'),
    }),
  ),
  topologySpreadConstraints: list(
    'How evenly pods are spread over places.',
    struct(
      'A constraint.',
      {
        maxSkew: integer('Largest allowed difference between places.', { minimum: 1 }),
        topologyKey: text('Node label whose value names the place.'),
        whenUnsatisfiable: choice('Whether a pod may be placed against it.', ['DoNotSchedule', 'ScheduleAnyway']),
        labelSelector: labelSelectorSchema('Pods that are counted.'),
        minDomains: integer('Smallest number of places.'),
        matchLabelKeys: texts("Labels whose values are taken from the pod and added to the selector's."),
        nodeAffinityPolicy: text('Whether node affinity counts.'),
        nodeTaintsPolicy: text('Whether taints count.'),
      },
      ['maxSkew', 'topologyKey', 'whenUnsatisfiable'],
    ),
    ['topologyKey', 'whenUnsatisfiable'],
  ),
  hostNetwork: flag("Uses the node's network namespace: no veth pair, no address of its own."),
  hostname: text('Host name inside the pod; the pod name when absent.'),
  subdomain: text('With hostname and a headless Service of this name: hostname.subdomain.namespace.svc in DNS.'),
  setHostnameAsFQDN: flag('Host name is the full DNS name.'),
  hostnameOverride: text('Host name inside the pod, without DNS.'),
  hostAliases: list('Lines for /etc/hosts.', struct('A line.', { ip: text('Address.'), hostnames: texts('Names.') }, ['ip']), ['ip']),
  dnsPolicy: withDefault(choice('How /etc/resolv.conf is written.', ['ClusterFirstWithHostNet', 'ClusterFirst', 'Default', 'None']), 'ClusterFirst'),
  dnsConfig: struct('Additions to /etc/resolv.conf.', {
    nameservers: texts('Name servers.'),
    searches: texts('Search domains.'),
    options: list('Options such as ndots.', struct('An option.', { name: text('Name.'), value: text('Value.') })),
  }),
  restartPolicy: withDefault(choice('When ended containers are started again.', ['Always', 'OnFailure', 'Never']), 'Always'),
  terminationGracePeriodSeconds: longInteger('Seconds for a graceful stop, of which preStop hooks are a part.', { default: 30 }),
  activeDeadlineSeconds: longInteger('Seconds after which the pod is stopped.'),
  serviceAccountName: text('Service account of the pod.'),
  serviceAccount: text('Obsolete name of serviceAccountName.'),
  automountServiceAccountToken: flag('Mounts a token of the service account.'),
  schedulerName: withDefault(text('Scheduler that places the pod.'), 'default-scheduler'),
  schedulingGates: list('Holds the pod back from the scheduler until they are removed.', struct('A gate.', { name: text('Name.') }, ['name']), ['name']),
  priorityClassName: text('Importance by name: system-node-critical, system-cluster-critical or a PriorityClass.'),
  priority: integer('Importance as a number, filled from the class.'),
  preemptionPolicy: text('Whether less important pods may be evicted for this one.'),
  readinessGates: list(
    'Conditions that must be True for the pod to be ready.',
    struct('A gate.', { conditionType: text('Type of the condition.') }, ['conditionType']),
  ),
  volumes: list('Volumes.', volume, ['name']),
  imagePullSecrets: list('Secrets for pulling images.', struct('A Secret.', { name: text('Name.') }), ['name']),
  enableServiceLinks: flag('Tells Services by environment variables.', { default: true }),
  shareProcessNamespace: flag('Containers see the processes of each other.'),
  hostPID: flag('Sees the processes of the node.'),
  hostIPC: flag('Shares the IPC namespace of the node.'),
  hostUsers: flag("Uses the node's user namespace."),
  runtimeClassName: text('Runtime class.'),
  overhead: mapOf('Resources of the pod beyond its containers.', quantity('Amount.')),
  resources: resourcesSchema,
  resourceClaims: anythings('Claims on devices.'),
  os: struct('Operating system.', { name: text('linux or windows.') }, ['name']),
  workloadRef: anything('The workload that schedules the pod.'),
  securityContext: {
    ...struct('Rights of the pod. Stored; rights are not part of the simulation.', {
      sysctls: list(
        'Kernel settings of the network namespace; the kubelet allows the safe ones only.',
        struct('A setting.', { name: text('Name, such as net.ipv4.ip_local_port_range.'), value: text('Value.') }, ['name', 'value']),
      ),
    }),
    'x-kubernetes-preserve-unknown-fields': true,
    default: {},
  },
};

export const podSpecSchema: Schema = struct('What the pod is made of.', specFields, [], { goType: 'PodSpec' });

export const podTemplateSchema: Schema = struct('From this, pods are made.', {
  metadata: { ...objectMetaSchema, description: 'Labels and annotations of the pods.' },
  spec: podSpecSchema,
});
