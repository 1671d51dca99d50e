/** Names of Kubernetes' Go structs, which the server's type errors speak of, told from a field's name and the struct around it. */

/** By struct and field, where the field's name alone says too little. */
const byPlace: Readonly<Record<string, string>> = {
  'Container.ports': 'ContainerPort',
  'EndpointSlice.ports': 'EndpointPort',
  'DeploymentStrategy.rollingUpdate': 'RollingUpdateDeployment',
  'DaemonSetUpdateStrategy.rollingUpdate': 'RollingUpdateDaemonSet',
  'StatefulSetUpdateStrategy.rollingUpdate': 'RollingUpdateStatefulSetStrategy',
  'DaemonSetSpec.updateStrategy': 'DaemonSetUpdateStrategy',
  'StatefulSetSpec.updateStrategy': 'StatefulSetUpdateStrategy',
  'PodDNSConfig.options': 'PodDNSConfigOption',
  'PodSpec.securityContext': 'PodSecurityContext',
  'PodTemplateSpec.spec': 'PodSpec',
  'EnvFromSource.configMapRef': 'ConfigMapEnvSource',
  'EnvFromSource.secretRef': 'SecretEnvSource',
  'Volume.configMap': 'ConfigMapVolumeSource',
  'Volume.secret': 'SecretVolumeSource',
  'Volume.emptyDir': 'EmptyDirVolumeSource',
  'Volume.hostPath': 'HostPathVolumeSource',
  'Volume.projected': 'ProjectedVolumeSource',
  'Volume.downwardAPI': 'DownwardAPIVolumeSource',
  'Volume.persistentVolumeClaim': 'PersistentVolumeClaimVolumeSource',
};

const byField: Readonly<Record<string, string>> = {
  metadata: 'ObjectMeta',
  template: 'PodTemplateSpec',
  selector: 'LabelSelector',
  podSelector: 'LabelSelector',
  namespaceSelector: 'LabelSelector',
  containers: 'Container',
  initContainers: 'Container',
  ephemeralContainers: 'EphemeralContainer',
  env: 'EnvVar',
  envFrom: 'EnvFromSource',
  valueFrom: 'EnvVarSource',
  fieldRef: 'ObjectFieldSelector',
  resourceFieldRef: 'ResourceFieldSelector',
  configMapKeyRef: 'ConfigMapKeySelector',
  secretKeyRef: 'SecretKeySelector',
  volumes: 'Volume',
  volumeMounts: 'VolumeMount',
  volumeDevices: 'VolumeDevice',
  resources: 'ResourceRequirements',
  readinessProbe: 'Probe',
  livenessProbe: 'Probe',
  startupProbe: 'Probe',
  httpGet: 'HTTPGetAction',
  httpHeaders: 'HTTPHeader',
  tcpSocket: 'TCPSocketAction',
  exec: 'ExecAction',
  grpc: 'GRPCAction',
  taints: 'Taint',
  matchExpressions: 'LabelSelectorRequirement',
  ownerReferences: 'OwnerReference',
  strategy: 'DeploymentStrategy',
  addresses: 'NodeAddress',
  dnsConfig: 'PodDNSConfig',
  hostAliases: 'HostAlias',
  topologySpreadConstraints: 'TopologySpreadConstraint',
  imagePullSecrets: 'LocalObjectReference',
  readinessGates: 'PodReadinessGate',
  sessionAffinityConfig: 'SessionAffinityConfig',
  clientIP: 'ClientIPConfig',
};

/** A field that is not listed gets its own name in the singular, with a capital. */
export function goStructName(struct: string, field: string): string {
  const place = byPlace[`${struct}.${field}`];
  if (place !== undefined) return place;
  if (field === 'spec') return `${struct}Spec`;
  if (field === 'status') return `${struct}Status`;
  if (field === 'ports') return `${struct.replace(/Spec$/, '')}Port`;
  if (Object.hasOwn(byField, field)) return byField[field] ?? field;
  const singular = field.endsWith('s') && !field.endsWith('ss') ? field.slice(0, -1) : field;
  return singular.charAt(0).toUpperCase() + singular.slice(1);
}
