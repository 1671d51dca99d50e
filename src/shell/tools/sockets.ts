/** ss and netstat: sockets of this netns. */
import type { SocketView } from '../../net/engine.ts';
import { defineCommand, type Invocation } from '../command.ts';

const SERVICES: Readonly<Record<string, string>> = { '22': 'ssh', '53': 'domain', '80': 'http', '443': 'https', '8080': 'http-alt', '6443': 'sun-sr-https' };

function endpoint(ip: string, port: number, numeric: boolean): string {
  const address = ip === '' ? '0.0.0.0' : ip;
  return `${address}:${port === 0 ? '*' : numeric ? port : (SERVICES[String(port)] ?? port)}`;
}

interface SelectOptions {
  readonly tcp: boolean;
  readonly udp: boolean;
  readonly listening: boolean;
  readonly all: boolean;
}

const isListening = (socket: SocketView): boolean => socket.state === 'LISTEN' || (socket.protocol === 'udp' && socket.remotePort === 0);

function select({ host, place }: Invocation, options: SelectOptions): SocketView[] {
  const both = options.tcp === options.udp;
  return host.engine
    .sockets(place.netns)
    .filter((socket) => both || (socket.protocol === 'tcp' ? options.tcp : options.udp))
    .filter((socket) => options.all || isListening(socket) === options.listening)
    .toSorted((a, b) => (a.protocol === b.protocol ? 0 : a.protocol === 'udp' ? -1 : 1));
}

/** ss names states in its own way. */
const SS_STATES: Readonly<Record<string, string>> = {
  LISTEN: 'LISTEN',
  ESTABLISHED: 'ESTAB',
  SYN_SENT: 'SYN-SENT',
  SYN_RECV: 'SYN-RECV',
  FIN_WAIT1: 'FIN-WAIT-1',
  FIN_WAIT2: 'FIN-WAIT-2',
  TIME_WAIT: 'TIME-WAIT',
  CLOSE_WAIT: 'CLOSE-WAIT',
  LAST_ACK: 'LAST-ACK',
  CLOSING: 'CLOSING',
  CLOSED: 'UNCONN',
  UNCONN: 'UNCONN',
};

/** The program's name: the last part of its process id. */
function programOf(socket: SocketView): string {
  return socket.process.slice(socket.process.lastIndexOf('/') + 1);
}

function pidOf(socket: SocketView): number {
  let hash = 7;
  for (const c of socket.process) hash = (hash * 31 + c.charCodeAt(0)) % 30_000;
  return 1000 + hash;
}

export const ss = defineCommand({
  name: 'ss',
  summary: 'sockets (-t -u -l -n -a -p)',
  group: 'network',
  run: (invocation) => {
    const flags = new Set<string>();
    for (const word of invocation.argv) {
      const long = { '--tcp': 't', '--udp': 'u', '--listening': 'l', '--numeric': 'n', '--all': 'a', '--processes': 'p', '--no-header': 'H', '--ipv4': '4' }[
        word
      ];
      if (long !== undefined) flags.add(long);
      else if (/^-[tulnapHe46oix]+$/.test(word)) for (const letter of word.slice(1)) flags.add(letter);
      else if (word.startsWith('-')) {
        invocation.err(`ss: invalid option -- '${word.replace(/^-+/, '').slice(0, 1)}'\nUsage: ss [ OPTIONS ]\n       ss [ OPTIONS ] [ FILTER ]\n`);
        return 255;
      } else {
        invocation.err(`Error: an inet prefix is expected rather than "${word}".\nCannot parse dst/src address.\n`);
        return 1;
      }
    }
    const sockets = select(invocation, { tcp: flags.has('t'), udp: flags.has('u'), listening: flags.has('l'), all: flags.has('a') });
    const numeric = flags.has('n');
    const both = flags.has('t') === flags.has('u');
    const rows = sockets.map((socket) => {
      const state =
        socket.protocol === 'udp'
          ? socket.remotePort === 0
            ? 'UNCONN'
            : 'ESTAB'
          : (SS_STATES[socket.state.replaceAll('-', '_').toUpperCase()] ?? socket.state);
      const local = endpoint(socket.localIp, socket.localPort, numeric);
      const remote = endpoint(socket.remoteIp, socket.remotePort, numeric);
      return {
        protocol: socket.protocol,
        state,
        queue: state === 'LISTEN' ? '511' : '0',
        local: splitPort(local),
        remote: splitPort(remote),
        process: flags.has('p') ? `users:(("${programOf(socket)}",pid=${pidOf(socket)},fd=3))` : '',
      };
    });
    const widest = (values: readonly string[]): number => Math.max(0, ...values.map((value) => value.length));
    const showState = true;
    const stateWidth = Math.max(5, widest(rows.map((row) => row.state)));
    const localWidth = Math.max('Local Address'.length, widest(rows.map((row) => row.local[0])));
    const localPort = Math.max('Port'.length, widest(rows.map((row) => row.local[1])));
    const remoteWidth = Math.max('Peer Address'.length, widest(rows.map((row) => row.remote[0])));
    const remotePort = Math.max('Port'.length, widest(rows.map((row) => row.remote[1])));
    const netid = both ? 'Netid ' : '';
    const header = `${netid}${showState ? 'State'.padEnd(stateWidth) : ''} Recv-Q Send-Q ${'Local Address'.padStart(localWidth)}:${'Port'.padEnd(localPort)} ${'Peer Address'.padStart(remoteWidth)}:${'Port'.padEnd(remotePort)}Process`;
    if (!flags.has('H')) invocation.out(`${header}\n`);
    for (const row of rows) {
      const line = `${both ? row.protocol.padEnd(6) : ''}${row.state.padEnd(stateWidth)} ${'0'.padEnd(6)} ${row.queue.padEnd(6)} ${row.local[0].padStart(localWidth)}:${row.local[1].padEnd(localPort)} ${row.remote[0].padStart(remoteWidth)}:${row.remote[1].padEnd(remotePort)}${row.process}`;
      invocation.out(`${row.process === '' ? line.padEnd(header.length - 1) : line}\n`);
    }
    return 0;
  },
});

function splitPort(text: string): readonly [string, string] {
  const at = text.lastIndexOf(':');
  return [text.slice(0, at), text.slice(at + 1)];
}

export const netstat = defineCommand({
  name: 'netstat',
  summary: 'sockets (-t -u -l -n -a -p), routes (-r)',
  group: 'network',
  run: (invocation) => {
    const flags = new Set(
      invocation.argv
        .filter((word) => word.startsWith('-'))
        .join('')
        .replaceAll('-', ''),
    );
    if (flags.has('r')) return { kind: 'call', argv: ['route', '-n'] };
    const sockets = select(invocation, { tcp: flags.has('t'), udp: flags.has('u'), listening: flags.has('l'), all: flags.has('a') });
    const title = flags.has('l') ? '(only servers)' : flags.has('a') ? '(servers and established)' : '(w/o servers)';
    invocation.out(
      `Active Internet connections ${title}\nProto Recv-Q Send-Q Local Address           Foreign Address         State       ${flags.has('p') ? 'PID/Program name    ' : ''}\n`,
    );
    for (const socket of sockets) {
      const state = socket.protocol === 'udp' ? '' : socket.state.replaceAll('-', '_').toUpperCase();
      const program = flags.has('p') ? `${pidOf(socket)}/${programOf(socket)}`.padEnd(20) : '';
      invocation.out(
        `${socket.protocol.padEnd(5)} ${'0'.padStart(6)} ${'0'.padStart(6)} ${endpoint(socket.localIp, socket.localPort, true).padEnd(23)} ${endpoint(socket.remoteIp, socket.remotePort, true).padEnd(23)} ${state.padEnd(11)} ${program}\n`,
      );
    }
    return 0;
  },
});
