/** Names, selectors and texts of NetworkPolicies that are written for the reader. */
import { formatYaml, type YamlValue } from '../../base/yaml/index.ts';

/** The file that they are written to. */
export const POLICY_FILE = 'policies.yaml';

type Labels = Readonly<Record<string, string>>;

/** Labels that controllers give to tell their own pods apart; a policy that named them would not outlive a rollout. */
const fleeting: ReadonlySet<string> = new Set([
  'pod-template-hash',
  'controller-revision-hash',
  'pod-template-generation',
  'statefulset.kubernetes.io/pod-name',
  'apps.kubernetes.io/pod-index',
  'batch.kubernetes.io/controller-uid',
  'batch.kubernetes.io/job-name',
  'batch.kubernetes.io/job-completion-index',
  'controller-uid',
  'job-name',
]);

export const lastingLabels = (labels: Labels): Labels => Object.fromEntries(Object.entries(labels).filter(([key]) => !fleeting.has(key)));

/** At most 40 characters that a name may have. */
export const asName = (text: string): string =>
  text
    .toLowerCase()
    .replace(/[^a-z0-9-]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 40)
    .replace(/-+$/, '') || 'pods';

/** What pods with these labels are called. */
export const nameOfLabels = (labels: Labels, otherwise: string): string =>
  asName(labels.app ?? labels['app.kubernetes.io/name'] ?? labels['k8s-app'] ?? Object.values(labels)[0] ?? otherwise);

/** `{}` selects everything; `matchLabels` without entries does, too, but says less. */
export const selectorOf = (labels: Labels): { readonly [key: string]: YamlValue } => (Object.keys(labels).length === 0 ? {} : { matchLabels: labels });

export const namespaceSelectorOf = (namespace: string): { readonly [key: string]: YamlValue } => ({
  matchLabels: { 'kubernetes.io/metadata.name': namespace },
});

export const policyText = (name: string, namespace: string, spec: { readonly [key: string]: YamlValue }): string =>
  formatYaml({ apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', metadata: { name, namespace }, spec });
