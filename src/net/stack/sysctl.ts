/** The kernel's own values of the sysctls that something here reads. Linux: Documentation/networking/ip-sysctl.rst */

const DEFAULTS: ReadonlyMap<string, number> = new Map([
  ['net.ipv4.ip_forward', 0],
  ['net.ipv4.ip_default_ttl', 64],
  ['net.ipv4.ip_no_pmtu_disc', 0],
  ['net.ipv4.ip_nonlocal_bind', 0],
  ['net.ipv4.icmp_echo_ignore_all', 0],
  ['net.ipv4.icmp_echo_ignore_broadcasts', 1],
  ['net.ipv4.conf.all.rp_filter', 0],
  ['net.ipv4.conf.default.rp_filter', 0],
  ['net.ipv4.conf.all.route_localnet', 0],
  ['net.ipv4.conf.all.accept_local', 0],
  ['net.ipv4.conf.all.arp_ignore', 0],
  ['net.ipv4.conf.all.arp_announce', 0],
  ['net.ipv4.neigh.default.unres_qlen', 101],
  ['net.ipv4.neigh.default.mcast_solicit', 3],
  ['net.ipv4.neigh.default.ucast_solicit', 3],
  ['net.ipv4.neigh.default.delay_first_probe_time', 5],
  ['net.ipv4.neigh.default.retrans_time_ms', 1000],
  ['net.ipv4.neigh.default.base_reachable_time', 30],
  ['net.ipv4.tcp_syn_retries', 6],
  ['net.ipv4.tcp_synack_retries', 5],
  ['net.ipv4.tcp_retries1', 3],
  ['net.ipv4.tcp_retries2', 15],
  ['net.ipv4.tcp_syn_linear_timeouts', 4],
  ['net.ipv4.tcp_fin_timeout', 60],
  ['net.ipv4.tcp_keepalive_time', 7200],
  ['net.ipv4.tcp_keepalive_intvl', 75],
  ['net.ipv4.tcp_keepalive_probes', 9],
  ['net.ipv4.tcp_timestamps', 1],
  ['net.ipv4.tcp_sack', 1],
  ['net.ipv4.tcp_window_scaling', 1],
  ['net.ipv4.tcp_tw_reuse', 2],
  ['net.core.somaxconn', 4096],
  ['net.bridge.bridge-nf-call-iptables', 1],
  ['net.netfilter.nf_conntrack_max', 262144],
  ['net.netfilter.nf_conntrack_tcp_loose', 1],
  ['net.netfilter.nf_conntrack_udp_timeout', 30],
  ['net.netfilter.nf_conntrack_udp_timeout_stream', 120],
  ['net.netfilter.nf_conntrack_icmp_timeout', 30],
  ['net.netfilter.nf_conntrack_generic_timeout', 600],
]);

/** The value of a sysctl in a netns: what its record says, else the kernel's; 0 for a name nobody reads. */
export function sysctl(values: Readonly<Record<string, number>>, name: string): number {
  return Object.hasOwn(values, name) ? (values[name] as number) : (DEFAULTS.get(name) ?? 0);
}

/** A per-device setting: the larger of `all` and the device's own (Linux: include/linux/inetdevice.h, IN_DEV_MAXCONF). */
export function deviceSysctl(values: Readonly<Record<string, number>>, device: string, leaf: string): number {
  const own = `net.ipv4.conf.${device}.${leaf}`;
  const value = Object.hasOwn(values, own) ? (values[own] as number) : sysctl(values, `net.ipv4.conf.default.${leaf}`);
  return Math.max(sysctl(values, `net.ipv4.conf.all.${leaf}`), value);
}
