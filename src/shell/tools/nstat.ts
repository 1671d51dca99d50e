/** nstat of iproute2: the kernel's SNMP counters, those that are not 0, or what they grew by since the last call. */
import { MIB_TABLES } from '../../net/stack/mib.ts';
import { defineCommand } from '../command.ts';
import { matchGlob } from '../machine/glob.ts';

/** Where the last values are kept between calls, as nstat keeps them in /tmp. */
const HISTORY = '/tmp/.nstat.u0';

/** In the order of the kernel's files. */
export const counterNames = (): string[] => Object.entries(MIB_TABLES).flatMap(([table, names]) => names.map((name) => `${table}${name}`));

export const nstat = defineCommand({
  name: 'nstat',
  summary: 'SNMP counters of this netns: nstat -az TcpRetransSegs',
  group: 'network',
  run: ({ argv, host, place, shell, out, err }) => {
    const flags = new Set<string>();
    const patterns: string[] = [];
    const long: Readonly<Record<string, string>> = { ignore: 'a', zeros: 'z', reset: 'r', noupdate: 's', json: 'j', nooutput: 'n' };
    for (const word of argv) {
      if (!word.startsWith('-')) {
        patterns.push(word);
        continue;
      }
      const letters = word.startsWith('--') ? long[word.slice(2)] : word.slice(1);
      if (letters === undefined || !/^[azrsjnp]+$/.test(letters)) {
        err('Usage: nstat [OPTION] [ PATTERN [ PATTERN ] ]\n');
        return 255;
      }
      for (const letter of letters) flags.add(letter);
    }
    const before = new Map<string, number>();
    if (!flags.has('a') && !flags.has('r')) {
      for (const line of (shell.readFile(place, HISTORY) ?? '').split('\n')) {
        const [name = '', value = ''] = line.split(' ');
        if (name !== '') before.set(name, Number(value));
      }
    }
    const rows: (readonly [string, number])[] = [];
    const now: string[] = [];
    for (const name of counterNames()) {
      const value = host.engine.mib(place.netns, name);
      now.push(`${name} ${value}`);
      // What never changes is no counter.
      if (/^(TcpRto|TcpMaxConn|IpForwarding|IpDefaultTTL|UdpLite)/.test(name)) continue;
      const shown = value - (before.get(name) ?? 0);
      const wanted = patterns.length === 0 || patterns.some((pattern) => matchGlob(pattern, name, false));
      if (wanted && (shown !== 0 || flags.has('z'))) rows.push([name, shown]);
    }
    if (!flags.has('s')) shell.writeFile(place, HISTORY, now.join('\n'));
    if (flags.has('j')) out(`{"kernel":{${rows.map(([name, value]) => `"${name}":${value}`).join(',')}}}\n`);
    else if (!flags.has('n')) {
      out('#kernel\n');
      for (const [name, value] of rows) out(`${name.padEnd(32)}${String(value).padEnd(18)} 0.0\n`);
    }
    return 0;
  },
});
