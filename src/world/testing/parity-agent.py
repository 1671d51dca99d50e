"""Builds an exported cluster, watches every interface of every namespace in it, makes one request at a time, says what passed.

Arguments: a JSON list of namespace names (below /run/netns), and the folder of cluster.sh. When standard input ends - also because
whoever started this was killed - the cluster and the folder are removed. Prints "ready" when it stands. Reads one JSON request a line, writes one JSON answer a line:
{"netns", "proto": "tcp"|"udp"|"icmp", "ip", "port", "payload" (hex), "expect" (bytes of answer), "ttl", "size", "dontFragment", "timeout" (seconds)}
-> {"result": "ok"|"timeout"|errno name|"icmp TYPE/CODE", "frames": [[namespace, interface, "in"|"out", nanoseconds, hex], ...]}
"""

import ctypes
import errno
import json
import os
import select
import shutil
import socket
import struct
import subprocess
import sys
import time

CLONE_NEWNET = 0x40000000
ETH_P_ALL = 3
SO_TIMESTAMPNS = 35
IP_TTL = 2
IP_MTU_DISCOVER = 10
IP_PMTUDISC_WANT = 1
IP_PMTUDISC_DO = 2
PACKET_OUTGOING = 4
SETTLE_SECONDS = 0.08
MAX_FRAMES = 20000

libc = ctypes.CDLL(None, use_errno=True)


def enter(name):
    descriptor = os.open("/run/netns/" + name, os.O_RDONLY)
    if libc.setns(descriptor, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")
    os.close(descriptor)


def open_tap(name):
    enter(name)
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
        except BlockingIOError:
            break
        seconds, nanoseconds = struct.unpack("qq", extra[0][2][:16])
        direction = "out" if address[2] == PACKET_OUTGOING else "in"
        frames.append([name, address[0], direction, seconds * 10**9 + nanoseconds, data.hex()])
    return frames


def tcp(request):
    with socket.socket() as one:
        one.settimeout(request["timeout"])
        one.connect((request["ip"], request["port"]))
        if request["payload"]:
            one.sendall(bytes.fromhex(request["payload"]))
        got = 0
        while got < request["expect"]:
            data = one.recv(65536)
            if not data:
                return "closed"
            got += len(data)
        return "ok" if got == request["expect"] else "answer of %d bytes" % got


def udp(request):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.settimeout(request["timeout"])
        one.connect((request["ip"], request["port"]))
        one.send(bytes.fromhex(request["payload"]))
        one.recv(65536)
        return "ok"


def icmp(request):
    raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
    raw.setsockopt(socket.IPPROTO_IP, IP_TTL, request["ttl"])
    raw.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO if request["dontFragment"] else IP_PMTUDISC_WANT)
    ident = (os.getpid() & 0x7FFF) + 1
    body = struct.pack(">BBHHH", 8, 0, 0, ident, 1) + bytes(request["size"])
    total = sum(struct.unpack(">%dH" % (len(body) // 2), body[: len(body) // 2 * 2])) + (body[-1] << 8 if len(body) % 2 else 0)
    total = (total >> 16) + (total & 0xFFFF)
    raw.sendto(body[:2] + struct.pack(">H", ~(total + (total >> 16)) & 0xFFFF) + body[4:], (request["ip"], 0))
    end = time.monotonic() + request["timeout"]
    while select.select([raw], [], [], max(0, end - time.monotonic()))[0]:
        reply = raw.recv(65536)[20:]
        if reply[0] == 0 and struct.unpack(">H", reply[4:6])[0] == ident:
            return "ok"
        if reply[0] in (3, 11) and len(reply) >= 34 and struct.unpack(">H", reply[32:34])[0] == ident:
            return "icmp %d/%d" % (reply[0], reply[1])
    return "timeout"


def call(request):
    """In a process of its own, which alone changes into the namespace."""
    readable, writable = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            enter(request["netns"])
            result = {"tcp": tcp, "udp": udp, "icmp": icmp}[request["proto"]](request)
        except socket.timeout:
            result = "timeout"
        except OSError as problem:
            result = errno.errorcode.get(problem.errno, str(problem))
        os.write(writable, result.encode())
        os._exit(0)
    os.close(writable)
    result = os.read(readable, 4096).decode()
    os.close(readable)
    os.waitpid(child, 0)
    return result


def serve(names):
    own = os.open("/proc/self/ns/net", os.O_RDONLY)
    taps = [(name, open_tap(name)) for name in names]
    libc.setns(own, CLONE_NEWNET)
    print("ready", flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        for name, tap in taps:
            drain(name, tap)
        result = call(request)
        time.sleep(SETTLE_SECONDS)
        frames = [frame for name, tap in taps for frame in drain(name, tap)]
        print(json.dumps({"result": result, "frames": frames}), flush=True)


def main():
    folder = sys.argv[2]
    script = os.path.join(folder, "cluster.sh")
    try:
        built = subprocess.run(["bash", script], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        if built.returncode == 0:
            serve(json.loads(sys.argv[1]))
        else:
            print(json.dumps("cluster.sh failed: " + built.stderr), flush=True)
    except BrokenPipeError:
        pass
    finally:
        subprocess.run(["bash", script, "--down"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        shutil.rmtree(folder, ignore_errors=True)


main()
