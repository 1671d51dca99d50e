/** Names of the tools that a page fetches after its first picture; core-toolbox.test.ts compares them with what there is. */
export const LATER_TOOLS: ReadonlySet<string> = new Set(
  `crictl systemctl journalctl ip bridge brctl tc ethtool wg iptables iptables-save nft iptables-restore ip6tables ip6tables-save ip6tables-restore iptables-legacy iptables-legacy-save iptables-legacy-restore ip6tables-legacy
  ip6tables-legacy-save ip6tables-legacy-restore ipset
  dmesg ipvsadm bpftool cilium-dbg cilium hubble calicoctl istioctl birdcl birdc conntrack ss netstat nstat sysctl arp route ifconfig nsenter lsns ssh trace replay grep sed awk jq head tail
  wc sort uniq cut tr cat less more tee tac rev nl xargs column paste diff expr find base64 bc vi vim nano comm join fold md5sum sha1sum sha256sum od
  agnhost arping dig getent grpcurl host mtr nc nslookup openssl tracepath traceroute websocat wget busybox-nslookup busybox-traceroute busybox-wget
  hexdump xxd df free uptime stat mktemp hostnamectl top sh bash ash dash zsh busybox clear help history sudo watch which ps date tcpdump`.split(/\s+/),
);
