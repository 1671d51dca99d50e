/** The programs of the packet engine as terminal commands: curl, dig, ping, tcpdump and the others. */

import { type Command, defineCommand, type Program } from '../command.ts';
import { resolvePath } from '../paths.ts';

const summaries: Readonly<Record<string, string>> = {
  agnhost: 'tries a connection: agnhost connect HOST:PORT --protocol=tcp|udp|sctp --timeout=3s',
  curl: 'an HTTP request: curl [-v] http://web-service',
  wget: 'an HTTP request: wget -qO- http://web-service',
  ping: 'ICMP echo (-c N)',
  nslookup: 'a DNS question as BIND’s tool asks it',
  'busybox-nslookup': 'a DNS question as busybox asks it',
  dig: 'a DNS question (+short, +search, @server)',
  host: 'a DNS question',
  grpcurl: 'a gRPC call: grpcurl -plaintext HOST:PORT SERVICE/METHOD',
  getent: 'names as the C library resolves them',
  websocat: 'a WebSocket: websocat ws://HOST/PATH, a line a message',
  openssl: 'a TLS ClientHello: openssl s_client -connect HOST:443 -servername NAME',
  nc: 'connects to a port: nc -zv HOST PORT',
  arping: 'ARP requests by hand (-I DEV, -c N, -D, -U)',
  mtr: 'loss and times of each hop: mtr -r HOST',
  tracepath: 'the routers on the way and its MTU (-n)',
  traceroute: 'the routers on the way (-n, -I, -T, -U)',
  sleep: 'waits: sleep SECONDS',
};

/** Programs read no terminal of their own; `kubectl exec` and loops reach them through the command table. */
export function programCommand(name: string, program: Program): Command {
  return defineCommand({
    name,
    summary: summaries[name] ?? 'a network program',
    group: name === 'sleep' ? 'shell' : 'network',
    run: ({ argv, place, outTty, host, out, err, shell, cwd }) => {
      const parsed = program.parse(argv, {
        tty: outTty,
        image: place.pod?.image ?? place.profile,
        epochMs: host.epochMs,
        readFile: (path) => shell.readFile(place, resolvePath(cwd, path)),
      });
      if (!parsed.ok) {
        if (parsed.stdout !== undefined) out(parsed.stdout);
        err(parsed.stderr);
        return parsed.exitCode;
      }
      const saving = program.savesTo(parsed.config);
      const running = { kind: 'program' as const, app: program.app, name, config: parsed.config, endless: program.endless(parsed.config) };
      if (saving === undefined) return running;
      const savedFile = resolvePath(cwd, saving.file);
      const exists = saving.exclusive === true && shell.readFile(place, savedFile) !== undefined;
      const why = exists ? 'File exists' : shell.refusesFile(place, savedFile);
      if (why === undefined) return { ...running, savedFile };
      err(saving.refused(why));
      return saving.exitCode;
    },
    complete: (_words, current, { host }) => (/^-/.test(current) ? [] : targetsFor(name, current, host)),
  });
}

function targetsFor(
  name: string,
  current: string,
  host: { readonly api: { readonly view: { list(kind: string): readonly { readonly metadata: { readonly name: string } }[] } } },
): string[] {
  if (name === 'sleep') return [];
  const services = host.api.view.list('Service').map((service) => service.metadata.name);
  return [...services, ...services.map((service) => `http://${service}`)].filter(
    (candidate) => candidate.startsWith(current) && (current.startsWith('http') || !candidate.includes('/')),
  );
}

export function withPrograms(commands: ReadonlyMap<string, Command>, programs: ReadonlyMap<string, Program>): ReadonlyMap<string, Command> {
  const all = new Map(commands);
  for (const [name, program] of programs) if (!all.has(name)) all.set(name, programCommand(name, program));
  return all;
}
