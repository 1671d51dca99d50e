/** The kinds of policies that Kubernetes itself has. */
export const POLICY_KINDS = ['NetworkPolicy', 'ClusterNetworkPolicy', 'AdminNetworkPolicy', 'BaselineAdminNetworkPolicy'] as const;
