/** cilium-dbg (`cilium` before v1.15): what the agent of a node says of itself and of the maps it keeps. Cilium v1.18: cilium-dbg/cmd */
import { CILIUM, ciliumSettings } from '../../kube/cni/cilium-config.ts';
import { localLabels } from '../../kube/cni/cilium-policy.ts';
import { ciliumRules } from '../../kube/cni/cilium-rules.ts';
import { daemonNodes } from '../../kube/cni/daemons.ts';
import type { BpfState } from '../../net/bpf/bpf-state.ts';
import { defineCommand, type Invocation, type Outcome } from '../command.ts';
import { cliStatus } from './cilium-cli.ts';
import { bpfEndpointList, ctList, endpointList, identityList, ipcacheList, ipList, lbList, natList, serviceList } from './cilium-maps.ts';
import { ciliumMonitor } from './cilium-monitor.ts';
import { bpfPolicyGet, endpointGet, enforcement, fqdnCacheList, identityGet, identityLabels, policyGet } from './cilium-policy.ts';
import { CILIUM_VERSION, ciliumStatus } from './cilium-status.ts';

/** Undefined: there is no such thing. */
type Print = (invocation: Invocation, state: BpfState, words: readonly string[]) => string | undefined;
const labels = identityLabels;
const local = ({ host }: Invocation) => localLabels(ciliumRules(host.api.view));

/** By the words of the command line. */
const COMMANDS: Readonly<Record<string, Print>> = {
  status: ciliumStatus,
  'service list': (_i, state) => serviceList(state),
  'endpoint list': (i, state) => endpointList(state, labels(i), i.host.api.view.find(`Node/${i.place.hostId}`), enforcement),
  'endpoint get': (i, state, words) => endpointGet(state, words, labels(i)),
  'identity list': (i, state) => identityList(state, labels(i), local(i).keys()),
  'identity get': (i, _state, words) => identityGet(words, labels(i)),
  'policy get': (i) => policyGet(i),
  'fqdn cache list': (i, state) => fqdnCacheList(state, i),
  'ip list': (i, state) => ipList(state, labels(i)),
  'bpf lb list': (_i, state, words) => lbList(state, words),
  'bpf policy get': (i, state, words) => bpfPolicyGet(state, words, labels(i)),
  'bpf ct list': (i, state) => ctList(state, i.host.nowNs),
  'bpf nat list': (i, state) => natList(state, i.host.nowNs),
  'bpf endpoint list': (i, state) => bpfEndpointList(state, i),
  'bpf ipcache list': (i, state) => ipcacheList(state, i.host.nowNs),
};

const USAGE = `CLI for interacting with the local Cilium Agent

Usage:
  cilium-dbg [command]

Available Commands:
  bpf         Direct access to local BPF maps: ct, endpoint, ipcache, lb, nat (list), policy (get)
  endpoint    Manage endpoints (list, get)
  fqdn        Manage fqdn proxy (cache list)
  identity    Manage security identities (list, get)
  ip          Manage IP addresses and associated information (list)
  monitor     Display BPF program events
  policy      Manage security policies (get)
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
  // Outside a pod `cilium` is people's own tool, which asks the API server; what it does not have the agent's tool of this node has.
  if (invocation.name === 'cilium' && place.pod === undefined && words[0] === 'status' && !argv.includes('--verbose')) {
    out(cliStatus(invocation));
    return 0;
  }
  const state = host.engine.bpf(place.hostId);
  // The maps outlive the agent that filled them.
  if (state === undefined || !daemonNodes(CILIUM, host.api.view).includes(place.hostId) || ciliumSettings(host.api.view).failure !== undefined) {
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
  if (
    print === undefined ||
    argv.some((word) => (word === '-o' && words[1] !== 'get') || (word.startsWith('--output') && words[1] !== 'get') || word.startsWith('-o='))
  ) {
    err(
      print === undefined
        ? `Error: unknown command "${words.join(' ')}" for "cilium-dbg", or one that is not simulated here\nRun 'cilium-dbg --help' for usage.\n`
        : 'Error: output formats but the table are not simulated here\n',
    );
    return 1;
  }
  const text = print(invocation, state, argv);
  if (text === undefined) {
    err(`Error: Cannot get ${name ?? ''} ${words.slice((name ?? '').split(' ').length).join(' ')}: not found\n`);
    return 1;
  }
  out(text);
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
