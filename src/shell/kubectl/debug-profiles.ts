/** The rights that the profiles of `kubectl debug` give. Kubernetes: kubectl/pkg/cmd/debug/profiles.go */

/** What is debugged: a pod by a container in it, a copy of a pod, a node. */
export type Debugger = 'ephemeral' | 'copy' | 'node';

const capabilities = (...add: readonly string[]): object => ({ securityContext: { capabilities: { add } } });

/** The part of a container. */
export function securityOf(profile: string, what: Debugger): object {
  switch (profile) {
    case 'general':
      return what === 'node' ? {} : capabilities('SYS_PTRACE');
    case 'netadmin':
      return capabilities('NET_ADMIN', 'NET_RAW');
    case 'sysadmin':
      return { securityContext: { privileged: true } };
    case 'restricted':
      return {
        securityContext: {
          allowPrivilegeEscalation: false,
          capabilities: { drop: ['ALL'] },
          runAsNonRoot: true,
          seccompProfile: { type: 'RuntimeDefault' },
        },
      };
    default:
      return {};
  }
}
