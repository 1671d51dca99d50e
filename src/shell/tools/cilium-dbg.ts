/** cilium-dbg (`cilium` before v1.15): what the agent of a node says of itself and of the maps it keeps. Cilium v1.18: cilium-dbg/cmd */
import { ciliumSettings } from '../../kube/cni/cilium-config.ts';
import { endpointNumbers } from '../../kube/cni/cilium-identity.ts';
import type { BpfState } from '../../net/bpf/bpf-state.ts';
import { defineCommand, type Invocation, type Outcome } from '../command.ts';
import { bpfEndpointList, ctList, endpointList, identityList, ipcacheList, ipList, lbList, natList, serviceList } from './cilium-maps.ts';
import { ciliumMonitor } from './cilium-monitor.ts';
import { CILIUM_VERSION, ciliumStatus } from './cilium-status.ts';

type Print = (invocation: Invocation, state: BpfState, words: readonly string[]) => string;
const labels = (invocation: Invocation) => (identity: number) => endpointNumbers(invocation.host.api.view).labels.get(identity);

/** By the words of the command line. */
const COMMANDS: Readonly<Record<string, Print>> = {
  status: ciliumStatus,
  'service list': (_i, state) => serviceList(state),
  'endpoint list': (i, state) => endpointList(state, labels(i), i.host.api.view.find(`Node/${i.place.hostId}`)),
  'identity list': (i, state) => identityList(state, labels(i)),
  'ip list': (i, state) => ipList(state, labels(i)),
  'bpf lb list': (_i, state, words) => lbList(state, words),
  'bpf ct list': (i, state) => ctList(state, i.host.nowNs),
  'bpf nat list': (i, state) => natList(state, i.host.nowNs),
  'bpf endpoint list': (i, state) => bpfEndpointList(state, i),
  'bpf ipcache list': (_i, state) => ipcacheList(state),
};

const USAGE = `CLI for interacting with the local Cilium Agent

Usage:
  cilium-dbg [command]

Available Commands:
  bpf         Direct access to local BPF maps: ct, endpoint, ipcache, lb, nat (list)
  endpoint    Manage endpoints (list)
  identity    Manage security identities (list)
  ip          Manage IP addresses and associated information (list)
  monitor     Display BPF program events
  service     Manage services & loadbalancers (list)
  status      Display status of daemon
  version     Print version information
`;
const NO_AGENT =
  'Error: Cannot get status/config: Get "http://localhost/v1/healthz?require-k8s-connectivity=false": dial unix /var/run/cilium/cilium.sock: connect: no such file or directory\nIs the agent running?\n\n';

function run(invocation: Invocation): Outcome {
  const { argv, out, err, host, place } = invocation;
  const words = argv.filter((word) => !word.startsWith('-'));
  if (words.length === 0 || argv.includes('--help') || argv.includes('-h')) {
    out(USAGE);
    return 0;
  }
  if (words[0] === 'version') {
    out(`Client: ${CILIUM_VERSION} go version go1.24.9 linux/amd64\nDaemon: ${CILIUM_VERSION} go version go1.24.9 linux/amd64\n`);
    return 0;
  }
  const state = host.engine.bpf(place.hostId);
  if (state === undefined || ciliumSettings(host.api.view).failure !== undefined) {
    err(NO_AGENT);
    return 1;
  }
  if (words[0] === 'monitor') return ciliumMonitor(invocation);
  if (words.slice(0, 3).join(' ') === 'bpf ct flush') {
    const count = state.conntrack.clear();
    out(`Flushed ${count} entries from /sys/fs/bpf/tc/globals/cilium_ct4_global\n`);
    return 0;
  }
  const name = Object.keys(COMMANDS).find((one) => one.split(' ').every((word, i) => words[i] === word));
  const print = name === undefined ? undefined : COMMANDS[name];
  if (print === undefined || argv.some((word) => word === '-o' || word.startsWith('--output') || word.startsWith('-o='))) {
    err(
      print === undefined
        ? `Error: unknown command "${words.join(' ')}" for "cilium-dbg", or one that is not simulated here\nRun 'cilium-dbg --help' for usage.\n`
        : 'Error: output formats but the table are not simulated here\n',
    );
    return 1;
  }
  out(print(invocation, state, argv));
  return 0;
}

const names = Object.keys(COMMANDS);
const make = (name: string) =>
  defineCommand({
    name,
    summary: "what Cilium's agent of this node knows: status, service list, endpoint list, bpf lb|ct|nat|ipcache|endpoint list, monitor",
    group: 'network',
    run,
    complete: (words) => {
      const given = words.slice(1).join(' ');
      return [...new Set(names.filter((one) => given === '' || one.startsWith(`${given} `)).map((one) => one.split(' ')[words.length - 1] ?? ''))];
    },
  });

export const ciliumDbg = make('cilium-dbg');
export const ciliumCommand = make('cilium');
