"""Builds an exported cluster, does the steps of a recorded world in it with real sockets, says what was on every interface and which rules matched.

Arguments: the folder of cluster.sh, then JSON: {"names": [namespace, ...], "nodes": [namespace, ...]} (below /run/netns). When standard input ends - also
because whoever started this was killed - the cluster and the folder are removed. Prints "ready" when it stands. Then one JSON request a line, one JSON answer a line:
{"op": "serve", "netns", "name", "tcp": [port], "udp": [port]} · {"op": "flow", ...} · {"op": "sh", "netns", "cmd"} · {"op": "restore", "netns", "rules"} · {"op": "forget", "netns"} · {"op": "sleep", "seconds"}
"""

import ctypes
import errno
import json
import os
import select
import selectors
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time

CLONE_NEWNET = 0x40000000
ETH_P_ALL = 3
SO_TIMESTAMPNS = 35
IP_TTL, IP_MTU_DISCOVER, IP_RECVERR = 2, 10, 11
MSG_ERRQUEUE = 0x2000
PACKET_OUTGOING = 4
SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, NETLINK_NETFILTER, SO_RCVBUFFORCE = 270, 1, 12, 33
NFNLGRP_NFTRACE = 9
NFT_MSG_TRACE = 10 << 8 | 17
TRACE_TABLE, TRACE_CHAIN, TRACE_RULE_HANDLE, TRACE_TYPE, TRACE_VERDICT, TRACE_ID = 1, 2, 3, 4, 5, 6
TRACE_NETWORK_HEADER, TRACE_TRANSPORT_HEADER, TRACE_IIF, TRACE_POLICY = 8, 9, 10, 16
VERDICTS = {0: "DROP", 1: "ACCEPT", -1: "CONTINUE", -3: "JUMP", -4: "GOTO", -5: "RETURN"}
SETTLE_SECONDS = 0.08
MAX_FRAMES = 20000
UDP_REPLY_BYTES = 212
STATUS = {
    "ECONNREFUSED": "refused",
    "ECONNRESET": "reset",
    "ETIMEDOUT": "timeout",
    "EHOSTUNREACH": "host-unreachable",
    "ENETUNREACH": "net-unreachable",
}
ICMP = {(3, 0): "net-unreachable", (3, 1): "host-unreachable", (3, 3): "port-unreachable", (3, 4): "frag-needed", (11, 0): "ttl-exceeded"}

libc = ctypes.CDLL(None, use_errno=True)
home = os.open("/proc/self/ns/net", os.O_RDONLY)
servers = {}
kept = {}
monitors = {}


def set_netns(descriptor):
    if libc.setns(descriptor, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


class inside:
    """What is opened in this block belongs to a namespace."""

    def __init__(self, name):
        self.name = name

    def __enter__(self):
        descriptor = os.open("/run/netns/" + self.name, os.O_RDONLY)
        set_netns(descriptor)
        os.close(descriptor)

    def __exit__(self, *_):
        set_netns(home)


def open_tap(name):
    with inside(name):
        tap = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    tap.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    tap.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
    tap.setblocking(False)
    return tap


def drain(name, tap):
    frames = []
    while len(frames) < MAX_FRAMES:
        try:
            data, extra, _, address = tap.recvmsg(65600, 64)
        except (BlockingIOError, OSError):
            break
        seconds, nanoseconds = struct.unpack("qq", extra[0][2][:16])
        direction = "out" if address[2] == PACKET_OUTGOING else "in"
        frames.append([name, address[0], direction, seconds * 10**9 + nanoseconds, data.hex()])
    return frames


def reply_of(name, peer, local, received):
    return json.dumps({"server": name, "saw": "%s:%d" % peer, "local": "%s:%d" % local if local else "", "received": received}, separators=(",", ":"))


def serve(name, tcp, udp):
    """Never returns: a TCP and UDP server that says who called."""
    ready = selectors.DefaultSelector()
    for port in tcp:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("", port))
        listener.listen(64)
        ready.register(listener, selectors.EVENT_READ, ["listen"])
    for port in udp:
        one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        one.bind(("", port))
        ready.register(one, selectors.EVENT_READ, ["udp"])
    print("up", flush=True)
    while True:
        for key, _ in ready.select():
            one, state = key.fileobj, key.data
            try:
                if state[0] == "listen":
                    connection, _ = one.accept()
                    ready.register(connection, selectors.EVENT_READ, ["tcp", 0, 0, 0])
                elif state[0] == "udp":
                    data, peer = one.recvfrom(65535)
                    one.sendto(reply_of(name, peer, None, len(data)).ljust(UDP_REPLY_BYTES).encode(), peer)
                else:
                    data = one.recv(65536)
                    if not data:
                        ready.unregister(one)
                        one.close()
                        continue
                    words = data.split(b" ")
                    if state[1] == 0 and words[0] == b"PUT":
                        state[2] = int(words[1])
                    pad = int(words[1]) if state[1] == 0 and words[0] == b"GET" else 0
                    state[1] += len(data)
                    if state[1] >= state[2]:
                        text = reply_of(name, one.getpeername(), one.getsockname(), state[1])
                        state[1] = state[2] = 0
                        one.sendall(text.ljust(pad).encode())
            except OSError:
                if state[0] == "tcp":
                    ready.unregister(one)
                    one.close()


def start_server(request):
    readable, writable = os.pipe()
    child = os.fork()
    if child == 0:
        descriptor = os.open("/run/netns/" + request["netns"], os.O_RDONLY)
        set_netns(descriptor)
        os.dup2(writable, 1)
        os.close(0)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        try:
            serve(request["name"], request["tcp"], request["udp"])
        finally:
            os._exit(1)
    os.close(writable)
    up = os.read(readable, 16)
    os.close(readable)
    servers.setdefault(request["netns"], []).append(child)
    if up.strip() != b"up":
        raise OSError("a server does not start: " + request["name"])


def stop_servers(netns):
    for child in servers.pop(netns, []):
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def heard_error(one):
    """The ICMP error behind a socket's error, from its error queue."""
    try:
        _, extra, _, _ = one.recvmsg(512, 512, MSG_ERRQUEUE | socket.MSG_DONTWAIT)
    except OSError:
        return None
    for level, kind, data in extra:
        if level == socket.IPPROTO_IP and kind == IP_RECVERR:
            _, origin, icmp_type, code, _, info, _ = struct.unpack("=IBBBBII", data[:16])
            if origin == 2:
                offender = socket.inet_ntoa(data[20:24])
                error = {"icmp": ICMP.get((icmp_type, code), "%d/%d" % (icmp_type, code)), "from": offender}
                if info and (icmp_type, code) == (3, 4):
                    error["mtu"] = info
                return error
    return None


def failure(one, problem):
    if isinstance(problem, socket.timeout):
        return {"status": "timeout"}
    name = errno.errorcode.get(problem.errno, str(problem))
    result = {"status": STATUS.get(name, name.lower())}
    error = heard_error(one)
    if error:
        result["icmp_error"] = error
    return result


def answered(text, size):
    reply = json.loads(text.decode().strip())
    return {"status": "ok", "server": reply["server"], "server_saw": reply["saw"], "received": size if size else reply["received"]}


def open_socket(request, kind):
    with inside(request["netns"]):
        one = socket.socket(socket.AF_INET, kind)
    one.setsockopt(socket.IPPROTO_IP, IP_RECVERR, 1)
    if request.get("ttl"):
        one.setsockopt(socket.IPPROTO_IP, IP_TTL, request["ttl"])
    if request.get("pmtudisc") is not None:
        one.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, request["pmtudisc"])
    if request.get("src") or request.get("sport"):
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        one.bind((request.get("src") or "", request.get("sport") or 0))
    return one


def tcp(request):
    one = kept.get(request.get("reuse"))
    phase = "transfer"
    try:
        if one is None:
            phase = "connect"
            one = open_socket(request, socket.SOCK_STREAM)
            one.settimeout(request["timeout"])
            one.connect((request["ip"], request["port"]))
            phase = "transfer"
        one.settimeout(request["timeout"])
        put, get = request["put"], request["get"]
        one.sendall(("PUT %d " % put).ljust(put).encode() if put else ("GET %d " % get).ljust(10).encode() if get else b"hello, server")
        got = b""
        end = time.monotonic() + request["timeout"]
        while len(got) < get or not got.rstrip().endswith(b"}"):
            one.settimeout(max(0.001, end - time.monotonic()))
            data = one.recv(65536)
            if not data:
                return one, {"status": "closed", "phase": "transfer"}
            got += data
        result = answered(got, len(got) if get else 0)
        if not put and not get:
            del result["received"]
        return one, result
    except OSError as problem:
        return one, dict(failure(one, problem), phase=phase)


def udp(request):
    one = kept.get(request.get("reuse"))
    result = {}
    for _ in range(request["sends"]):
        try:
            if one is None:
                one = open_socket(request, socket.SOCK_DGRAM)
                one.connect((request["ip"], request["port"]))
            one.settimeout(request["timeout"])
            one.send(b"x" * request["size"])
            data = one.recv(65536)
            result = dict(answered(data, 0), reply_len=len(data))
        except OSError as problem:
            result = failure(one, problem)
            if one is not None and one.fileno() >= 0 and result["status"] != "timeout":
                while heard_error(one):
                    pass
    return one, result


def icmp(request):
    with inside(request["netns"]):
        raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
    raw.setsockopt(socket.IPPROTO_IP, IP_TTL, request.get("ttl") or 64)
    raw.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, 1 if request.get("pmtudisc") is None else request["pmtudisc"])
    if request.get("src"):
        raw.bind((request["src"], 0))
    ident = (int(time.monotonic() * 1000) & 0x7FFF) + 1
    body = struct.pack(">BBHHH", 8, 0, 0, ident, 1) + bytes(request["size"])
    total = sum(struct.unpack(">%dH" % (len(body) // 2), body[: len(body) // 2 * 2])) + (body[-1] << 8 if len(body) % 2 else 0)
    total = (total >> 16) + (total & 0xFFFF)
    try:
        raw.sendto(body[:2] + struct.pack(">H", ~(total + (total >> 16)) & 0xFFFF) + body[4:], (request["ip"], 0))
    except OSError as problem:
        return raw, failure(raw, problem)
    end = time.monotonic() + request["timeout"]
    while select.select([raw], [], [], max(0, end - time.monotonic()))[0]:
        packet, sender = raw.recvfrom(65536)
        reply = packet[(packet[0] & 15) * 4 :]
        if reply[0] == 0 and struct.unpack(">H", reply[4:6])[0] == ident:
            return raw, {"status": "ok", "from": sender[0], "ttl": packet[8]}
        if reply[0] in (3, 11) and len(reply) >= 34 and struct.unpack(">H", reply[32:34])[0] == ident:
            return raw, {"status": ICMP.get((reply[0], reply[1]), "?"), "from": sender[0]}
    return raw, {"status": "timeout"}


def flow(request):
    one, result = {"tcp": tcp, "udp": udp, "icmp": icmp}[request["proto"]](request)
    if request.get("keep"):
        kept[request["keep"]] = one
    elif one is not None and not (request.get("reuse") and (not request["close"] or result["status"] == "timeout")):
        one.close()
    return result


def run(netns, command):
    return subprocess.run(["ip", "netns", "exec", netns] + command, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=30)


def numbers(node):
    """Rule numbers by table, chain and handle, as `iptables -L --line-numbers` counts."""
    listing = run(node, ["nft", "-j", "-a", "list", "ruleset"]).stdout
    found, counts = {}, {}
    for item in json.loads(listing)["nftables"] if listing else []:
        rule = item.get("rule")
        if rule and rule["family"] == "ip":
            place = rule["table"] + " " + rule["chain"]
            counts[place] = counts.get(place, 0) + 1
            found["%s 0x%x" % (place, rule["handle"])] = counts[place]
    return found


def start_monitor(node):
    run(node, ["sh", "-c", "iptables -t raw -A PREROUTING -j TRACE; iptables -t raw -A OUTPUT -j TRACE"])
    with inside(node):
        monitor = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER)
    monitor.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 64 << 20)
    monitor.bind((0, 0))
    monitor.setsockopt(SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, NFNLGRP_NFTRACE)
    monitor.setblocking(False)
    monitors[node] = monitor


def attributes(data):
    """Netlink attributes by type."""
    found, at = {}, 0
    while at + 4 <= len(data):
        size, kind = struct.unpack("=HH", data[at : at + 4])
        if size < 4:
            break
        found[kind & 0x3FFF] = data[at + 4 : at + size]
        at += (size + 3) & ~3
    return found


def packet_line(found, ident):
    """As xtables-monitor tells of a packet, as far as anybody reads it, and ICMP's type as well."""
    network, transport = found[TRACE_NETWORK_HEADER], found.get(TRACE_TRANSPORT_HEADER, b"")
    _, _, size, packet_id, _, ttl, protocol, _, source, target = struct.unpack(">BBHHHBBH4s4s", network[:20])
    text = "PACKET: 2 %s %s SRC=%s DST=%s LEN=%d TTL=%d ID=%d" % (
        ident,
        "IN=x" if TRACE_IIF in found else "OUT=x",
        socket.inet_ntoa(source),
        socket.inet_ntoa(target),
        size,
        ttl,
        packet_id,
    )
    if protocol in (6, 17) and len(transport) >= 4:
        text += " SPORT=%d DPORT=%d" % struct.unpack(">HH", transport[:4])
    if protocol == 6 and len(transport) >= 14:
        text += "".join(" " + name for bit, name in ((2, "SYN"), (16, "ACK"), (8, "PSH"), (4, "RST"), (1, "FIN")) if transport[13] & bit)
    if protocol == 1 and len(transport) >= 2:
        text += " TYPE=%d CODE=%d" % (transport[0], transport[1])
    return text + " "


def trace_lines(message):
    """What one message of the kernel (NFT_MSG_TRACE) says, in xtables-monitor's words."""
    found = attributes(message[4:])
    ident = found[TRACE_ID].hex()
    lines = [packet_line(found, ident)] if len(found.get(TRACE_NETWORK_HEADER, b"")) >= 20 else []
    place = " TRACE: 2 %s %s:%s:" % (ident, found[TRACE_TABLE].rstrip(b"\0").decode(), found[TRACE_CHAIN].rstrip(b"\0").decode())
    kind = struct.unpack(">I", found[TRACE_TYPE])[0]
    if kind == 1:
        return lines + [place + "policy:" + VERDICTS.get(struct.unpack(">i", found[TRACE_POLICY])[0], "?")]
    # The end of a chain has no rule.
    if kind == 2 or TRACE_RULE_HANDLE not in found:
        return lines + [place + "return"]
    verdict = attributes(found[TRACE_VERDICT])
    text = VERDICTS.get(struct.unpack(">i", verdict[1])[0], "?")
    if 2 in verdict:
        text += ":" + verdict[2].rstrip(b"\0").decode()
    return lines + [place + "rule:0x%x:%s" % (struct.unpack(">Q", found[TRACE_RULE_HANDLE])[0], text)]


def drain_monitor(node):
    lines = []
    while True:
        try:
            data = monitors[node].recv(1 << 20)
        except OSError:
            return lines
        at = 0
        while at + 16 <= len(data):
            size, kind = struct.unpack("=IH", data[at : at + 6])
            if size < 16:
                break
            if kind == NFT_MSG_TRACE:
                lines += trace_lines(data[at + 16 : at + size])
            at += (size + 3) & ~3


def read_tables(node):
    return {"conntrack": run(node, ["conntrack", "-L"]).stdout, "counters": run(node, ["iptables-save", "-c"]).stdout}


def work(setting):
    taps = {name: open_tap(name) for name in setting["names"]}
    for node in setting["nodes"]:
        start_monitor(node)
    print("ready", flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        answer = {}
        op = request["op"]
        if op == "serve":
            start_server(request)
        elif op == "sh":
            for name, tap in taps.items():
                drain(name, tap)
            done = run(request["netns"], ["sh", "-c", request["cmd"]])
            answer = {"code": done.returncode, "output": done.stdout + done.stderr}
        elif op == "restore":
            done = subprocess.run(["ip", "netns", "exec", request["netns"], "iptables-restore"], input=request["rules"], text=True, capture_output=True)
            answer = {"code": done.returncode, "output": done.stderr}
        elif op == "forget":
            # The wire first, so that nobody hears the server's end.
            run(request["netns"], ["ip", "link", "delete", "eth0"])
            stop_servers(request["netns"])
            taps.pop(request["netns"]).close()
            subprocess.run(["ip", "netns", "delete", request["netns"]], check=True)
            time.sleep(0.1)
        elif op == "sleep":
            time.sleep(request["seconds"])
        elif op == "tables":
            answer = {node: read_tables(node) for node in setting["nodes"]}
        else:
            for name, tap in taps.items():
                drain(name, tap)
            for node in setting["nodes"]:
                drain_monitor(node)
            results = [flow(request) for _ in range(request["count"])]
            time.sleep(SETTLE_SECONDS)
            answer = {
                "results": results,
                "frames": [frame for name, tap in taps.items() for frame in drain(name, tap)],
                "tables": {node: read_tables(node) for node in setting["nodes"]},
                "rules": {node: {"lines": drain_monitor(node), "numbers": numbers(node)} for node in setting["nodes"]},
            }
        print(json.dumps(answer), flush=True)


def main():
    folder = sys.argv[1]
    script = os.path.join(folder, "cluster.sh")
    try:
        built = subprocess.run(["bash", script], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        if built.returncode == 0:
            work(json.loads(sys.argv[2]))
        else:
            print(json.dumps("cluster.sh failed: " + built.stderr), flush=True)
    except BrokenPipeError:
        pass
    finally:
        for netns in list(servers):
            stop_servers(netns)
        subprocess.run(["bash", script, "--down"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        shutil.rmtree(folder, ignore_errors=True)


main()
