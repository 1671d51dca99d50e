/** What listens in an exported cluster: each simulated server's configuration, and the small Python programs that stand in for it and that ask it. */
import type { DnsServerConfig } from '../net/app/dns-server-config.ts';
import { formatHead } from '../net/app/http-message.ts';
import { serve } from '../net/app/http-pages.ts';
import type { HttpServerConfig, TcpServerConfig, UdpEchoConfig } from '../net/app/server-config.ts';
import type { Process } from '../net/records.ts';
import { EPOCH_MS } from './install.ts';

/** One listener of the Python server: plain data, written as JSON. `address` '' means all. */
export type ExportedServer =
  | { readonly kind: 'http'; readonly address: string; readonly port: number; readonly answer: string }
  | { readonly kind: 'tcp'; readonly address: string; readonly port: number; readonly greeting: string; readonly echo: boolean }
  | { readonly kind: 'udp'; readonly address: string; readonly port: number; readonly text: string | null }
  | {
      readonly kind: 'dns';
      readonly address: string;
      readonly port: number;
      readonly ttlSeconds: number;
      /** IPv4 addresses by lower-case name with its final dot; an empty list is a name without addresses. */
      readonly names: Readonly<Record<string, readonly string[]>>;
    };

const ANY = { ip: 0, port: 0 };

/** The bytes that the simulated server sends for `GET /`, so that packet lengths are the same. */
function httpAnswer(config: HttpServerConfig, hostname: string): string {
  const request = {
    method: 'GET',
    target: '/',
    version: 'HTTP/1.1',
    headers: [{ name: 'Host', value: hostname }],
    body: '',
    client: ANY,
    server: ANY,
  } as const;
  const epochMs = config.epochMs ?? EPOCH_MS;
  const { response } = serve(request, { config, hostname, namespace: '', nowMs: epochMs, startedMs: epochMs, attempt: () => 1 });
  return formatHead(`${response.version} ${response.code} ${response.reason}`, response.headers) + response.body;
}

/** A records of all names that a server knows by itself, whatever block they stand in. */
function dnsNames(config: DnsServerConfig): Record<string, readonly string[]> {
  const names: Record<string, readonly string[]> = {};
  for (const plugin of config.servers.flatMap((server) => server.blocks.flatMap((block) => block.chain))) {
    if (plugin.name !== 'kubernetes' && plugin.name !== 'file' && plugin.name !== 'world') continue;
    for (const zone of plugin.zones) {
      for (const [name, records] of Object.entries(zone.names)) names[name] = records.filter((one) => one.type === 'A').map((one) => one.data);
    }
  }
  return names;
}

const ttlOf = (config: DnsServerConfig): number => {
  for (const plugin of config.servers[0]?.blocks[0]?.chain ?? []) if (plugin.name === 'kubernetes') return plugin.zones[0]?.ttlSeconds ?? 30;
  return 30;
};

/** The stand-ins for a process: none when it listens nowhere. */
export function exportedServers(process: Process, hostname: string): readonly ExportedServer[] {
  switch (process.app) {
    case 'http-server': {
      const config = process.config as HttpServerConfig;
      return [{ kind: 'http', address: config.address ?? '', port: config.port, answer: httpAnswer(config, hostname) }];
    }
    case 'tcp-server': {
      const config = process.config as TcpServerConfig;
      return [{ kind: 'tcp', address: config.address ?? '', port: config.port, greeting: config.greeting ?? `${hostname}\n`, echo: config.echo !== false }];
    }
    case 'udp-echo': {
      const config = process.config as UdpEchoConfig;
      return [{ kind: 'udp', address: config.address ?? '', port: config.port, text: config.text ?? null }];
    }
    case 'dns-server': {
      const config = process.config as DnsServerConfig;
      const [first] = config.servers;
      if (config.fatal !== undefined || first === undefined) return [];
      // All addresses of the simulated server on one socket: a name server of the real cluster need not tell them apart.
      const address = config.servers.length === 1 ? (first.address ?? '') : '';
      const answer = formatHead('HTTP/1.1 200 OK', [{ name: 'Content-Length', value: '2' }]);
      return [
        { kind: 'dns', address, port: first.port, ttlSeconds: ttlOf(config), names: dnsNames(config) },
        ...(config.http ?? []).map((one): ExportedServer => ({ kind: 'http', address: one.address ?? '', port: one.port, answer: `${answer}OK` })),
      ];
    }
    default:
      return [];
  }
}

/** Reads a JSON list of ExportedServer, binds everything, then goes to the background: when the command returns, the ports are open. */
export const SERVER_PROGRAM = `import json, os, selectors, socket, struct, sys

servers = json.load(open(sys.argv[1]))
ready = selectors.DefaultSelector()
for server in servers + [dict(one, kind="dns-tcp") for one in servers if one["kind"] == "dns"]:
    datagrams = server["kind"] in ("udp", "dns")
    listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM if datagrams else socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((server["address"], server["port"]))
    if not datagrams:
        listener.listen(128)
    listener.setblocking(False)
    ready.register(listener, selectors.EVENT_READ, ("datagram" if datagrams else "listen", server))


def dns_answer(server, query):
    """One question, A records; everything else exists without data."""
    labels, at = [], 12
    while query[at]:
        labels.append(query[at + 1 : at + 1 + query[at]].decode("ascii", "replace").lower())
        at += 1 + query[at]
    name, (kind, _) = ".".join(labels) + ".", struct.unpack(">HH", query[at + 1 : at + 5])
    found = server["names"].get(name)
    answers = found if found and kind == 1 else []
    # CoreDNS sends the question's OPT record back, with its cookie.
    extra = query[at + 5 :] if query[11] else b""
    flags = 0x8400 | (struct.unpack(">H", query[2:4])[0] & 0x0100) | (3 if found is None else 0)
    head = query[:2] + struct.pack(">HHHHH", flags, 1, len(answers), 0, 1 if extra else 0)
    question = query[12 : at + 5]
    # CoreDNS compresses names only where the answer would not fit otherwise.
    records = b"".join(query[12 : at + 1] + struct.pack(">HHIH", 1, 1, server["ttlSeconds"], 4) + socket.inet_aton(ip) for ip in answers)
    return head + question + records + extra


def datagram(listener, server):
    data, sender = listener.recvfrom(65535)
    if server["kind"] == "dns":
        data = dns_answer(server, data)
    elif server["text"] is not None:
        data = server["text"].encode()
    listener.sendto(data, sender)


def stream(connection, server, state):
    data = connection.recv(65536)
    if not data:
        ready.unregister(connection)
        connection.close()
    elif server["kind"] == "http":
        state["got"] = (state["got"] + data)[-65536:]
        while b"\\r\\n\\r\\n" in state["got"]:
            state["got"] = state["got"].split(b"\\r\\n\\r\\n", 1)[1]
            connection.sendall(server["answer"].encode())
    elif server["kind"] == "dns-tcp":
        state["got"] = (state["got"] + data)[-65536:]
        while len(state["got"]) >= 2 and len(state["got"]) >= 2 + (size := struct.unpack(">H", state["got"][:2])[0]):
            answer = dns_answer(server, state["got"][2 : 2 + size])
            state["got"] = state["got"][2 + size :]
            connection.sendall(struct.pack(">H", len(answer)) + answer)
    elif server["echo"]:
        connection.sendall(data)


if os.fork():
    os._exit(0)
os.setsid()
while True:
    for key, _ in ready.select():
        role, server = key.data[0], key.data[1]
        try:
            if role == "datagram":
                datagram(key.fileobj, server)
            elif role == "listen":
                connection, _ = key.fileobj.accept()
                if server.get("greeting"):
                    connection.sendall(server["greeting"].encode())
                ready.register(connection, selectors.EVENT_READ, ("stream", server, {"got": b""}))
            else:
                stream(key.fileobj, server, key.data[2])
        except (OSError, IndexError, struct.error):
            if role == "stream":
                ready.unregister(key.fileobj)
                key.fileobj.close()
`;

/** Reads questions, one a line (`kind target port expected about`, with tabs between), asks them all at once, prints a table; exits 1 when an answer differs. */
export const PROBE_PROGRAM = `import concurrent.futures, select, socket, struct, sys

questions = [line.rstrip("\\n").split("\\t") for line in sys.stdin if line.strip()]


def tcp(number, target, port):
    socket.create_connection((target, int(port)), timeout=2).close()


def ping(number, target, port):
    raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
    ident = 4000 + number
    body = struct.pack(">BBHHH", 8, 0, 0, ident, 1) + bytes(56)
    total = sum(struct.unpack(">%dH" % (len(body) // 2), body))
    total = (total >> 16) + (total & 0xFFFF)
    raw.sendto(body[:2] + struct.pack(">H", ~(total + (total >> 16)) & 0xFFFF) + body[4:], (target, 0))
    while select.select([raw], [], [], 2)[0]:
        reply = raw.recv(2048)[20:]
        if reply[0] == 0 and struct.unpack(">H", reply[4:6])[0] == ident:
            return
    raise OSError("no answer")


def name(number, target, port):
    socket.getaddrinfo(target, None, socket.AF_INET)


def ask(number):
    kind, target, port = questions[number][:3]
    try:
        {"tcp": tcp, "ping": ping, "name": name}[kind](number, target, port)
        return "yes"
    except OSError:
        return "no"


with concurrent.futures.ThreadPoolExecutor(16) as pool:
    answers = list(pool.map(ask, range(len(questions))))
differs = False
for (kind, target, port, expected, about), answer in zip(questions, answers):
    differs = differs or answer != expected
    where = kind + " " + target + ("" if port == "-" else ":" + port)
    print("%-30s %-50s %-7s %-11s %s" % (sys.argv[1], where, answer, expected, about if answer == expected else about + "  <- differs"))
sys.exit(1 if differs else 0)
`;
