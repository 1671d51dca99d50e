/** kube-proxy with all of its modes. */
import { createKubeProxyAgent } from '../kube-proxy-agent.ts';
import { nftables } from '../kube-proxy-nftables.ts';

export const kubeProxyAgent = createKubeProxyAgent(nftables);
