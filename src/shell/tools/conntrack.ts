/** conntrack: the connection table of this netns. */
import type { ConnectionTuple, ConnectionView } from '../../net/engine.ts';
import { defineCommand } from '../command.ts';

const PROTOCOL_NUMBERS = { icmp: 1, tcp: 6, udp: 17 } as const;
const VERSION = 'conntrack v1.4.7 (conntrack-tools)';

function tupleText(tuple: ConnectionTuple, protocol: ConnectionView['protocol']): string {
  const ends = `src=${tuple.src} dst=${tuple.dst}`;
  return protocol === 'icmp'
    ? `${ends} type=${tuple.icmpType ?? 8} code=${tuple.icmpCode ?? 0} id=${tuple.icmpId ?? 0}`
    : `${ends} sport=${tuple.sport} dport=${tuple.dport}`;
}

export function formatConnection(connection: ConnectionView): string {
  const { protocol } = connection;
  const head = `${protocol.padEnd(8)} ${PROTOCOL_NUMBERS[protocol]} ${connection.timeoutSeconds} `;
  const state = connection.tcpState === undefined ? '' : `${connection.tcpState} `;
  return `${head}${state}${tupleText(connection.original, protocol)} ${connection.unreplied ? '[UNREPLIED] ' : ''}${tupleText(connection.reply, protocol)} ${connection.assured ? '[ASSURED] ' : ''}mark=${connection.mark} use=1`;
}

interface Filters {
  readonly tests: ((connection: ConnectionView) => boolean)[];
  readonly protocol: string | undefined;
}

/** Long options and their short forms that take a value. */
const VALUED: Readonly<Record<string, string>> = {
  '-p': 'p',
  '--proto': 'p',
  '-s': 's',
  '--src': 's',
  '--orig-src': 's',
  '-d': 'd',
  '--dst': 'd',
  '--orig-dst': 'd',
  '-r': 'r',
  '--reply-src': 'r',
  '-q': 'q',
  '--reply-dst': 'q',
  '--sport': 'sport',
  '--orig-port-src': 'sport',
  '--dport': 'dport',
  '--orig-port-dst': 'dport',
  '--state': 'state',
  '-m': 'mark',
  '--mark': 'mark',
  '-f': 'f',
  '--family': 'f',
  '-o': 'o',
  '--output': 'o',
  '-u': 'status',
  '--status': 'status',
};

function addFilter(filters: Filters, name: string, value: string): void {
  const { tests } = filters;
  const prefix = (ip: string): boolean => ip === value.split('/')[0];
  switch (name) {
    case 'p':
      tests.push((connection) => connection.protocol === value.toLowerCase());
      break;
    case 's':
      tests.push((connection) => prefix(connection.original.src));
      break;
    case 'd':
      tests.push((connection) => prefix(connection.original.dst));
      break;
    case 'r':
      tests.push((connection) => prefix(connection.reply.src));
      break;
    case 'q':
      tests.push((connection) => prefix(connection.reply.dst));
      break;
    case 'sport':
      tests.push((connection) => connection.original.sport === Number(value));
      break;
    case 'dport':
      tests.push((connection) => connection.original.dport === Number(value));
      break;
    case 'state':
      tests.push((connection) => connection.tcpState === value);
      break;
    case 'mark':
      tests.push((connection) => connection.mark === Number(value));
      break;
    case 'status':
      tests.push((connection) => (value.toUpperCase() === 'ASSURED' ? connection.assured : value.toUpperCase() === 'UNREPLIED' ? connection.unreplied : true));
      break;
    default:
      break;
  }
}

export const conntrack = defineCommand({
  name: 'conntrack',
  summary: 'connections that netfilter knows: conntrack -L [-p tcp] [-d IP] [--dport N], -D, -F, -C',
  group: 'network',
  run: ({ argv, host, place, out, err }) => {
    const words = [...argv];
    const filters: Filters = { tests: [], protocol: undefined };
    let action = '';
    for (let word = words.shift(); word !== undefined; word = words.shift()) {
      const [option = '', attached] = word.startsWith('--') ? word.split('=') : [word];
      const valued = VALUED[option];
      if (['-L', '--dump', '-D', '--delete', '-F', '--flush', '-C', '--count', '-S', '--stats', '-E', '--event'].includes(option)) {
        action = option.startsWith('--')
          ? ({ '--dump': 'L', '--delete': 'D', '--flush': 'F', '--count': 'C', '--stats': 'S', '--event': 'E' }[option] ?? '')
          : option.slice(1);
        if (words[0] === 'conntrack') words.shift();
      } else if (option === '-n' || option === '--src-nat') filters.tests.push((connection) => connection.nat.includes('SNAT'));
      else if (option === '-g' || option === '--dst-nat') filters.tests.push((connection) => connection.nat.includes('DNAT'));
      else if (option === '-j' || option === '--any-nat') filters.tests.push((connection) => connection.nat.length > 0);
      else if (valued !== undefined) {
        const value = attached ?? words.shift();
        if (value === undefined) {
          err(
            `conntrack: option requires an argument -- '${option.replace(/^-+/, '')}'\n${VERSION}: Missing argument\nTry \`conntrack -h' or 'conntrack --help' for more information.\n`,
          );
          return 2;
        }
        addFilter(filters, valued, value);
      } else {
        err(`${VERSION}: unknown option \`${word}'\nTry \`conntrack -h' or 'conntrack --help' for more information.\n`);
        return 2;
      }
    }
    const matches = (connection: ConnectionView): boolean => filters.tests.every((test) => test(connection));
    switch (action) {
      case 'L': {
        const found = host.engine.connections(place.netns).filter(matches);
        for (const connection of found) out(`${formatConnection(connection)}\n`);
        err(`${VERSION}: ${found.length} flow entries have been shown.\n`);
        return 0;
      }
      case 'C':
        out(`${host.engine.connections(place.netns).length}\n`);
        return 0;
      case 'F':
        host.engine.deleteConnections(place.netns, () => true);
        err(`${VERSION}: connection tracking table has been emptied.\n`);
        return 0;
      case 'D': {
        const found = host.engine.connections(place.netns).filter(matches);
        for (const connection of found) out(`${formatConnection(connection)}\n`);
        const count = host.engine.deleteConnections(place.netns, matches);
        err(`${VERSION}: ${count} flow entries have been deleted.\n`);
        return count === 0 ? 1 : 0;
      }
      case '':
        err(`${VERSION}: You need to supply parameters\nTry \`conntrack -h' or 'conntrack --help' for more information.\n`);
        return 2;
      default:
        err(`${VERSION}: -${action} is not simulated (use -L, -D, -F, -C)\n`);
        return 2;
    }
  },
});
