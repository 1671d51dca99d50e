/** Contents page of the terminal's commands. Programs that send packets come from net/app and are added by index.ts. */
import type { Command } from './command.ts';
import { firstCommands } from './first-commands.ts';
import { kubectl } from './kubectl/index.ts';
import { awk } from './text/awk.ts';
import { base64 } from './text/base64.ts';
import { bc } from './text/bc.ts';
import { column, paste } from './text/columns.ts';
import { diff } from './text/diff.ts';
import { md5sum, sha1sum, sha256sum } from './text/digest.ts';
import { hexdump, od, xxd } from './text/dump.ts';
import { expr } from './text/expr.ts';
import { find } from './text/find.ts';
import { grep } from './text/grep.ts';
import { jq } from './text/jq.ts';
import { cat, cut, head, less, more, nl, rev, tac, tee, tr, uniq, wc } from './text/lines.ts';
import { sed } from './text/sed.ts';
import { sort } from './text/sort.ts';
import { comm, fold, join } from './text/sorted.ts';
import { tail } from './text/tail.ts';
import { xargs } from './text/xargs.ts';
import { birdc, birdcl } from './tools/birdcl.ts';
import { bpftool } from './tools/bpftool.ts';
import { brctl, bridge } from './tools/bridge.ts';
import { calicoctl } from './tools/calicoctl.ts';
import { ciliumCommand, ciliumDbg } from './tools/cilium-dbg.ts';
import { conntrack } from './tools/conntrack.ts';
import { crictl } from './tools/crictl.ts';
import { date } from './tools/date.ts';
import { dmesg } from './tools/dmesg.ts';
import { ethtool } from './tools/ethtool.ts';
import { hubble } from './tools/hubble.ts';
import { ip } from './tools/ip.ts';
import { arp } from './tools/ip-neigh.ts';
import { ipset } from './tools/ipset.ts';
import {
  ip6tables,
  ip6tablesLegacy,
  ip6tablesLegacyRestore,
  ip6tablesLegacySave,
  ip6tablesRestore,
  ip6tablesSave,
  iptables,
  iptablesLegacy,
  iptablesLegacyRestore,
  iptablesLegacySave,
  iptablesRestore,
  iptablesSave,
} from './tools/iptables.ts';
import { ipvsadm } from './tools/ipvsadm.ts';
import { istioctl } from './tools/istioctl.ts';
import { ifconfig, route } from './tools/legacy.ts';
import { df, free, hostnamectl, mktemp, stat, top, uptime } from './tools/machine.ts';
import { netstat } from './tools/netstat.ts';
import { nft } from './tools/nft.ts';
import { nstat } from './tools/nstat.ts';
import { openssl } from './tools/openssl.ts';
import { lsns, nsenter, ps } from './tools/processes.ts';
import { replay } from './tools/replay.ts';
import { busybox, clear, help, history, shellPrograms, ssh, sudo, watchCommand, which } from './tools/shells.ts';
import { ss } from './tools/sockets.ts';
import { sysctl } from './tools/sysctl.ts';
import { journalctl, systemctl } from './tools/systemctl.ts';
import { tc } from './tools/tc.ts';
import { tcpdumpCommand } from './tools/tcpdump.ts';
import { trace } from './tools/trace.ts';
import { nano, vi, vim } from './tools/vi.ts';
import { wg } from './tools/wg.ts';

const list: readonly Command[] = [
  ...firstCommands,
  kubectl,
  crictl,
  systemctl,
  journalctl,
  ip,
  bridge,
  brctl,
  tc,
  ethtool,
  wg,
  iptables,
  iptablesSave,
  nft,
  iptablesRestore,
  ip6tables,
  ip6tablesSave,
  ip6tablesRestore,
  iptablesLegacy,
  iptablesLegacySave,
  iptablesLegacyRestore,
  ip6tablesLegacy,
  ip6tablesLegacySave,
  ip6tablesLegacyRestore,
  ipset,
  dmesg,
  ipvsadm,
  bpftool,
  ciliumDbg,
  ciliumCommand,
  hubble,
  calicoctl,
  istioctl,
  birdcl,
  birdc,
  conntrack,
  ss,
  netstat,
  nstat,
  openssl,
  sysctl,
  arp,
  route,
  ifconfig,
  nsenter,
  lsns,
  ssh,
  trace,
  tcpdumpCommand,
  replay,
  grep.command,
  sed.command,
  awk.command,
  jq.command,
  head.command,
  tail.command,
  wc.command,
  sort.command,
  uniq.command,
  cut.command,
  tr.command,
  cat.command,
  less.command,
  more.command,
  tee.command,
  tac.command,
  rev.command,
  nl.command,
  xargs,
  column.command,
  paste.command,
  diff,
  expr,
  find,
  base64.command,
  bc.command,
  vi,
  vim,
  nano,
  comm,
  join,
  fold.command,
  md5sum,
  sha1sum,
  sha256sum,
  od.command,
  hexdump.command,
  xxd.command,
  df,
  free,
  uptime,
  stat,
  mktemp,
  hostnamectl,
  top,
  ...shellPrograms,
  busybox,
  clear,
  help,
  history,
  sudo,
  watchCommand,
  which,
  ps,
  date,
];

export const commands: ReadonlyMap<string, Command> = new Map(list.map((command) => [command.name, command]));
