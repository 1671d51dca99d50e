/** tc: queueing disciplines at the root of a device, in iproute2's words. */
import { qdiscText } from '../../net/device/qdisc-text.ts';
import type { Device, Qdisc } from '../../net/records.ts';
import { defineCommand, type Invocation } from '../command.ts';
import { putDevice } from './device-change.ts';
import { type Refusal, refuse } from './link-refusal.ts';
import { qdiscName } from './link-words.ts';
import { devicesOf, findDevice } from './net-view.ts';
import { parseNetem, parseTbf } from './tc-qdisc.ts';

const USAGE = `Usage:	tc [ OPTIONS ] OBJECT { COMMAND | help }
	tc [-force] -batch filename
where  OBJECT := { qdisc | class | filter | chain |
		    action | monitor | exec }
       OPTIONS := { -V[ersion] | -s[tatistics] | -d[etails] | -r[aw] |
		    -o[neline] | -j[son] | -p[retty] | -c[olor]
		    -b[atch] [filename] | -n[etns] name | -N[umeric] |
		     -nm | -nam[es] | { -cf | -conf } path
		     -br[ief] }
`;

export const tc = defineCommand({
  name: 'tc',
  summary: 'delay, loss and rate of a device: tc qdisc add dev eth0 root netem delay 100ms loss 1%',
  group: 'network',
  run: (invocation) => {
    const words = [...invocation.argv];
    let statistics = false;
    while (words[0]?.startsWith('-') === true) {
      const option = words.shift() ?? '';
      if (/^-s/.test(option)) statistics = true;
      else if (!/^-[dcp]/.test(option)) {
        invocation.err(`Option "${option}" is unknown, try "tc -help".\n`);
        return 255;
      }
    }
    const object = words.shift();
    if (object === undefined || object === 'help') {
      (object === undefined ? invocation.out : invocation.err)(USAGE);
      return 0;
    }
    if ('qdisc'.startsWith(object)) return qdisc(invocation, words, statistics);
    if (['class', 'filter', 'chain', 'action', 'monitor'].some((one) => one.startsWith(object))) {
      invocation.err(`tc ${object}: only qdisc is simulated\n`);
      return 1;
    }
    invocation.err(`Object "${object}" is unknown, try "tc help".\n`);
    return 255;
  },
  complete: (words, current) =>
    (words.length === 1
      ? ['qdisc', '-s']
      : [
          'show',
          'add',
          'change',
          'replace',
          'del',
          'dev',
          'root',
          'netem',
          'tbf',
          'delay',
          'loss',
          'rate',
          'limit',
          'duplicate',
          'corrupt',
          'reorder',
          'burst',
          'latency',
        ]
    ).filter((candidate) => candidate.startsWith(current)),
});

const ACTIONS = ['add', 'change', 'replace', 'delete', 'show', 'list'] as const;

function qdisc(invocation: Invocation, words: readonly string[], statistics: boolean): number {
  const { host, err } = invocation;
  const given = words[0];
  const action = given === undefined ? 'show' : given === 'ls' ? 'show' : ACTIONS.find((one) => one.startsWith(given));
  if (action === undefined) {
    err(`Command "${given}" is unknown, try "tc qdisc help".\n`);
    return 255;
  }
  if (action === 'show' || action === 'list') return show(invocation, words.slice(1), statistics);
  const refusal = change(invocation, action, words.slice(1));
  if (refusal !== undefined) err(`${refusal.text}\n`);
  host.settle();
  return refusal?.status ?? 0;
}

function show(invocation: Invocation, words: readonly string[], statistics: boolean): number {
  const { host, place, out, err } = invocation;
  const name = words[0] === 'dev' ? words[1] : undefined;
  if (name !== undefined && findDevice(host, place.netns, name) === undefined) {
    err(`Cannot find device "${name}"\n`);
    return 1;
  }
  for (const device of devicesOf(host, place.netns)) {
    if (name !== undefined && device.name !== name) continue;
    const kind = qdiscName(device);
    // What was never up has no queue that netlink would show.
    if (kind === 'noop') continue;
    const where = name === undefined ? `dev ${device.name} ` : '';
    const number = device.qdisc === undefined ? '0' : device.qdisc.handle.toString(16);
    out(`qdisc ${kind} ${number}: ${where}root refcnt 2 ${optionsText(device)}\n`);
    if (!statistics) continue;
    const view = host.engine.qdisc(device.id) ?? { sentBytes: 0, sentPackets: 0, dropped: 0, overlimits: 0, queuedBytes: 0, queuedPackets: 0 };
    out(` Sent ${view.sentBytes} bytes ${view.sentPackets} pkt (dropped ${view.dropped}, overlimits ${view.overlimits} requeues 0) \n`);
    out(` backlog ${view.queuedBytes}b ${view.queuedPackets}p requeues 0\n`);
  }
  return 0;
}

function optionsText(device: Device): string {
  if (device.qdisc !== undefined) return qdiscText(device.qdisc);
  return qdiscName(device) === 'fq_codel' ? 'limit 10240p flows 1024 quantum 1514 target 5ms interval 100ms memory_limit 32Mb ecn drop_batch 64 ' : '';
}

/** The first number the kernel gives by itself. */
const FIRST_HANDLE = 0x8001;

function change(invocation: Invocation, action: 'add' | 'change' | 'replace' | 'delete', words: readonly string[]): Refusal | undefined {
  const { host, place } = invocation;
  const rest = [...words];
  let name: string | undefined;
  let root = false;
  let handle: number | undefined;
  let kind: string | undefined;
  while (rest.length > 0 && kind === undefined) {
    const word = rest.shift() ?? '';
    if (word === 'dev') name = rest.shift();
    else if (word === 'root') root = true;
    else if (word === 'handle') {
      const text = rest.shift() ?? '';
      if (!/^[0-9a-f]{1,4}:?$/i.test(text)) return refuse(`Error: argument "${text}" is wrong: invalid qdisc ID\n`, 255);
      handle = Number.parseInt(text, 16);
    } else if (word === 'parent' || word === 'ingress' || word === 'clsact')
      return refuse(`tc qdisc: ${word} is not simulated here; only the root of a device is`, 1);
    else kind = word;
  }
  const device = name === undefined ? undefined : findDevice(host, place.netns, name);
  if (kind !== undefined && action !== 'delete') {
    const parsed = kind === 'netem' ? parseNetem(rest) : kind === 'tbf' ? parseTbf(rest) : undefined;
    if (parsed === undefined) return unknownKind(kind);
    if ('status' in parsed) return parsed;
    if (device === undefined) return refuse(name === undefined ? 'Error: No device.' : `Cannot find device "${name}"`, name === undefined ? 2 : 1);
    if (!root) return refuse('Error: Invalid qdisc name: must match existing qdisc.', 2);
    if (action === 'add' && device.qdisc !== undefined) return refuse('Error: Exclusivity flag on, cannot modify.', 2);
    if (action === 'change' && device.qdisc === undefined) return refuse('Error: Qdisc not found. To create specify NLM_F_CREATE flag.', 2);
    if (action === 'change' && device.qdisc?.kind !== parsed.kind) return refuse('Error: Invalid qdisc name: must match existing qdisc.', 2);
    const same = device.qdisc?.kind === parsed.kind ? device.qdisc.handle : undefined;
    // A change keeps the number, what replaces another kind gets one of its own.
    const next: Qdisc = { ...parsed, handle: handle ?? same ?? nextHandle(device) };
    putDevice(host, { ...device, qdisc: next });
    return undefined;
  }
  if (device === undefined) return refuse(name === undefined ? 'Error: No device.' : `Cannot find device "${name}"`, name === undefined ? 2 : 1);
  if (action !== 'delete') return refuse('Error: Specified qdisc kind is unknown.', 2);
  if (device.qdisc === undefined) return refuse('Error: Cannot delete qdisc with handle of zero.', 2);
  if (kind !== undefined && kind !== device.qdisc.kind) return refuse('Error: Invalid qdisc name.', 2);
  const { qdisc: _qdisc, ...bare } = device;
  putDevice(host, bare as Device);
  return undefined;
}

const nextHandle = (device: Device): number => (device.qdisc === undefined || device.qdisc.handle < FIRST_HANDLE ? FIRST_HANDLE : device.qdisc.handle + 1);

function unknownKind(kind: string): Refusal {
  const real = [
    'pfifo',
    'bfifo',
    'fq_codel',
    'fq',
    'htb',
    'prio',
    'sfq',
    'codel',
    'red',
    'cake',
    'hfsc',
    'pfifo_fast',
    'noqueue',
    'mq',
    'ingress',
    'clsact',
    'drr',
    'etf',
    'taprio',
  ];
  if (real.includes(kind)) return refuse(`tc qdisc: ${kind} is not simulated here; netem and tbf are`, 1);
  return refuse(`Unknown qdisc "${kind}", hence option "${kind}" is unparsable`, 1);
}
