/** Contents page of what waits inside the shell's state by name: filters, watches and hooks. */
import type { Filter, Hook, Watch } from './command.ts';
import { collectInput } from './kubectl/apply.ts';
import { debugHook } from './kubectl/debug.ts';
import { editHook } from './kubectl/edit.ts';
import { execHook } from './kubectl/exec.ts';
import { logsWatch } from './kubectl/logs.ts';
import { runHook } from './kubectl/run.ts';
import { getWatch, waitWatch } from './kubectl/watches.ts';
import { awk } from './text/awk.ts';
import { base64 } from './text/base64.ts';
import { bc } from './text/bc.ts';
import { column, paste } from './text/columns.ts';
import { digestFilter } from './text/digest.ts';
import { hexdump, od, xxd } from './text/dump.ts';
import { grep } from './text/grep.ts';
import { jq } from './text/jq.ts';
import { cat, cut, head, less, more, nl, rev, tac, tee, tr, uniq, wc } from './text/lines.ts';
import { sed } from './text/sed.ts';
import { sort } from './text/sort.ts';
import { fold } from './text/sorted.ts';
import { tail, tailWatch } from './text/tail.ts';
import { xargsFilter } from './text/xargs.ts';
import { ciliumMonitorWatch } from './tools/cilium-monitor.ts';
import { hubbleWatch } from './tools/hubble.ts';
import { monitorWatch } from './tools/ip-monitor.ts';
import { ipsetRestoreFilter } from './tools/ipset.ts';
import { restoreFilter } from './tools/iptables.ts';
import { ipvsadmRestore } from './tools/ipvsadm.ts';
import { nftInput } from './tools/nft.ts';
import { opensslFilter } from './tools/openssl.ts';
import { shellInputFilter, timeHook, xargsHook } from './tools/shells.ts';
import { tcpdumpReadFilter } from './tools/tcpdump.ts';
import { traceHook } from './tools/trace.ts';
import { EDITOR_WATCH, editorWatch } from './tools/vi.ts';
import { pubkeyFilter } from './tools/wg.ts';

const filterTable: Readonly<Record<string, Filter>> = {
  grep: grep.filter,
  head: head.filter,
  tail: tail.filter,
  wc: wc.filter,
  sort: sort.filter,
  uniq: uniq.filter,
  cut: cut.filter,
  tr: tr.filter,
  tee: tee.filter,
  cat: cat.filter,
  less: less.filter,
  more: more.filter,
  nl: nl.filter,
  rev: rev.filter,
  tac: tac.filter,
  sed: sed.filter,
  awk: awk.filter,
  jq: jq.filter,
  base64: base64.filter,
  bc: bc.filter,
  digest: digestFilter,
  od: od.filter,
  hexdump: hexdump.filter,
  xxd: xxd.filter,
  fold: fold.filter,
  column: column.filter,
  paste: paste.filter,
  xargs: xargsFilter,
  'shell-input': shellInputFilter,
  'kubectl-collect': collectInput,
  'iptables-restore': restoreFilter,
  'ipset-restore': ipsetRestoreFilter,
  'tcpdump-read': tcpdumpReadFilter,
  nft: nftInput,
  'ipvsadm-restore': ipvsadmRestore,
  openssl: opensslFilter,
  'wg-pubkey': pubkeyFilter,
};

const watchTable: Readonly<Record<string, Watch>> = {
  [EDITOR_WATCH]: editorWatch,
  'kubectl-get': getWatch,
  'kubectl-wait': waitWatch,
  'kubectl-logs': logsWatch,
  tail: tailWatch,
  'ip-monitor': monitorWatch,
  'cilium-monitor': ciliumMonitorWatch,
  hubble: hubbleWatch,
};

const hookTable: Readonly<Record<string, Hook>> = {
  time: timeHook,
  xargs: xargsHook,
  trace: traceHook,
  'kubectl-exec': execHook,
  'kubectl-run': runHook,
  'kubectl-debug': debugHook,
  'kubectl-edit': editHook,
};

export const filters: ReadonlyMap<string, Filter> = new Map(Object.entries(filterTable));
export const watches: ReadonlyMap<string, Watch> = new Map(Object.entries(watchTable));
export const hooks: ReadonlyMap<string, Hook> = new Map(Object.entries(hookTable));
