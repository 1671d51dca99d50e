/** The kernel's own values of the sysctls that something here reads: what `sysctl` knows. Linux: Documentation/networking/ip-sysctl.rst */

/** A setting's value in a fresh netns, and what the kernel refuses to set. */
interface Setting {
  readonly value: number;
  readonly min?: number;
  readonly max?: number;
}

const flag = (value: 0 | 1): Setting => ({ value });
const number = (value: number, min?: number, max?: number): Setting => ({
  value,
  ...(min === undefined ? {} : { min }),
  ...(max === undefined ? {} : { max }),
});

const SETTINGS: ReadonlyMap<string, Setting> = new Map([
  ['net.ipv4.ip_forward', flag(0)],
  ['net.ipv4.vs.conntrack', number(0, 0, 1)],
  ['net.ipv4.vs.conn_reuse_mode', number(1)],
  ['net.ipv4.vs.expire_nodest_conn', number(0)],
  ['net.ipv4.vs.expire_quiescent_template', number(0)],
  ['net.ipv4.vs.sloppy_tcp', number(0)],
  ['net.ipv4.ip_default_ttl', number(64, 1, 255)],
  ['net.ipv4.ip_no_pmtu_disc', number(0, 0, 3)],
  ['net.ipv4.ip_nonlocal_bind', flag(0)],
  ['net.ipv4.ip_forward_use_pmtu', flag(0)],
  ['net.ipv4.ipfrag_time', number(30)],
  ['net.ipv4.ipfrag_high_thresh', number(4_194_304)],
  ['net.ipv4.fib_multipath_hash_policy', number(0, 0, 3)],
  ['net.ipv4.fib_multipath_use_neigh', number(0, 0, 1)],
  ['net.ipv4.icmp_echo_ignore_all', number(0, 0, 1)],
  ['net.ipv4.icmp_echo_ignore_broadcasts', number(1, 0, 1)],
  ['net.ipv4.icmp_ratelimit', number(1000)],
  ['net.ipv4.icmp_ratemask', number(6168)],
  ['net.ipv4.icmp_msgs_per_sec', number(1000, 0)],
  ['net.ipv4.icmp_msgs_burst', number(50, 0)],
  ['net.ipv4.route.min_pmtu', number(552)],
  ['net.ipv4.route.mtu_expires', number(600)],
  ['net.ipv4.tcp_syn_retries', number(6, 1, 127)],
  ['net.ipv4.tcp_synack_retries', number(5)],
  ['net.ipv4.tcp_retries1', number(3, 0, 255)],
  ['net.ipv4.tcp_retries2', number(15)],
  ['net.ipv4.tcp_syn_linear_timeouts', number(4, 0, 127)],
  ['net.ipv4.tcp_fin_timeout', number(60)],
  ['net.ipv4.tcp_keepalive_time', number(7200)],
  ['net.ipv4.tcp_keepalive_intvl', number(75)],
  ['net.ipv4.tcp_keepalive_probes', number(9)],
  ['net.ipv4.tcp_timestamps', number(1, 0, 2)],
  ['net.ipv4.tcp_sack', number(1, 0, 1)],
  ['net.ipv4.tcp_window_scaling', number(1, 0, 1)],
  ['net.ipv4.tcp_tw_reuse', number(2, 0, 2)],
  ['net.ipv4.tcp_orphan_retries', number(0)],
  ['net.ipv4.tcp_dsack', number(1)],
  ['net.ipv4.tcp_tw_reuse_delay', number(1000)],
  ['net.ipv4.tcp_max_syn_backlog', number(2048)],
  ['net.ipv4.tcp_syncookies', number(1)],
  ['net.ipv4.tcp_rto_min_us', number(200_000)],
  ['net.ipv4.tcp_rto_max_ms', number(120_000)],
  ['net.ipv4.tcp_abort_on_overflow', number(0)],
  ['net.ipv4.tcp_mtu_probing', number(0)],
  ['net.ipv4.tcp_ecn', number(2)],
  ['net.ipv4.tcp_fastopen', number(1)],
  ['net.ipv4.tcp_rfc1337', number(0)],
  ['net.ipv4.tcp_challenge_ack_limit', number(2_147_483_647)],
  ['net.ipv4.tcp_rmem[0]', number(4096, 1)],
  ['net.ipv4.tcp_rmem[1]', number(131_072, 1)],
  ['net.ipv4.tcp_rmem[2]', number(33_554_432, 1)],
  ['net.ipv4.tcp_wmem[0]', number(4096, 1)],
  ['net.ipv4.tcp_wmem[1]', number(16_384, 1)],
  ['net.ipv4.tcp_wmem[2]', number(4_194_304, 1)],
  ['net.ipv4.ip_local_port_range[0]', number(32_768, 1, 65_535)],
  ['net.ipv4.ip_local_port_range[1]', number(60_999, 1, 65_535)],
  ['net.ipv4.ip_unprivileged_port_start', number(1024, 0, 65_535)],
  ['net.ipv4.ping_group_range[0]', number(0)],
  ['net.ipv4.ping_group_range[1]', number(2_147_483_647)],
  ['net.core.rmem_default', number(212_992)],
  ['net.core.rmem_max', number(4_194_304)],
  ['net.core.wmem_max', number(4_194_304)],
  ['net.core.somaxconn', number(4096)],
  ['net.core.txrehash', number(1, 0, 1)],
  ['net.bridge.bridge-nf-call-iptables', flag(1)],
  ['net.bridge.bridge-nf-call-ip6tables', flag(1)],
  ['net.ipv6.auto_flowlabels', number(1, 0, 3)],
  ['net.ipv6.bindv6only', number(0, 0, 1)],
  ['net.ipv6.icmp.echo_ignore_all', number(0, 0, 1)],
  ['net.ipv6.icmp.ratelimit', number(1000, 0)],
  ['net.ipv6.route.mtu_expires', number(600)],
  ['net.netfilter.nf_conntrack_acct', number(0, 0, 1)],
  ['net.netfilter.nf_conntrack_buckets', number(262_144, 0)],
  ['net.netfilter.nf_conntrack_checksum', number(1, 0, 1)],
  ['net.netfilter.nf_conntrack_events', number(2, 0)],
  ['net.netfilter.nf_conntrack_expect_max', number(4096, 0)],
  ['net.netfilter.nf_conntrack_generic_timeout', number(600, 0)],
  ['net.netfilter.nf_conntrack_gre_timeout', number(30, 0)],
  ['net.netfilter.nf_conntrack_gre_timeout_stream', number(180, 0)],
  ['net.netfilter.nf_conntrack_icmp_timeout', number(30, 0)],
  ['net.netfilter.nf_conntrack_icmpv6_timeout', number(30, 0)],
  ['net.netfilter.nf_conntrack_log_invalid', number(0, 0)],
  ['net.netfilter.nf_conntrack_max', number(262_144, 0)],
  ['net.netfilter.nf_conntrack_sctp_timeout_closed', number(10, 0)],
  ['net.netfilter.nf_conntrack_sctp_timeout_cookie_echoed', number(3, 0)],
  ['net.netfilter.nf_conntrack_sctp_timeout_cookie_wait', number(3, 0)],
  ['net.netfilter.nf_conntrack_sctp_timeout_established', number(210, 0)],
  ['net.netfilter.nf_conntrack_sctp_timeout_heartbeat_sent', number(30, 0)],
  ['net.netfilter.nf_conntrack_sctp_timeout_shutdown_ack_sent', number(3, 0)],
  ['net.netfilter.nf_conntrack_sctp_timeout_shutdown_recd', number(3, 0)],
  ['net.netfilter.nf_conntrack_sctp_timeout_shutdown_sent', number(3, 0)],
  ['net.netfilter.nf_conntrack_tcp_be_liberal', number(0, 0, 1)],
  ['net.netfilter.nf_conntrack_tcp_ignore_invalid_rst', number(0, 0, 1)],
  ['net.netfilter.nf_conntrack_tcp_loose', number(1, 0, 1)],
  ['net.netfilter.nf_conntrack_tcp_max_retrans', number(3, 0)],
  ['net.netfilter.nf_conntrack_tcp_timeout_close', number(10, 0)],
  ['net.netfilter.nf_conntrack_tcp_timeout_close_wait', number(60, 0)],
  ['net.netfilter.nf_conntrack_tcp_timeout_established', number(432_000, 0)],
  ['net.netfilter.nf_conntrack_tcp_timeout_fin_wait', number(120, 0)],
  ['net.netfilter.nf_conntrack_tcp_timeout_last_ack', number(30, 0)],
  ['net.netfilter.nf_conntrack_tcp_timeout_max_retrans', number(300, 0)],
  ['net.netfilter.nf_conntrack_tcp_timeout_syn_recv', number(60, 0)],
  ['net.netfilter.nf_conntrack_tcp_timeout_syn_sent', number(120, 0)],
  ['net.netfilter.nf_conntrack_tcp_timeout_time_wait', number(120, 0)],
  ['net.netfilter.nf_conntrack_tcp_timeout_unacknowledged', number(300, 0)],
  ['net.netfilter.nf_conntrack_timestamp', number(0, 0, 1)],
  ['net.netfilter.nf_conntrack_udp_timeout', number(30, 0)],
  ['net.netfilter.nf_conntrack_udp_timeout_stream', number(120, 0)],
  ['net.ipv4.neigh.default.gc_thresh1', number(128)],
  ['net.ipv4.neigh.default.gc_thresh2', number(512)],
  ['net.ipv4.neigh.default.gc_thresh3', number(1024)],
]);

const neighborSettings = (lockTicks: number): ReadonlyMap<string, Setting> =>
  new Map([
    ['base_reachable_time_ms', number(30_000)],
    ['delay_first_probe_time', number(5)],
    ['locktime', number(lockTicks)],
    ['mcast_solicit', number(3)],
    ['proxy_delay', number(80)],
    ['proxy_qlen', number(64)],
    ['retrans_time_ms', number(1000)],
    ['ucast_solicit', number(3)],
    ['unres_qlen_bytes', number(212_992)],
  ]);

/** Settings of each device, and of `all` and `default`, by the part of their name before the device. */
const DEVICE_SETTINGS: ReadonlyMap<string, ReadonlyMap<string, Setting>> = new Map([
  [
    'net.ipv4.conf',
    new Map<string, Setting>([
      ['accept_local', number(0)],
      ['accept_redirects', number(1)],
      ['arp_accept', number(0)],
      ['arp_announce', number(0)],
      ['arp_filter', number(0)],
      ['arp_ignore', number(0)],
      ['arp_notify', number(0)],
      ['drop_gratuitous_arp', number(0)],
      ['forwarding', number(0)],
      ['ignore_routes_with_linkdown', number(0)],
      ['proxy_arp', number(0)],
      ['proxy_arp_pvlan', number(0)],
      ['route_localnet', number(0)],
      ['rp_filter', number(0)],
      ['secure_redirects', number(1)],
      ['send_redirects', number(1)],
      ['shared_media', number(1)],
    ]),
  ],
  [
    'net.ipv6.conf',
    new Map<string, Setting>([
      ['accept_dad', number(1)],
      ['addr_gen_mode', number(0, 0, 3)],
      ['dad_transmits', number(1)],
      ['disable_ipv6', number(0)],
      ['forwarding', number(0)],
      ['hop_limit', number(64, 1, 255)],
      ['proxy_ndp', number(0)],
    ]),
  ],
  ['net.ipv4.neigh', neighborSettings(100)],
  ['net.ipv6.neigh', neighborSettings(0)],
]);

type Values = Readonly<Record<string, number>>;

/** Splits `net.ipv4.conf.eth0.rp_filter`; a device's own name may have dots in it (`eth0.100`). */
function deviceKey(name: string): { readonly family: string; readonly device: string; readonly leaf: string } | undefined {
  for (const [family, leaves] of DEVICE_SETTINGS) {
    if (!name.startsWith(`${family}.`)) continue;
    const at = name.lastIndexOf('.');
    const device = name.slice(family.length + 1, Math.max(family.length + 1, at));
    const leaf = name.slice(at + 1);
    if (device !== '' && leaves.has(leaf) && (device !== 'all' || family.endsWith('.conf'))) return { family, device, leaf };
  }
  return undefined;
}

function settingOf(name: string): Setting | undefined {
  const key = deviceKey(name);
  return key === undefined ? SETTINGS.get(name) : DEVICE_SETTINGS.get(key.family)?.get(key.leaf);
}

/** The value of a sysctl in a netns: what its record says, else the kernel's; 0 for a name nobody reads. */
export function sysctl(values: Values, name: string): number {
  return Object.hasOwn(values, name) ? (values[name] as number) : (settingOf(name)?.value ?? 0);
}

/** A device's own setting: what was written for it, else for `default`, else the kernel's. */
export function deviceValue(values: Values, family: string, device: string, leaf: string): number {
  const own = `${family}.${device}.${leaf}`;
  if (Object.hasOwn(values, own)) return values[own] as number;
  const ours = `${family}.default.${leaf}`;
  if (Object.hasOwn(values, ours)) return values[ours] as number;
  return DEVICE_SETTINGS.get(family)?.get(leaf)?.value ?? 0;
}

/** What reading `/proc/sys/…` gives in a netns with these devices; undefined for a file that is not there. */
export function readSysctl(values: Values, devices: readonly string[], name: string): number | undefined {
  const key = deviceKey(name);
  if (key === undefined) return SETTINGS.has(name) || Object.hasOwn(values, name) ? sysctl(values, name) : undefined;
  const { family, device, leaf } = key;
  if (device !== 'all' && device !== 'default' && !devices.includes(device)) return undefined;
  if (leaf === 'forwarding') return Object.hasOwn(values, name) && device !== 'all' ? values[name] : sysctl(values, 'net.ipv4.ip_forward');
  return device === 'all' ? sysctl(values, name) : deviceValue(values, family, device, leaf);
}

/** All names that exist in a netns with these devices, sorted as `sysctl -a` prints them. */
export function sysctlNames(values: Values, devices: readonly string[]): string[] {
  const names = new Set([...SETTINGS.keys(), ...Object.keys(values)]);
  for (const [family, leaves] of DEVICE_SETTINGS) {
    for (const device of family.endsWith('.conf') ? ['all', 'default', ...devices] : ['default', ...devices]) {
      for (const leaf of leaves.keys()) names.add(`${family}.${device}.${leaf}`);
    }
  }
  return [...new Set([...names].filter((name) => readSysctl(values, devices, name) !== undefined).map((name) => name.replace(/\[\d\]$/, '')))].sort();
}

/** The values after a write, or `EINVAL` for a value out of bounds; `ENOENT` where there is no such setting. */
export function writeSysctl(values: Values, devices: readonly string[], name: string, value: number): Values | 'EINVAL' | 'ENOENT' {
  if (readSysctl(values, devices, name) === undefined) return 'ENOENT';
  const setting = settingOf(name);
  if (!Number.isSafeInteger(value) || (setting?.min !== undefined && value < setting.min) || (setting?.max !== undefined && value > setting.max))
    return 'EINVAL';
  if (name === 'net.ipv4.ip_forward' || name === 'net.ipv4.conf.all.forwarding') {
    // Sets every device's own as well (Linux: net/ipv4/devinet.c, inet_forward_change).
    const kept = Object.entries(values).filter(([key]) => !(key.startsWith('net.ipv4.conf.') && key.endsWith('.forwarding')));
    return { ...Object.fromEntries(kept), 'net.ipv4.ip_forward': value };
  }
  const key = deviceKey(name);
  if (key?.device !== 'default') return { ...values, [name]: value };
  // `default` is for devices that come later: those that are there keep what they have.
  const pinned: Record<string, number> = {};
  for (const device of devices) {
    const own = `${key.family}.${device}.${key.leaf}`;
    if (!Object.hasOwn(values, own)) pinned[own] = deviceValue(values, key.family, device, key.leaf);
  }
  return { ...values, ...pinned, [name]: value };
}

/** Settings of several numbers have one entry for each, `net.ipv4.tcp_rmem[0]` and so on; the file shows them with tabs between. */
function partsOf(name: string): readonly string[] {
  const parts: string[] = [];
  while (SETTINGS.has(`${name}[${parts.length}]`)) parts.push(`${name}[${parts.length}]`);
  return parts;
}

/** The file's text without its line end. */
export function readSysctlText(values: Values, devices: readonly string[], name: string): string | undefined {
  if (name.includes('[')) return undefined;
  const parts = partsOf(name);
  if (parts.length > 0) return parts.map((part) => sysctl(values, part)).join('\t');
  const value = readSysctl(values, devices, name);
  return value === undefined ? undefined : String(value);
}

/** Writes one number, or as many as the setting has, with blanks between. */
export function writeSysctlText(values: Values, devices: readonly string[], name: string, text: string): Values | 'EINVAL' | 'ENOENT' {
  if (readSysctlText(values, devices, name) === undefined) return 'ENOENT';
  const words = text.trim().split(/\s+/);
  if (!words.every((word) => /^-?\d{1,10}$/.test(word))) return 'EINVAL';
  const parts = partsOf(name);
  if (words.length > Math.max(1, parts.length)) return 'EINVAL';
  let next: Values | 'EINVAL' | 'ENOENT' = values;
  for (const [index, word] of words.entries()) {
    if (typeof next === 'string') return next;
    next = writeSysctl(next, devices, parts[index] ?? name, Number(word));
  }
  return next;
}
