import { describe, expect, it } from 'vitest';
import { DEFAULT_EPOCH_MS } from '../wire/calendar.ts';
import { parseZoneFile } from './dns/zone-file.ts';
import type { HttpServerConfig } from './server-config.ts';
import { type AppWorld, appWorld, CLIENT, CONTROLPLANE, dnsOf, EPOCH_MS, NODE01, WEBS, ZONES } from './testing/app-world.ts';
import { chainServer, simpleDns } from './testing/simple-dns.ts';

const world = appWorld();
const run: AppWorld['run'] = (netns, line, options) => world.run(netns, line, options);

describe('curl', () => {
  it('asks a Service by name and prints the page of the pod that answered', () => {
    const ran = run(CLIENT, 'curl web-service');
    expect(ran.stdout).toMatch(/^Hello from web-[123]\n$/);
    expect(ran).toMatchObject({ stderr: '', exitCode: 0 });
  });

  it('spreads over all endpoints', () => {
    const pages = new Set(Array.from({ length: 20 }, () => run(CLIENT, 'curl web-service').stdout));
    expect([...pages].sort()).toEqual(['Hello from web-1\n', 'Hello from web-2\n', 'Hello from web-3\n']);
  });

  it('tells with -v what it does, as 7.88.1 words it', () => {
    const { stderr } = run(CLIENT, 'curl -sv http://web-service/', { tty: false });
    expect(stderr.replace(/Date: .*\r?\n/, 'Date: …\n').replaceAll('\r', '')).toBe(
      [
        '*   Trying 10.97.253.216:80...',
        '* Connected to web-service (10.97.253.216) port 80 (#0)',
        '> GET / HTTP/1.1',
        '> Host: web-service',
        '> User-Agent: curl/7.88.1',
        '> Accept: */*',
        '> ',
        '< HTTP/1.1 200 OK',
        '< Server: nginx/1.29.3',
        '< Date: …',
        '< Content-Type: text/html',
        '< Content-Length: 17',
        '< Last-Modified: Sat, 04 Apr 2026 09:00:00 GMT',
        '< Connection: keep-alive',
        '< ETag: "69d0d310-11"',
        '< Accept-Ranges: bytes',
        '< ',
        '{ [17 bytes data]',
        '* Connection #0 to host web-service left intact',
        '',
      ].join('\n'),
    );
  });

  it('is refused by a closed port with a RST, and by a Service without endpoints with an ICMP error: exit 7', () => {
    const closed = run(CLIENT, 'curl -sv -m 2 http://10.244.1.3:9999/');
    expect(closed).toEqual({
      stdout: '',
      stderr:
        "*   Trying 10.244.1.3:9999...\n* connect to 10.244.1.3 port 9999 failed: Connection refused\n* Failed to connect to 10.244.1.3 port 9999 after 0 ms: Couldn't connect to server\n* Closing connection 0\n",
      exitCode: 7,
    });
    expect(run(CLIENT, 'curl http://10.96.0.99')).toEqual({
      stdout: '',
      stderr: "curl: (7) Failed to connect to 10.96.0.99 port 80 after 0 ms: Couldn't connect to server\n",
      exitCode: 7,
    });
  });

  it('times out where nobody answers: exit 28', () => {
    expect(run(CLIENT, 'curl -sv -m 2 http://10.244.1.77/')).toEqual({
      stdout: '',
      stderr: '*   Trying 10.244.1.77:80...\n* Connection timed out after 2001 milliseconds\n* Closing connection 0\n',
      exitCode: 28,
    });
  });

  it('hears of a pod address that nobody has after three ARP questions: no route to host', () => {
    const ran = run(CLIENT, 'curl -v http://10.244.0.77/');
    expect(ran.stderr).toMatch(/connect to 10\.244\.0\.77 port 80 failed: No route to host\n/);
    expect(ran.stderr).toMatch(/curl: \(7\) Failed to connect to 10\.244\.0\.77 port 80 after 3\d{3} ms: Couldn't connect to server\n$/);
  });

  it('cannot resolve a name that does not exist: exit 6', () => {
    expect(run(CLIENT, 'curl -sv -m 2 http://nope/')).toEqual({ stdout: '', stderr: '* Could not resolve host: nope\n* Closing connection 0\n', exitCode: 6 });
  });

  it('shows heads, status codes and 404 pages', () => {
    expect(run(CLIENT, 'curl -sI web-service').stdout).toMatch(/^HTTP\/1\.1 200 OK\r\nServer: nginx/);
    expect(run(CLIENT, "curl -s -o /dev/null -w '%{http_code} %{remote_ip} %{size_download}\\n' http://web-service/nope").stdout).toBe(
      '404 10.97.253.216 153\n',
    );
    expect(run(CLIENT, 'curl -sf http://web-service/nope')).toEqual({ stdout: '', stderr: '', exitCode: 22 });
    expect(run(CLIENT, 'curl -s http://web-service/nope').stdout).toContain('<center><h1>404 Not Found</h1></center>\r\n');
  });

  it('uses a kept connection for a second URL of the same host', () => {
    const { stderr, stdout } = run(CLIENT, 'curl -sv http://web-service/ http://web-service/');
    expect(stderr).toContain('* Re-using existing connection! (#0) with host web-service\n');
    expect(stdout).toMatch(/^(Hello from web-\d\n)\1$/);
  });

  it('shows the progress meter when its output is no terminal', () => {
    const { stderr } = run(CLIENT, 'curl http://web-service/', { tty: false });
    expect(stderr).toMatch(/^ {2}% Total {4}% Received % Xferd/);
    expect(stderr).toMatch(/\r100 {4}17 {2}100 {4}17 {4}0 {5}0 {2}.{5} {6}0 --:--:-- --:--:-- --:--:-- .{5}\n$/);
  });

  it.each([
    ['curl', "curl: no URL specified!\ncurl: try 'curl --help' or 'curl --manual' for more information\n", 2],
    ['curl --foo x', "curl: option --foo: is unknown\ncurl: try 'curl --help' or 'curl --manual' for more information\n", 2],
    ['curl -m', "curl: option -m: requires parameter\ncurl: try 'curl --help' or 'curl --manual' for more information\n", 2],
    ['curl ftp://web', 'curl: (1) Protocol "ftp" not supported or disabled in libcurl\n', 1],
    ['curl http://', 'curl: (3) URL using bad/illegal format or missing URL\n', 3],
    ['curl http://web:99999/', 'curl: (3) URL using bad/illegal format or missing URL\n', 3],
  ])('%s is refused in its words', (line, stderr, exitCode) => {
    expect(run(CLIENT, line)).toMatchObject({ stdout: '', stderr, exitCode });
  });
});

describe('nslookup', () => {
  it('of BIND prints server, answer, and the missing recursion twice', () => {
    expect(run(CLIENT, 'nslookup web-service')).toEqual({
      stdout:
        ';; Got recursion not available from 10.96.0.10\nServer:\t\t10.96.0.10\nAddress:\t10.96.0.10#53\n\nName:\tweb-service.default.svc.cluster.local\nAddress: 10.97.253.216\n;; Got recursion not available from 10.96.0.10\n\n',
      stderr: '',
      exitCode: 0,
    });
  });

  it('walks the search list to the first name that exists', () => {
    const { stdout } = run(CLIENT, 'nslookup web-service.default');
    expect(stdout.match(/Got recursion/g)).toHaveLength(3);
    expect(stdout).toContain('Name:\tweb-service.default.svc.cluster.local\n');
  });

  it('finds the name of an address', () => {
    expect(run(CLIENT, 'nslookup 10.97.253.216').stdout).toContain('216.253.97.10.in-addr.arpa\tname = web-service.default.svc.cluster.local.\n');
  });

  it('complains three times about a server that is silent', () => {
    const ran = run(CLIENT, 'nslookup web-service 10.244.1.77');
    expect(ran.stdout).toBe(`${';; communications error to 10.244.1.77#53: host unreachable\n'.repeat(1)}${ran.stdout.slice(60)}`);
    expect(ran.stdout).toMatch(/no servers could be reached\n\n\n$/);
    expect(ran.exitCode).toBe(1);
  });

  it('of busybox asks every suffix and shows the misses too', () => {
    expect(run(CLIENT, 'busybox-nslookup web-service')).toEqual({
      stdout:
        "Server:\t\t10.96.0.10\nAddress:\t10.96.0.10:53\n\nName:\tweb-service.default.svc.cluster.local\nAddress: 10.97.253.216\n\n** server can't find web-service.svc.cluster.local: NXDOMAIN\n\n** server can't find web-service.cluster.local: NXDOMAIN\n\n\n** server can't find web-service.svc.cluster.local: NXDOMAIN\n\n** server can't find web-service.cluster.local: NXDOMAIN\n\n",
      stderr: '',
      exitCode: 1,
    });
    expect(run(CLIENT, 'busybox-nslookup web-service.default.svc.cluster.local').stdout).toBe(
      'Server:\t\t10.96.0.10\nAddress:\t10.96.0.10:53\n\nName:\tweb-service.default.svc.cluster.local\nAddress: 10.97.253.216\n\n\n',
    );
  });
});

describe('dig', () => {
  it('prints the whole reply', () => {
    const { stdout, exitCode } = run(CLIENT, 'dig web-service.default.svc.cluster.local');
    expect(exitCode).toBe(0);
    expect(
      stdout
        .replace(/id: \d+/, 'id: 1')
        .replace(/time: \d+/, 'time: 0')
        .replace(/COOKIE: [0-9a-f]{16}/, 'COOKIE: …')
        .replace(/WHEN: .*/, 'WHEN: …'),
    ).toBe(
      '\n; <<>> DiG 9.18.49-1~deb12u3-Debian <<>> web-service.default.svc.cluster.local\n;; global options: +cmd\n;; Got answer:\n;; WARNING: .local is reserved for Multicast DNS\n;; You are currently testing what happens when an mDNS query is leaked to DNS\n;; ->>HEADER<<- opcode: QUERY, status: NOERROR, id: 1\n;; flags: qr aa rd; QUERY: 1, ANSWER: 1, AUTHORITY: 0, ADDITIONAL: 1\n;; WARNING: recursion requested but not available\n\n;; OPT PSEUDOSECTION:\n; EDNS: version: 0, flags:; udp: 1232\n; COOKIE: … (echoed)\n;; QUESTION SECTION:\n;web-service.default.svc.cluster.local. IN A\n\n;; ANSWER SECTION:\nweb-service.default.svc.cluster.local. 30 IN A\t10.97.253.216\n\n;; Query time: 0 msec\n;; SERVER: 10.96.0.10#53(10.96.0.10) (UDP)\n;; WHEN: …\n;; MSG SIZE  rcvd: 131\n\n',
    );
  });

  it.each([
    ['dig +short db.default.svc.cluster.local', '10.244.1.3\n10.244.1.4\n10.244.1.5\n'],
    ['dig web-service +search +short', '10.97.253.216\n'],
    [
      'dig SRV _http._tcp.web-service.default.svc.cluster.local +noall +answer',
      '_http._tcp.web-service.default.svc.cluster.local. 30 IN SRV 0 100 80 web-service.default.svc.cluster.local.\n',
    ],
    ['dig -x 10.97.253.216 +short', 'web-service.default.svc.cluster.local.\n'],
    ['dig +short 10-244-1-9.default.pod.cluster.local', '10.244.1.9\n'],
    ['dig +short 10-244-1-9.nowhere.pod.cluster.local', ''],
    ['dig +short old.default.svc.cluster.local @10.244.1.2', 'web-service.default.svc.cluster.local.\n10.97.253.216\n'],
  ])('%s', (line, stdout) => {
    expect(run(CLIENT, line)).toEqual({ stdout, stderr: '', exitCode: 0 });
  });

  it('tells NXDOMAIN from a name without such records', () => {
    const none = run(CLIENT, 'dig nope.default.svc.cluster.local').stdout;
    expect(none).toContain('status: NXDOMAIN');
    expect(none).toContain(
      ';; AUTHORITY SECTION:\ncluster.local.\t\t30\tIN\tSOA\tns.dns.cluster.local. hostmaster.cluster.local. 1775293200 7200 1800 86400 30\n',
    );
    const noData = run(CLIENT, 'dig AAAA web-service.default.svc.cluster.local').stdout;
    expect(noData).toContain('status: NOERROR');
    expect(noData).toContain('ANSWER: 0, AUTHORITY: 1');
    expect(run(CLIENT, 'dig svc.cluster.local').stdout).toContain('status: NOERROR');
  });

  it('keeps the case of a question in the answer', () => {
    expect(run(CLIENT, 'dig +noall +answer WEB-service.Default.svc.cluster.local').stdout).toContain('WEB-service.Default.svc.cluster.local. 30 IN A');
  });
});

describe('host and getent', () => {
  it('find a Service', () => {
    expect(run(CLIENT, 'host web-service').stdout).toBe('web-service.default.svc.cluster.local has address 10.97.253.216\n');
    expect(run(CLIENT, 'getent hosts web-service').stdout).toBe('10.97.253.216   web-service.default.svc.cluster.local\n');
    expect(run(CLIENT, 'getent hosts localhost').stdout).toBe('127.0.0.1       localhost\n');
    expect(run(CLIENT, 'getent hosts nope').exitCode).toBe(2);
  });
});

describe('CoreDNS', () => {
  const parsed = parseZoneFile('@ 60 SOA ns. admin. 1 1 1 1 60\nexample.com. 30 A 203.0.113.7\n', '.');
  if (!parsed.ok) throw new Error(parsed.error);
  const upstream = chainServer([{ name: 'world', zones: [parsed.zone] }]);

  it('asks upstream for other names, keeps the answer for a while, and then says recursion is available', () => {
    const w = appWorld();
    w.network.spawn({ netns: 'router/netns/root', app: 'dns-server', name: 'dns', config: upstream });
    w.idle();
    const first = w.run(CLIENT, 'dig example.com @10.244.0.2').stdout;
    expect(first).toContain('flags: qr rd ra;');
    expect(first).toMatch(/example\.com\.\t\t30\tIN\tA\t203\.0\.113\.7\n/);
    w.network.advanceTo(w.network.nowNs + 10e9);
    expect(w.run(CLIENT, 'dig +noall +answer example.com @10.244.0.2').stdout).toMatch(/example\.com\.\t\t20\tIN\tA\t203/);
  });

  it('answers SERVFAIL and logs the error when upstream refuses', () => {
    const w = appWorld();
    expect(w.run(CLIENT, 'dig example.com @10.244.0.2').stdout).toContain('status: SERVFAIL');
    expect(w.output('controlplane/netns/coredns1.default/process/coredns').stdout).toMatch(
      /^\[ERROR\] plugin\/errors: 2 example\.com\. A: read udp 10\.244\.0\.2:\d+->172\.30\.0\.1:53: read: connection refused\n$/,
    );
  });

  it('logs queries when the log plugin is there', () => {
    const w = appWorld({ dns: dnsOf(ZONES, true) });
    w.run(CLIENT, 'dig web-service.default.svc.cluster.local @10.244.0.2');
    expect(w.output('controlplane/netns/coredns1.default/process/coredns').stdout).toMatch(
      /^\[INFO\] 10\.244\.0\.3:\d+ - \d+ "A IN web-service\.default\.svc\.cluster\.local\. udp 78 false 1232" NOERROR qr,aa,rd 108 0\.0000\d+s\n$/,
    );
  });

  it('answers the next question by what its zones say then', () => {
    const w = appWorld();
    const ask = (name: string) => w.run(CLIENT, `dig +noall +answer ${name} @10.244.0.2`).stdout;
    expect(ask('db.default.svc.cluster.local').match(/10\.244\.1\.\d/g)).toEqual(WEBS);
    expect(ask('db.default.svc.cluster.local').match(/10\.244\.1\.\d/g)).toEqual(WEBS);
    // The case of the question stays, also when the name was asked before.
    expect(ask('DB.default.svc.cluster.local')).toMatch(/^DB\.default\.svc\.cluster\.local\. 30\t?/);
    const [zone, ...others] = ZONES;
    if (zone === undefined) throw new Error('no zone');
    const names = { ...zone.names, 'db.default.svc.cluster.local.': [{ type: 'A' as const, data: '10.244.1.9' }] };
    const record = w.b.records.get('controlplane/netns/coredns1.default/process/coredns');
    if (record.kind !== 'process') throw new Error('no process');
    w.b.records.put({ ...record, config: dnsOf([{ ...zone, names }, ...others]) });
    expect(ask('db.default.svc.cluster.local').match(/10\.244\.1\.\d/g)).toEqual(['10.244.1.9']);
  });

  it('fails at the end of its plugins when nobody forwards, and says after which', () => {
    const w = appWorld({ dns: simpleDns({ zones: ZONES }) });
    expect(w.run(CLIENT, 'dig example.com @10.244.0.2').stdout).toContain('status: SERVFAIL');
    expect(w.output('controlplane/netns/coredns1.default/process/coredns').stdout).toContain(
      '[ERROR] plugin/errors: 2 example.com. A: plugin/kubernetes: no next plugin found\n',
    );
  });
});

describe('ping', () => {
  it('prints replies and the summary as iputils does', () => {
    expect(run(CLIENT, 'ping -c 2 10.244.1.3').stdout).toMatch(
      /^PING 10\.244\.1\.3 \(10\.244\.1\.3\) 56\(84\) bytes of data\.\n64 bytes from 10\.244\.1\.3: icmp_seq=1 ttl=62 time=0\.\d{3} ms\n64 bytes from 10\.244\.1\.3: icmp_seq=2 ttl=62 time=0\.\d{3} ms\n\n--- 10\.244\.1\.3 ping statistics ---\n2 packets transmitted, 2 received, 0% packet loss, time 1000ms\nrtt min\/avg\/max\/mdev = 0\.\d{3}\/0\.\d{3}\/0\.\d{3}\/0\.\d{3} ms\n$/,
    );
  });

  it('runs without end until Ctrl-C', () => {
    const ran = run(CLIENT, 'ping 10.244.1.3', { seconds: 2.5 });
    expect(ran.exitCode).toBe(0);
    expect(ran.stdout).toContain('3 packets transmitted, 3 received');
  });

  it('shows an error from the way, and exits 1', () => {
    // In a world of its own: the router sends one such error a second and no more.
    const ran = appWorld().run(CLIENT, 'ping -c 1 -W 1 10.97.253.216');
    expect(ran.exitCode).toBe(1);
    expect(ran.stdout).toContain('From 172.30.0.1 icmp_seq=1 Destination Net Unreachable\n');
    expect(ran.stdout).toContain('1 packets transmitted, 0 received, +1 errors, 100% packet loss, time 0ms\n\n');
  });

  it('knows that 1500 bytes do not fit flannel', () => {
    expect(run(CLIENT, 'ping -c1 -s 1472 -M do 10.244.1.3')).toEqual({
      stdout:
        'PING 10.244.1.3 (10.244.1.3) 1472(1500) bytes of data.\n\n--- 10.244.1.3 ping statistics ---\n1 packets transmitted, 0 received, +1 errors, 100% packet loss, time 0ms\n\n',
      stderr: 'ping: local error: message too long, mtu=1450\n',
      exitCode: 1,
    });
  });

  it("has busybox' manners in busybox", () => {
    expect(run(CLIENT, 'ping -c 1 10.244.1.3', { image: 'busybox:1.36' }).stdout).toMatch(
      /^PING 10\.244\.1\.3 \(10\.244\.1\.3\): 56 data bytes\n64 bytes from 10\.244\.1\.3: seq=0 ttl=62 time=0\.\d{3} ms\n\n--- 10\.244\.1\.3 ping statistics ---\n1 packets transmitted, 1 packets received, 0% packet loss\nround-trip/,
    );
  });

  it.each([
    ['ping nope', 'ping: nope: Temporary failure in name resolution\n', 2],
    ['ping', 'ping: usage error: Destination address required\n', 2],
    ['ping -c x 10.0.0.1', "ping: invalid argument: 'x'\n", 1],
  ])('%s fails in its words', (line, stderr) => {
    expect(run(CLIENT, line).stderr).toBe(stderr);
  });
});

describe('traceroute', () => {
  it("names cni0, the far node's flannel.1 and the pod", () => {
    expect(run(CLIENT, 'traceroute -n 10.244.1.4').stdout).toMatch(
      /^traceroute to 10\.244\.1\.4 \(10\.244\.1\.4\), 30 hops max, 60 byte packets\n 1 {2}10\.244\.0\.1 {2}0\.\d{3} ms {2}0\.\d{3} ms {2}0\.\d{3} ms\n 2 {2}10\.244\.1\.0 {2}0\.\d{3} ms {2}0\.\d{3} ms {2}0\.\d{3} ms\n 3 {2}10\.244\.1\.4 {2}0\.\d{3} ms {2}0\.\d{3} ms {2}0\.\d{3} ms\n$/,
    );
  });
});

describe('nc', () => {
  it('tells whether a port is open', () => {
    expect(run(CLIENT, 'nc -zv web-service 80')).toEqual({
      stdout: '',
      stderr: 'Connection to web-service (10.97.253.216) 80 port [tcp/http] succeeded!\n',
      exitCode: 0,
    });
    expect(run(CLIENT, 'nc -zv 10.244.1.3 9999')).toEqual({
      stdout: '',
      stderr: 'nc: connect to 10.244.1.3 port 9999 (tcp) failed: Connection refused\n',
      exitCode: 1,
    });
    expect(run(CLIENT, 'nc -zvu -w 1 10.96.0.10 53').stderr).toBe('Connection to 10.96.0.10 53 port [udp/domain] succeeded!\n');
    expect(run(CLIENT, 'nc -w 2 web-service 80')).toEqual({ stdout: '', stderr: '', exitCode: 0 });
    expect(run(CLIENT, 'nc -zv -w 2 10.244.1.77 80').stderr).toBe('nc: connect to 10.244.1.77 port 80 (tcp) timed out: Operation now in progress\n');
  });

  it('speaks busybox in a busybox image', () => {
    const busybox = { image: 'busybox:1.36' };
    expect(run(CLIENT, 'nc -zv web-service 80', busybox)).toEqual({ stdout: '', stderr: 'web-service (10.97.253.216:80) open\n', exitCode: 0 });
    // With one -v a refusal is told by the exit code alone.
    expect(run(CLIENT, 'nc -zv 10.244.1.3 9999', busybox)).toEqual({ stdout: '', stderr: '', exitCode: 1 });
    expect(run(CLIENT, 'nc -zv -w 2 10.244.1.78 80', busybox).stderr).toBe('nc: 10.244.1.78 (10.244.1.78:80): Connection timed out\n');
    expect(run(CLIENT, 'nc -zv nope 80', busybox).stderr).toBe("nc: bad address 'nope'\n");
  });

  it('talks HTTP by hand', () => {
    const ran = run(CLIENT, 'nc 10.244.1.3 80', { stdin: 'GET / HTTP/1.1\r\nHost: web\r\nConnection: close\r\n\r\n' });
    expect(ran.stdout).toMatch(/^HTTP\/1\.1 200 OK\r\n[\s\S]*\r\n\r\nHello from web-1\n$/);
    expect(ran.exitCode).toBe(0);
  });

  it('joins two terminals', () => {
    const w = appWorld();
    const server = w.start('node01/netns/web-1.default', 'nc -lvp 9000');
    w.network.advanceTo(w.network.nowNs + 1e6);
    const client = w.start(CLIENT, 'nc 10.244.1.3 9000');
    w.network.writeStdin(client, 'hello\n');
    w.network.advanceTo(w.network.nowNs + 10e6);
    w.network.writeStdin(server, 'you too\n');
    w.network.advanceTo(w.network.nowNs + 10e6);
    expect(w.output(server).stdout).toBe('hello\n');
    expect(w.output(server).stderr).toMatch(/^Listening on 0\.0\.0\.0 9000\nConnection received on 10\.244\.0\.3 \d+\n$/);
    expect(w.output(client).stdout).toBe('you too\n');
    w.network.signal(client, 'SIGINT');
    w.network.advanceTo(w.network.nowNs + 10e6);
    expect(w.output(server).exitCode).toBe(0);
  });
});

describe('wget', () => {
  it('prints the page with -qO-', () => {
    expect(run(CLIENT, 'wget -qO- http://web-service', { image: 'busybox' })).toMatchObject({ stderr: '', exitCode: 0 });
    expect(run(CLIENT, 'wget -O- http://web-service', { image: 'busybox' }).stderr).toMatch(
      /^Connecting to web-service \(10\.97\.253\.216:80\)\nwriting to stdout\n- {20}100% \|\*{32}\| {4}17 {2}0:00:00 ETA\nwritten to stdout\n$/,
    );
    expect(run(CLIENT, 'wget -O- http://nope', { image: 'busybox' })).toEqual({ stdout: '', stderr: "wget: bad address 'nope'\n", exitCode: 1 });
    expect(run(CLIENT, 'wget -O- http://10.244.1.3:81', { image: 'busybox' }).stderr).toContain(
      "wget: can't connect to remote host (10.244.1.3): Connection refused\n",
    );
    expect(run(CLIENT, 'wget -O- http://web-service/nope', { image: 'debian' }).stderr).toMatch(
      /HTTP request sent, awaiting response\.\.\. 404 Not Found\n.* ERROR 404: Not Found\.\n\n$/,
    );
  });
});

describe('tcpdump', () => {
  it('sees a curl cross the tunnel, until Ctrl-C', () => {
    const w = appWorld();
    const id = w.start(NODE01, "tcpdump -i flannel.1 -n 'tcp' -vvv");
    w.run(CLIENT, 'curl -s web-service');
    w.idle();
    w.network.signal(id, 'SIGINT');
    const { stdout, stderr, exitCode } = w.output(id);
    expect(exitCode).toBe(0);
    expect(stderr).toBe(
      'tcpdump: listening on flannel.1, link-type EN10MB (Ethernet), snapshot length 262144 bytes\n\n10 packets captured\n10 packets received by filter\n0 packets dropped by kernel\n',
    );
    expect(stdout.match(/Flags \[\S+\]/g)).toEqual([
      'Flags [S]',
      'Flags [S.]',
      'Flags [.]',
      'Flags [P.]',
      'Flags [.]',
      'Flags [P.]',
      'Flags [.]',
      'Flags [F.]',
      'Flags [F.]',
      'Flags [.]',
    ]);
    expect(stdout).toContain('mss 1410,sackOK,TS val ');
    expect(stdout).toContain('\tGET / HTTP/1.1\n\tHost: web-service\n');
  });

  it('ends by itself after -c packets', () => {
    const w = appWorld();
    const id = w.start(CONTROLPLANE, 'tcpdump -i any -nn -c 2 icmp');
    w.run(CLIENT, 'ping -c 2 10.244.1.3');
    const { stdout, stderr, exitCode } = w.output(id);
    expect(exitCode).toBe(0);
    expect(stdout.split('\n')).toHaveLength(3);
    expect(stdout).toMatch(/^09:00:00\.\d{6} veth\w+ P {3}IP 10\.244\.0\.3 > 10\.244\.1\.3: ICMP echo request, id \d+, seq 1, length 64\n/);
    expect(stderr).toContain(
      'tcpdump: data link type LINUX_SLL2\ntcpdump: verbose output suppressed, use -v[v]... for full protocol decode\nlistening on any, link-type LINUX_SLL2 (Linux cooked v2), snapshot length 262144 bytes\n',
    );
    expect(stderr).toContain('2 packets captured\n2 packets received by filter\n0 packets dropped by kernel\n');
  });

  it('knows its devices and its syntax', () => {
    expect(run(CLIENT, 'tcpdump -i eth9')).toMatchObject({ stderr: 'tcpdump: eth9: No such device exists\n(No such device exists)\n', exitCode: 1 });
    expect(run(CLIENT, 'tcpdump tcp and')).toMatchObject({ stderr: "tcpdump: can't parse filter expression: syntax error\n", exitCode: 1 });
  });
});

describe('web servers', () => {
  const page = (config: Partial<HttpServerConfig>, line = 'curl -s http://10.244.1.3:8080/') => {
    const w = appWorld();
    w.network.spawn({ netns: 'node01/netns/web-1.default', app: 'http-server', name: 'server', config: { port: 8080, epochMs: EPOCH_MS, ...config } });
    w.idle();
    const { stdout } = w.run(CLIENT, line);
    return { stdout, log: w.output('node01/netns/web-1.default/process/server') };
  };

  it('have the manners of their images', () => {
    expect(page({ server: 'echo', text: 'hi' }).stdout).toBe('hi\n');
    expect(page({ server: 'httpd' }, 'curl -si http://10.244.1.3:8080/').stdout).toMatch(
      /^HTTP\/1\.1 200 OK\r\nDate: .*\r\nServer: Apache\/2\.4\.65 \(Unix\)\r\n[\s\S]*\r\n\r\nHello from web-1\n$/,
    );
    expect(page({ server: 'whoami' }).stdout).toMatch(
      /^Hostname: web-1\nIP: 127\.0\.0\.1\nIP: 10\.244\.1\.3\nRemoteAddr: 10\.244\.0\.3:\d+\nGET \/ HTTP\/1\.1\nHost: 10\.244\.1\.3:8080\nAccept: \*\/\*\nUser-Agent: curl\/7\.88\.1\n\n$/,
    );
    expect(page({ server: 'agnhost' }, 'curl -s http://10.244.1.3:8080/clientip').stdout).toMatch(/^10\.244\.0\.3:\d+$/);
    expect(page({ server: 'generic' }).stdout).toBe('web-1\n');
  });

  it('write their access logs', () => {
    expect(page({ server: 'nginx' }).log.stdout).toMatch(
      /^10\.244\.0\.3 - - \[04\/Apr\/2026:09:00:00 \+0000\] "GET \/ HTTP\/1\.1" 200 17 "-" "curl\/7\.88\.1" "-"\n$/,
    );
    expect(page({ server: 'python' }, 'curl -s http://10.244.1.3:8080/x').log.stderr).toMatch(
      /code 404, message File not found\n.*"GET \/x HTTP\/1\.1" 404 -\n$/,
    );
  });

  it('of Python speak HTTP/1.0 and close', () => {
    expect(page({ server: 'python' }, 'curl -sv http://10.244.1.3:8080/').stdout).toBe('Hello from web-1\n');
  });

  it('say so when their port is taken', () => {
    const w = appWorld();
    w.network.spawn({ netns: 'node01/netns/web-1.default', app: 'http-server', name: 'second', config: { port: 80, server: 'nginx' } });
    w.idle();
    expect(w.output('node01/netns/web-1.default/process/second')).toMatchObject({
      stderr: 'nginx: [emerg] bind() to 0.0.0.0:80 failed (98: Address already in use)\n',
      exitCode: 1,
    });
  });
});

describe('sleep', () => {
  it('takes its time', () => {
    const w = appWorld();
    const before = w.network.nowNs;
    expect(w.run(CLIENT, 'sleep 0.5')).toEqual({ stdout: '', stderr: '', exitCode: 0 });
    expect(w.network.nowNs - before).toBe(0.5e9);
    expect(run(CLIENT, 'sleep x').stderr).toContain("sleep: invalid time interval 'x'");
  });
});

describe('the clock', () => {
  it('of programs starts where the world says, in its absence on a fixed day', () => {
    expect(DEFAULT_EPOCH_MS).toBe(EPOCH_MS);
  });
});
