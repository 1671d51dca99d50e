/** ipvsadm: virtual services and real servers of IPVS in this netns. */
import { parseIp } from '../../net/addr/ip.ts';
import { IPVS_SCHEDULERS, type IpvsDestination, type IpvsForwarding, type IpvsService, ipvsServiceId } from '../../net/ipvs/ipvs-records.ts';
import { ipvsDestinationWords, ipvsName, ipvsServiceWords } from '../../net/ipvs/ipvs-words.ts';
import type { ShellHost } from '../../world/shell-host.ts';
import { defineCommand, type Filter, type Outcome } from '../command.ts';
import type { Place } from '../state.ts';
import { type IpvsFormat, listConnections, listServices, portNumber, sortedServices } from './ipvsadm-list.ts';

const VERSION = 'ipvsadm v1.31 2019/12/24 (compiled with popt and IPVS v1.2.1)';
const DEFAULT_PERSISTENCE = 300;
const MAX_SERVICES_TEXT = 16 * 1024 * 1024;

/** With ipvsadm's words; exit code 2 for a wrong command line, 255 for what the kernel refused. */
class IpvsError extends Error {
  readonly exitCode: number;
  constructor(message: string, exitCode: number) {
    super(message);
    this.exitCode = exitCode;
  }
}
const usage = (text: string): IpvsError => new IpvsError(`${text}\nTry \`ipvsadm -h' or 'ipvsadm --help' for more information.\n`, 2);
const refused = (text: string): IpvsError => new IpvsError(`${text}\n`, 255);

interface Request {
  command: string;
  protocol: IpvsService['protocol'] | undefined;
  address: string;
  port: number;
  scheduler: string | undefined;
  persistentSeconds: number | undefined;
  netmask: number | undefined;
  onePacket: boolean;
  schedulerFlags: string[] | undefined;
  server: { address: string; port: number | undefined } | undefined;
  forwarding: IpvsForwarding | undefined;
  weight: number | undefined;
  upper: number | undefined;
  lower: number | undefined;
  timeouts: number[];
  format: IpvsFormat;
}

const COMMANDS: Readonly<Record<string, string>> = {
  '-A': 'A',
  '--add-service': 'A',
  '-E': 'E',
  '--edit-service': 'E',
  '-D': 'D',
  '--delete-service': 'D',
  '-C': 'C',
  '--clear': 'C',
  '-R': 'R',
  '--restore': 'R',
  '-S': 'S',
  '--save': 'S',
  '-a': 'a',
  '--add-server': 'a',
  '-e': 'e',
  '--edit-server': 'e',
  '-d': 'd',
  '--delete-server': 'd',
  '-L': 'L',
  '-l': 'L',
  '--list': 'L',
  '-Z': 'Z',
  '--zero': 'Z',
  '--set': 'set',
  '-h': 'h',
  '--help': 'h',
  '-v': 'v',
  '--version': 'v',
};

/** Options that stand for one, and what they are called here. */
const LETTERS = new Set(['A', 'E', 'D', 'C', 'R', 'S', 'a', 'e', 'd', 'L', 'l', 'Z', 'n', 'c', 'g', 'i', 'm', 'o', '6']);

/** `-Lnc` is three options. */
const split = (argv: readonly string[]): string[] =>
  argv.flatMap((w) => (/^-[A-Za-z6]{2,}$/.test(w) && [...w.slice(1)].every((l) => LETTERS.has(l)) ? [...w.slice(1)].map((l) => `-${l}`) : [w]));

function endpoint(text: string, mayLackPort: boolean): { readonly address: string; readonly port: number | undefined } | undefined {
  const match = /^\[([0-9a-fA-F:.]+)\](?::(\S+))?$/.exec(text) ?? /^([^:]*)(?::(\S+))?$/.exec(text);
  const address = match?.[1] ?? '';
  const ip = parseIp(address);
  if (match === null || ip === undefined) return undefined;
  if (match[2] === undefined) return mayLackPort ? { address, port: undefined } : undefined;
  const port = portNumber(match[2]);
  return port === undefined ? undefined : { address, port };
}

function read(argv: readonly string[]): Request {
  const words = split(argv);
  const r: Request = {
    command: '',
    protocol: undefined,
    address: '',
    port: 0,
    scheduler: undefined,
    persistentSeconds: undefined,
    netmask: undefined,
    onePacket: false,
    schedulerFlags: undefined,
    server: undefined,
    forwarding: undefined,
    weight: undefined,
    upper: undefined,
    lower: undefined,
    timeouts: [],
    format: { numeric: false, stats: false, rate: false, thresholds: false, persistent: false, exact: false, connections: false, timeout: false },
  };
  const value = (name: string): string => {
    const next = words.shift();
    if (next === undefined) throw usage(`ipvsadm: option requires an argument -- '${name}'`);
    return next;
  };
  const number = (name: string, max: number, complaint: string): number => {
    const text = value(name);
    if (!/^\d{1,10}$/.test(text) || Number(text) > max) throw new IpvsError(`${complaint}\n`, 2);
    return Number(text);
  };
  for (let word = words.shift(); word !== undefined; word = words.shift()) {
    const command = COMMANDS[word];
    if (command !== undefined && (r.command === '' || (command !== 'e' && command !== 'd'))) {
      if (r.command !== '') throw usage('multiple commands specified');
      r.command = command;
      if (command === 'set')
        r.timeouts = [
          number('set', 2 ** 31, 'illegal timeout value'),
          number('set', 2 ** 31, 'illegal timeout value'),
          number('set', 2 ** 31, 'illegal timeout value'),
        ];
      continue;
    }
    switch (word) {
      case '-t':
      case '--tcp-service':
      case '-u':
      case '--udp-service':
      case '--sctp-service': {
        if (r.protocol !== undefined) throw usage('multiple service specification');
        const at = endpoint(value(word.replace(/^-+/, '')), false);
        if (at === undefined) throw new IpvsError('illegal virtual server address[:port] specified\n', 2);
        r.protocol = word === '-t' || word === '--tcp-service' ? 'tcp' : word === '--sctp-service' ? 'sctp' : 'udp';
        r.address = at.address;
        r.port = at.port ?? 0;
        break;
      }
      case '-f':
      case '--fwmark-service':
        r.protocol = 'fwmark';
        r.address = String(number('f', 2 ** 32 - 1, 'illegal virtual server address[:port] specified'));
        if (r.address === '0') throw new IpvsError('fwmark must be greater than 0\n', 2);
        break;
      case '-s':
      case '--scheduler':
        r.scheduler = value('s');
        break;
      case '-p':
      case '--persistent':
        r.persistentSeconds = words[0] !== undefined && /^\d+$/.test(words[0]) ? Number(words.shift()) : DEFAULT_PERSISTENCE;
        break;
      case '-M':
      case '--netmask': {
        const text = value('M');
        const mask = parseIp(text);
        r.netmask = /^\d{1,3}$/.test(text) ? Number(text) : typeof mask === 'number' ? Math.clz32(~mask) : undefined;
        if (r.netmask === undefined || r.netmask > 128) throw new IpvsError('illegal netmask specified\n', 2);
        break;
      }
      case '-r':
      case '--real-server': {
        const at = endpoint(value('r'), true);
        if (at === undefined) throw new IpvsError('illegal real server address[:port] specified\n', 2);
        r.server = at;
        break;
      }
      case '-g':
      case '--gatewaying':
        r.forwarding = 'route';
        break;
      case '-i':
      case '--ipip':
        r.forwarding = 'tunnel';
        break;
      case '-m':
      case '--masquerading':
        r.forwarding = 'masq';
        break;
      case '-w':
      case '--weight':
        r.weight = number('w', 2 ** 31 - 1, 'illegal weight specified');
        break;
      case '-x':
      case '--u-threshold':
        r.upper = number('x', 2 ** 31 - 1, 'illegal u_threshold specified');
        break;
      case '-y':
      case '--l-threshold':
        r.lower = number('y', 2 ** 31 - 1, 'illegal l_threshold specified');
        break;
      case '-b':
      case '--sched-flags':
        r.schedulerFlags = value('b').split(',');
        break;
      case '-o':
      case '--ops':
        r.onePacket = true;
        break;
      case '-n':
      case '--numeric':
        r.format.numeric = true;
        break;
      case '-c':
      case '--connection':
        r.format.connections = true;
        break;
      case '--stats':
        r.format.stats = true;
        break;
      case '--rate':
        r.format.rate = true;
        break;
      case '--exact':
        r.format.exact = true;
        break;
      case '--thresholds':
        r.format.thresholds = true;
        break;
      case '--persistent-conn':
        r.format.persistent = true;
        break;
      case '--timeout':
        r.format.timeout = true;
        break;
      case '--sort':
      case '--nosort':
      case '-6':
        break;
      default:
        throw usage(
          `ipvsadm: ${word.startsWith('--') ? `unrecognized option '${word}'` : word.startsWith('-') ? `invalid option -- '${word.slice(1, 2)}'` : `unexpected argument ${word}`}`,
        );
    }
  }
  return r;
}

interface Io {
  readonly host: ShellHost;
  readonly place: Place;
  readonly out: (text: string) => void;
}

export const ipvsadm = defineCommand({
  name: 'ipvsadm',
  summary: 'virtual services of IPVS: ipvsadm -Ln, --stats, -Lnc, -A -t IP:PORT -s rr, -a -t … -r … -m',
  group: 'network',
  run: (invocation): Outcome => {
    const { argv, host, place, out, err } = invocation;
    try {
      const request = read(argv.length === 0 ? ['-L'] : argv);
      if (request.command === 'R') return { kind: 'filter', filter: 'ipvsadm-restore', state: { text: '' } satisfies RestoreState };
      return execute({ host, place, out }, request);
    } catch (error) {
      if (!(error instanceof IpvsError)) throw error;
      err(error.message);
      return error.exitCode;
    }
  },
  complete: (_words, current) =>
    ['-L', '-Ln', '-Lnc', '--stats', '--rate', '-A', '-E', '-D', '-a', '-e', '-d', '-C', '-S', '-t', '-u', '-r', '-s', '-m', '-w'].filter((c) =>
      c.startsWith(current),
    ),
});

interface RestoreState {
  text: string;
}

/** Standard input of `ipvsadm -R`: one command a line. */
export const ipvsadmRestore: Filter = {
  data: (state: RestoreState, chunk: string, io) => {
    state.text += chunk;
    if (state.text.length <= MAX_SERVICES_TEXT) return undefined;
    io.err('ipvsadm: standard input is too large\n');
    return 1;
  },
  end: (state: RestoreState, io) => {
    const { host, place } = io.invocation();
    return host.engine.records.attribute('ipvsadm -R', () => {
      for (const line of state.text.split('\n')) {
        const words = line.trim().split(/\s+/);
        if (words[0] === '' || words[0]?.startsWith('#') === true) continue;
        try {
          execute({ host, place, out: io.out }, read(words[0] === 'ipvsadm' ? words.slice(1) : words));
        } catch (error) {
          if (!(error instanceof IpvsError)) throw error;
          io.err(error.message);
          return error.exitCode;
        }
      }
      return 0;
    });
  },
};

function execute(io: Io, r: Request): number {
  const { host, place, out } = io;
  const state = host.engine.ipvs(place.netns);
  switch (r.command) {
    case '':
      throw usage('No command specified');
    case 'v':
      out(`${VERSION}\n`);
      return 0;
    case 'h':
      out(
        `${VERSION}\nUsage:\n  ipvsadm -A|E virtual-service [-s scheduler] [-p [timeout]] [-M netmask] [-b sched-flags]\n  ipvsadm -D virtual-service\n  ipvsadm -C\n  ipvsadm -R\n  ipvsadm -S [-n]\n  ipvsadm -a|e virtual-service -r server-address [-g|-i|-m] [-w weight] [-x upper] [-y lower]\n  ipvsadm -d virtual-service -r server-address\n  ipvsadm -L|l [virtual-service] [options]\n  ipvsadm -Z [virtual-service]\n  ipvsadm --set tcp tcpfin udp\n`,
      );
      return 0;
    case 'L':
      if (r.format.timeout) out(`Timeout (tcp tcpfin udp): ${state?.tcpTimeouts[1] ?? 900} ${state?.tcpTimeouts[4] ?? 120} ${state?.udpTimeout ?? 300}\n`);
      else if (r.format.connections) out(listConnections(state, host.nowNs, r.format.numeric));
      else
        out(
          listServices(
            sortedServices(host, place.netns, r.protocol === undefined ? undefined : serviceOf(io, r)),
            state,
            host.nowNs,
            r.format,
            r.protocol === undefined,
          ),
        );
      return 0;
    case 'S':
      for (const s of sortedServices(host, place.netns, undefined)) {
        const name = ipvsName(s);
        out(`${ipvsServiceWords(s, name)}\n`);
        for (const d of s.destinations) out(`${ipvsDestinationWords(d, name)}\n`);
      }
      return 0;
    case 'Z':
      state?.zero();
      return 0;
    case 'set':
      if (state !== undefined) {
        const [tcp = 0, fin = 0, udp = 0] = r.timeouts;
        if (tcp > 0) state.tcpTimeouts[1] = tcp;
        if (fin > 0) state.tcpTimeouts[4] = fin;
        if (udp > 0) state.udpTimeout = udp;
      }
      return 0;
    case 'C':
      for (const s of sortedServices(host, place.netns, undefined)) host.engine.records.remove(s.id);
      break;
    default:
      change(io, r);
  }
  host.settle();
  return 0;
}

function serviceOf({ host, place }: Io, r: Request): IpvsService {
  const record = host.engine.records.find(ipvsServiceId(place.netns, r.protocol as IpvsService['protocol'], r.address, r.port));
  if (record?.kind !== 'ipvs-service') throw refused('No such service');
  return record;
}

function change(io: Io, r: Request): void {
  const { host, place } = io;
  if (r.protocol === undefined) throw usage(`You need to supply the 'service' option for the '${commandName(r.command)}' command`);
  const id = ipvsServiceId(place.netns, r.protocol, r.address, r.port);
  const found = host.engine.records.find(id);
  const service = found?.kind === 'ipvs-service' ? found : undefined;
  switch (r.command) {
    case 'A':
      if (service !== undefined) throw refused('Service already exists');
      if (r.port === 0 && r.protocol !== 'fwmark' && r.persistentSeconds === undefined)
        throw new IpvsError('Zero port specified for non-persistent service\n', 2);
      host.engine.records.put(serviceRecord(io, r, id, []));
      return;
    case 'E':
      if (service === undefined) throw refused('No such service');
      host.engine.records.put(serviceRecord(io, r, id, service.destinations));
      return;
    case 'D':
      if (service === undefined) throw refused('No such service');
      host.engine.records.remove(id);
      return;
  }
  if (r.server === undefined) throw usage(`You need to supply the 'real-server' option for the '${commandName(r.command)}' command`);
  if (service === undefined) throw refused('Service not defined');
  const { address } = r.server;
  const port = r.server.port ?? r.port;
  const at = service.destinations.findIndex((d) => d.address === address && d.port === port);
  if (r.command === 'a' && at >= 0) throw refused('Destination already exists');
  if (r.command !== 'a' && at < 0) throw refused('No such destination');
  const destinations = [...service.destinations];
  if (r.command === 'd') destinations.splice(at, 1);
  else {
    const forwarding = r.forwarding ?? 'route';
    if (r.upper !== undefined && r.lower !== undefined && r.lower > r.upper && r.upper > 0) throw refused('Numerical result out of range');
    const destination: IpvsDestination = {
      address,
      // Only NAT can change the port.
      port: forwarding === 'masq' ? port : service.port,
      forwarding,
      weight: r.weight ?? 1,
      upperThreshold: r.upper ?? 0,
      lowerThreshold: r.lower ?? 0,
    };
    if (r.command === 'a') destinations.push(destination);
    else destinations[at] = destination;
  }
  host.engine.records.put({ ...service, origin: { component: 'user', objects: [] }, destinations });
}

const commandName = (letter: string): string =>
  ({ A: 'add-service', E: 'edit-service', D: 'delete-service', a: 'add-server', e: 'edit-server', d: 'delete-server' })[letter] ?? letter;

function serviceRecord({ place }: Io, r: Request, id: string, destinations: readonly IpvsDestination[]): IpvsService {
  const scheduler = IPVS_SCHEDULERS.find((s) => s === (r.scheduler ?? 'wlc'));
  if (scheduler === undefined) throw refused('Scheduler or persistence engine not found');
  return {
    kind: 'ipvs-service',
    id,
    origin: { component: 'user', objects: [] },
    netns: place.netns,
    protocol: r.protocol as IpvsService['protocol'],
    address: r.address,
    port: r.port,
    scheduler,
    ...(r.schedulerFlags === undefined ? {} : { schedulerFlags: r.schedulerFlags }),
    ...(r.persistentSeconds === undefined ? {} : { persistentSeconds: r.persistentSeconds }),
    ...(r.netmask === undefined ? {} : { persistentPrefix: r.netmask }),
    ...(r.onePacket ? { onePacket: true } : {}),
    destinations,
  };
}
