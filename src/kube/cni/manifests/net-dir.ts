/** No daemon: each node's container runtime makes the file of /etc/cni/net.d from one template and its own pod range. containerd: cni `conf_template` */

/** @param plugin `ptp`, a wire for each pod, or `bridge` */
export const netDirManifest = (plugin: 'ptp' | 'bridge'): string => `apiVersion: kubehop.dev/v1alpha1
kind: CniConfig
metadata: {name: containerd-net}
spec:
  files:
    10-containerd-net.conflist: |
      {
        "cniVersion": "1.0.0",
        "name": "containerd-net",
        "plugins": [
          {
            "type": "${plugin}",
            ${plugin === 'ptp' ? '' : '"bridge": "cni0", "isGateway": true, "ipMasq": true, "hairpinMode": true,\n            '}"ipam": {"type": "host-local", "ranges": [[{"subnet": "{{.PodCIDR}}"}]], "routes": [{"dst": "0.0.0.0/0"}]}
          },
          {"type": "portmap", "capabilities": {"portMappings": true}}
        ]
      }
`;
