/** ip link, ip netns, bridge, tc, ethtool, wg: what they print and refuse, held against iproute2 6.1 on a kernel where that has the device, and against its source where not. */
import { describe, expect, it } from 'vitest';
import { openArticle, runLine } from '../../world/testing/article.ts';

type World = ReturnType<typeof openArticle>;
const both = (world: World, line: string): string => {
  const { stdout, stderr } = runLine(world, line);
  return stdout + stderr;
};
const status = (world: World, line: string): readonly [string, number] => {
  const result = runLine(world, line);
  return [result.stderr, result.exitCode];
};
/** A lab: netns with a pair between, away from the cluster. */
function lab(): World {
  const world = openArticle();
  runLine(world, 'ip netns add lab && ip link add v0 type veth peer name v1 netns lab && ip addr add 10.50.0.1/24 dev v0 && ip link set v0 up');
  runLine(world, 'ip -n lab addr add 10.50.0.2/24 dev v1 && ip -n lab link set v1 up && ip -n lab link set lo up');
  return world;
}

describe('ip link', () => {
  it('makes a bridge that follows its ports’ lowest MAC and smallest MTU until somebody says otherwise', () => {
    const world = openArticle();
    runLine(world, 'ip link add br0 type bridge; ip link add va type veth peer name pa; ip link add vb mtu 1400 type veth peer name pb');
    runLine(world, 'ip link set va address 02:00:00:00:00:11; ip link set vb address 02:00:00:00:00:02; ip link set va master br0');
    expect(both(world, 'ip link show br0')).toMatch(
      /^\d+: br0: <BROADCAST,MULTICAST> mtu 1500 qdisc noop state DOWN mode DEFAULT group default qlen 1000\n {4}link\/ether 02:00:00:00:00:11 brd ff:ff:ff:ff:ff:ff\n$/,
    );
    runLine(world, 'ip link set vb master br0; ip link set br0 up');
    expect(both(world, 'ip link show br0')).toMatch(
      /: br0: <NO-CARRIER,BROADCAST,MULTICAST,UP> mtu 1400 qdisc noqueue state DOWN mode DEFAULT group default qlen 1000\n {4}link\/ether 02:00:00:00:00:02 /,
    );
    runLine(world, 'ip link set br0 address 02:00:00:00:00:99; ip link set vb nomaster');
    expect(both(world, 'ip -br link show br0')).toBe('br0              DOWN           02:00:00:00:00:99 <NO-CARRIER,BROADCAST,MULTICAST,UP> \n');
    expect(both(world, 'bridge -d link show dev va')).toMatch(
      /^\d+: va@pa: <BROADCAST,MULTICAST,M-DOWN> mtu 1500 master br0 state disabled priority 32 cost 2 \n {4}hairpin off guard off root_block off fastleave off learning on flood on mcast_flood on bcast_flood on mcast_router 1 mcast_to_unicast off neigh_suppress off vlan_tunnel off isolated off locked off \n$/,
    );
    expect(both(world, 'ip -d link show va')).toContain(
      '\n    veth \n    bridge_slave state disabled priority 32 cost 2 hairpin off guard off root_block off fastleave off learning on flood on port_id 0x8001 port_no 0x1 designated_port 32769 designated_cost 0 designated_bridge 8000.2:0:0:0:0:99 designated_root 8000.2:0:0:0:0:99 hold_timer    0.00',
    );
  });

  it('shows an end whose other end is down without carrier', () => {
    const world = openArticle();
    runLine(world, 'ip link add va type veth peer name vb; ip link set va up');
    expect(both(world, 'ip link show va')).toMatch(
      /: va@vb: <NO-CARRIER,BROADCAST,MULTICAST,UP,M-DOWN> mtu 1500 qdisc noqueue state LOWERLAYERDOWN mode DEFAULT /,
    );
    runLine(world, 'ip link set vb up');
    expect(both(world, 'ip link show va')).toMatch(/: va@vb: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP mode DEFAULT /);
    runLine(world, 'ip link set va txqueuelen 500 promisc on');
    expect(both(world, 'ip link show va')).toMatch(/<BROADCAST,MULTICAST,PROMISC,UP,LOWER_UP> .* qlen 500\n/);
  });

  it('clamps a VXLAN device to what the device below leaves, and refuses more later', () => {
    const world = openArticle();
    runLine(world, 'ip link add vx0 mtu 1500 type vxlan id 5 local 172.30.1.2 dev eth0 dstport 4789');
    expect(both(world, 'ip -d link show vx0')).toMatch(
      /: vx0: <BROADCAST,MULTICAST> mtu 1450 .*\n.* promiscuity 0 {2}allmulti 0 minmtu 68 maxmtu 65535 \n {4}vxlan id 5 local 172\.30\.1\.2 dev eth0 srcport 0 0 dstport 4789 ttl auto ageing 300 udpcsum noudp6zerocsumtx noudp6zerocsumrx addrgenmode eui64/,
    );
    expect(status(world, 'ip link set vx0 mtu 1451')).toEqual(['RTNETLINK answers: Invalid argument\n', 2]);
    expect(status(world, 'ip link set vx0 mtu 1300')).toEqual(['', 0]);
    // The device below shrinks afterwards: nobody tells the tunnel.
    runLine(world, 'ip link set vx0 mtu 1450; ip link set eth0 mtu 1400');
    expect(both(world, 'ip -br link show vx0; ip link show vx0')).toContain('mtu 1450');
    runLine(world, 'ip link add vx1 type vxlan id 6 remote 10.0.0.9 dstport 8472 nolearning ttl 5 tos inherit df set');
    expect(both(world, 'ip -d link show vx1')).toContain(
      '\n    vxlan id 6 remote 10.0.0.9 srcport 0 0 dstport 8472 nolearning tos inherit ttl 5 df set ageing 300 udpcsum noudp6zerocsumtx noudp6zerocsumrx ',
    );
    expect(both(world, 'bridge fdb show dev vx1')).toBe('00:00:00:00:00:00 dst 10.0.0.9 self permanent\n');
    expect(status(world, 'ip link add vx2 type vxlan id 6 dstport 8472')).toEqual(['Error: A VXLAN device with the specified VNI already exists.\n', 2]);
    expect(status(world, 'ip link add vx3 type vxlan dstport 4789')).toEqual(['vxlan: missing virtual network identifier\n', 1]);
    expect(status(world, 'ip link add vx3 type vxlan id 16777216 dstport 4789')).toEqual(['Error: argument "16777216" is wrong: invalid id\n', 255]);
    expect(status(world, 'ip link add vx4 type vxlan id 9 dev nosuch')).toEqual(['Cannot find device "nosuch"\n', 255]);
  });

  it('makes VLAN, Geneve, IPIP, dummy and WireGuard devices as iproute2 prints them', () => {
    const world = lab();
    runLine(
      world,
      'ip link add link v0 name v0.10 type vlan id 10; ip link add gen0 type geneve id 7 remote 172.30.2.2; ip link add tun1 type ipip remote 172.30.2.2 local 172.30.1.2 ttl 64',
    );
    runLine(
      world,
      'ip link add tunl0 type ipip; ip link add dummy0 type dummy; ip link add wg0 type wireguard; ip link set dummy0 up; ip link set wg0 up; ip link set tun1 up',
    );
    expect(both(world, 'ip -d link show v0.10')).toMatch(
      /: v0\.10@v0: <BROADCAST,MULTICAST> mtu 1500 qdisc noop [\s\S]*\n {4}vlan protocol 802\.1Q id 10 <REORDER_HDR> addrgenmode/,
    );
    expect(both(world, 'ip -d link show gen0')).toMatch(/ mtu 1450 [\s\S]*\n {4}geneve id 7 remote 172\.30\.2\.2 ttl auto dstport 6081 noudpcsum /);
    expect(both(world, 'ip -d link show tun1')).toMatch(
      /: tun1@NONE: <POINTOPOINT,NOARP,UP,LOWER_UP> mtu 1480 qdisc noqueue state UNKNOWN [^\n]*\n {4}link\/ipip 172\.30\.1\.2 peer 172\.30\.2\.2 promiscuity[\s\S]*\n {4}ipip ipip remote 172\.30\.2\.2 local 172\.30\.1\.2 ttl 64 pmtudisc /,
    );
    expect(both(world, 'ip link show tunl0')).toMatch(/: tunl0@NONE: <NOARP> mtu 1480 qdisc noop [^\n]*\n {4}link\/ipip 0\.0\.0\.0 brd 0\.0\.0\.0\n$/);
    expect(both(world, 'ip -br link show dummy0')).toMatch(/^dummy0 {11}UNKNOWN {8}[0-9a-f:]{17} <BROADCAST,NOARP,UP,LOWER_UP> \n$/);
    expect(both(world, 'ip link show wg0')).toMatch(/: wg0: <POINTOPOINT,NOARP,UP,LOWER_UP> mtu 1420 qdisc noqueue state UNKNOWN [^\n]*\n {4}link\/none \n$/);
    expect(status(world, 'ip link set v0.10 mtu 1501')).toEqual(['RTNETLINK answers: Numerical result out of range\n', 2]);
    expect(status(world, 'ip link add link v0 name v0.11 type vlan id 10')).toEqual(['RTNETLINK answers: File exists\n', 2]);
    expect(status(world, 'ip link add link v0 name v0.12 type vlan id 4095')).toEqual(['RTNETLINK answers: Numerical result out of range\n', 2]);
    expect(status(world, 'ip link add g1 type geneve id 1')).toEqual(['geneve: remote link partner not specified\n', 1]);
    runLine(world, 'ip link set v0 down');
    expect(status(world, 'ip link set v0.10 up')).toEqual(['RTNETLINK answers: Network is down\n', 2]);
  });

  it('refuses with the kernel’s words and iproute2’s exit codes, and changes nothing then', () => {
    const world = lab();
    const before = both(world, 'ip -d link');
    expect(status(world, 'ip link add v0 type veth peer name v9')).toEqual(['RTNETLINK answers: File exists\n', 2]);
    expect(status(world, 'ip link add name averylongdevname type bridge')).toEqual([
      'Error: argument "averylongdevname" is wrong: "name" not a valid ifname\n',
      255,
    ]);
    expect(status(world, 'ip link add foo type nosuch')).toEqual(['Error: Unknown device type.\n', 2]);
    expect(status(world, 'ip link add foo')).toEqual(['Not enough information: "type" argument is required\n', 1]);
    expect(status(world, 'ip link del nosuch')).toEqual(['Cannot find device "nosuch"\n', 1]);
    expect(status(world, 'ip link del lo')).toEqual(['RTNETLINK answers: Operation not supported\n', 2]);
    expect(status(world, 'ip link set v0 mtu 67')).toEqual(['Error: mtu less than device minimum.\n', 2]);
    expect(status(world, 'ip link set v0 mtu 70000')).toEqual(['Error: mtu greater than device maximum.\n', 2]);
    expect(status(world, 'ip link set v0 mtu abc')).toEqual(['Error: argument "abc" is wrong: Invalid "mtu" value\n\n', 255]);
    expect(status(world, 'ip link set nosuch up')).toEqual(['Cannot find device "nosuch"\n', 1]);
    expect(status(world, 'ip link set v0 address zz')).toEqual(['"zz" is invalid lladdr.\n', 1]);
    expect(status(world, 'ip link set v0 address 01:00:5e:00:00:01')).toEqual(['RTNETLINK answers: Cannot assign requested address\n', 2]);
    expect(status(world, 'ip link set v0 master nosuch')).toEqual(['Error: argument "nosuch" is wrong: Device does not exist\n\n', 255]);
    expect(status(world, 'ip link set v0 master eth0')).toEqual(['RTNETLINK answers: Operation not supported\n', 2]);
    expect(status(world, 'ip link set v0 name eth0')).toEqual(['RTNETLINK answers: File exists\n', 2]);
    expect(status(world, 'ip link set v0 netns nosuch')).toEqual(['Error: argument "nosuch" is wrong: Invalid "netns" value\n\n', 255]);
    expect(status(world, 'ip link set v0 up bogus')).toEqual(['Error: either "dev" is duplicate, or "bogus" is a garbage.\n', 255]);
    expect(status(world, 'ip link set v0 type bridge_slave hairpin on')).toEqual(['RTNETLINK answers: Operation not supported\n', 2]);
    expect(status(world, 'ip link set')).toEqual(['Not enough information: "dev" argument is required.\n', 255]);
    expect(both(world, 'ip -d link')).toBe(before);
  });

  it('takes routes and neighbours with a device that goes down, and gives back the connected ones', () => {
    const world = lab();
    runLine(world, 'ip route add 10.99.0.0/24 via 10.50.0.2; ip neigh add 10.50.0.77 lladdr 02:00:00:00:00:77 dev v0');
    expect(both(world, 'ip route show dev v0')).toContain('10.99.0.0/24 via 10.50.0.2');
    runLine(world, 'ip link set v0 down');
    expect(both(world, 'ip route show dev v0; ip neigh show dev v0')).toBe('');
    runLine(world, 'ip link set v0 up');
    expect(both(world, 'ip route show dev v0')).toBe('10.50.0.0/24 proto kernel scope link src 10.50.0.1 \n');
  });

  it('renames, moves to another netns, and removes with the other end', () => {
    const world = lab();
    runLine(world, 'ip link set v0 name west0');
    expect(both(world, 'ip route show dev west0')).toBe('10.50.0.0/24 proto kernel scope link src 10.50.0.1 \n');
    expect(both(world, 'ping -c1 -W1 10.50.0.2')).toContain('1 received');
    runLine(world, 'ip netns add far; ip link set west0 netns far');
    expect(both(world, 'ip link show west0')).toBe('Device "west0" does not exist.\n');
    expect(both(world, 'ip -n far addr show west0')).toMatch(
      /^\d+: west0@if2: <BROADCAST,MULTICAST> mtu 1500 qdisc noqueue state DOWN group default qlen 1000\n {4}link\/ether [0-9a-f:]{17} brd ff:ff:ff:ff:ff:ff link-netnsid 0\n$/,
    );
    runLine(world, 'ip -n far link del west0');
    expect(both(world, 'ip -n lab -br link')).toBe('lo               UNKNOWN        00:00:00:00:00:00 <LOOPBACK,UP,LOWER_UP> \n');
    runLine(world, 'ip netns del far');
    expect(both(world, 'ip netns list')).not.toContain('far');
    expect(status(world, 'ip netns add lab')).toEqual(['Cannot create namespace file "/run/netns/lab": File exists\n', 1]);
    expect(status(world, 'ip netns exec nosuch ip link')).toEqual(['Cannot open network namespace "nosuch": No such file or directory\n', 255]);
  });

  it('answers in JSON', () => {
    const world = lab();
    runLine(world, 'ip link add va type veth peer name vb');
    const [link] = JSON.parse(both(world, 'ip -j link show va')) as Record<string, unknown>[];
    expect(Object.keys(link ?? {})).toEqual([
      'ifindex',
      'link',
      'ifname',
      'flags',
      'mtu',
      'qdisc',
      'operstate',
      'linkmode',
      'group',
      'txqlen',
      'link_type',
      'address',
      'broadcast',
    ]);
    expect(link).toMatchObject({ link: 'vb', flags: ['BROADCAST', 'MULTICAST', 'M-DOWN'], qdisc: 'noop', operstate: 'DOWN', link_type: 'ether' });
    expect(both(world, 'ip -j -p addr show lo')).toMatch(/^\[ \{\n {8}"ifindex": 1,\n {8}"ifname": "lo",\n {8}"flags": \[ "LOOPBACK","UP","LOWER_UP" \],\n/);
    expect(both(world, 'ip -n lab -j addr show v1 | jq -r ".[0].addr_info[0].local"')).toBe('10.50.0.2\n');
  });
});

describe('ip addr', () => {
  it('says broadcast, label, scope and secondary, and lets secondaries die with their primary', () => {
    const world = lab();
    runLine(
      world,
      'ip addr add 10.50.0.5/24 dev v0; ip addr add 10.2.0.1/24 brd + dev v0 label v0:1; ip addr add 10.3.0.1/24 brd 10.3.0.255 scope link dev v0',
    );
    expect(both(world, 'ip -4 addr show v0')).toMatch(
      /\n {4}inet 10\.50\.0\.1\/24 scope global v0\n[\s\S]*\n {4}inet 10\.2\.0\.1\/24 brd 10\.2\.0\.255 scope global v0:1\n[\s\S]*\n {4}inet 10\.50\.0\.5\/24 scope global secondary v0\n/,
    );
    expect(both(world, 'ip addr show label v0:1')).toBe(
      '    inet 10.2.0.1/24 brd 10.2.0.255 scope global v0:1\n       valid_lft forever preferred_lft forever\n',
    );
    runLine(world, 'ip addr del 10.50.0.1/24 dev v0');
    expect(both(world, 'ip -o -4 addr show v0')).not.toContain('10.50.0.');
    runLine(world, 'ip addr flush dev v0 scope link');
    expect(both(world, 'ip -br addr show v0')).toBe('v0@if2           UP             10.2.0.1/24 \n');
    expect(both(world, 'ip -s addr flush dev v0')).toBe('\n*** Round 1, deleting 1 addresses ***\n*** Flush is complete after 1 round ***\n');
  });

  it('refuses as the kernel does', () => {
    const world = lab();
    expect(status(world, 'ip addr add 10.50.0.1/24 dev v0')).toEqual(['Error: ipv4: Address already assigned.\n', 2]);
    expect(status(world, 'ip addr del 10.50.0.99/24 dev v0')).toEqual(['Error: ipv4: Address not found.\n', 2]);
    expect(status(world, 'ip addr add 10.0.0.1/33 dev v0')).toEqual(['Error: any valid prefix is expected rather than "10.0.0.1/33".\n', 1]);
    expect(status(world, 'ip addr add 10.0.0.9/24')).toEqual(['Not enough information: "dev" argument is required.\n', 1]);
    expect(status(world, 'ip addr add 10.0.0.9/24 dev nosuch')).toEqual(['Cannot find device "nosuch"\n', 1]);
    expect(status(world, 'ip addr bogus')).toEqual(['Command "bogus" is unknown, try "ip address help".\n', 255]);
    expect(runLine(world, 'ip addr del 10.50.0.1 dev v0').stderr).toMatch(/^Warning: Executing wildcard deletion/);
  });
});

describe('bridge', () => {
  it('writes the FDB of bridges and tunnels', () => {
    const world = lab();
    runLine(
      world,
      'ip link add br0 type bridge; ip link set v0 master br0; ip link set br0 up; ip link add vx0 type vxlan id 5 local 172.30.1.2 dev eth0 dstport 4789',
    );
    runLine(
      world,
      'bridge fdb add 02:00:00:00:00:77 dev v0 master; bridge fdb add 02:00:00:00:00:78 dev v0 master static; bridge fdb append 00:00:00:00:00:00 dev vx0 dst 10.0.0.7',
    );
    runLine(world, 'bridge fdb append 00:00:00:00:00:00 dev vx0 dst 10.0.0.8 port 8472 vni 9');
    expect(both(world, 'bridge fdb show dev v0')).toContain('02:00:00:00:00:77 master br0 permanent\n02:00:00:00:00:78 master br0 static\n');
    expect(both(world, 'bridge fdb show dev vx0')).toBe(
      '00:00:00:00:00:00 dst 10.0.0.7 self permanent\n00:00:00:00:00:00 dst 10.0.0.8 port 8472 vni 9 self permanent\n',
    );
    expect(both(world, 'bridge -j fdb show dev vx0 | jq -c ".[1]"')).toBe(
      '{"mac":"00:00:00:00:00:00","dst":"10.0.0.8","port":8472,"vni":9,"flags":["self"],"state":"permanent"}\n',
    );
    expect(status(world, 'bridge fdb add 00:00:00:00:00:00 dev vx0 dst 10.0.0.9')).toEqual(['RTNETLINK answers: File exists\n', 255]);
    expect(status(world, 'bridge fdb del 02:00:00:00:00:70 dev vx0')).toEqual(['RTNETLINK answers: No such file or directory\n', 255]);
    expect(status(world, 'bridge fdb add zz dev v0')).toEqual(['Invalid mac address zz\n', 255]);
    expect(status(world, 'bridge fdb add 02:00:00:00:00:77')).toEqual(['Device and address are required arguments.\n', 255]);
    runLine(world, 'bridge link set dev v0 hairpin on isolated on flood off mcast_flood off bcast_flood off learning off neigh_suppress on');
    expect(both(world, 'bridge -d link show dev v0')).toContain(
      '    hairpin on guard off root_block off fastleave off learning off flood off mcast_flood off bcast_flood off mcast_router 1 mcast_to_unicast off neigh_suppress on vlan_tunnel off isolated on locked off \n',
    );
    expect(status(world, 'bridge link set dev nosuch hairpin on')).toEqual(['Cannot find bridge device "nosuch"\n', 255]);
    expect(status(world, 'bridge link set dev v0 hairpin maybe')).toEqual(['Error: argument of "hairpin" must be one of "off", "on", not "maybe"\n', 234]);
    expect(both(world, 'bridge vlan show')).toBe('port              vlan-id  \n');
    expect(both(world, 'brctl show br0')).toMatch(/^bridge name\tbridge id\t\tSTP enabled\tinterfaces\nbr0\t\t8000\.[0-9a-f]{12}\tno\t\tv0\n$/);
  });
});

describe('tc', () => {
  it('delays and loses what a device sends, and counts it', () => {
    const world = lab();
    runLine(world, 'tc qdisc add dev v0 root netem delay 100ms 10ms loss 100%');
    expect(both(world, 'tc qdisc show dev v0')).toBe('qdisc netem 8001: root refcnt 2 limit 1000 delay 100ms  10ms loss 100%\n');
    expect(both(world, 'ping -c1 -W1 10.50.0.2')).toContain('0 received');
    expect(both(world, 'tc -s qdisc show dev v0')).toMatch(
      /\n Sent 0 bytes 0 pkt \(dropped [1-9]\d*, overlimits 0 requeues 0\) \n backlog 0b 0p requeues 0\n$/,
    );
    runLine(world, 'tc qdisc change dev v0 root netem delay 50ms; ping -c1 10.50.0.2');
    expect(both(world, 'ping -c1 10.50.0.2')).toMatch(/time=50\.0 ms/);
    expect(both(world, 'tc qdisc | grep v0')).toBe('qdisc netem 8001: dev v0 root refcnt 2 limit 1000 delay 50ms\n');
    runLine(world, 'tc qdisc replace dev v0 root netem delay 10ms 2ms 25% duplicate 1% corrupt 0.1% reorder 25% 50% rate 1mbit limit 100 gap 5');
    expect(both(world, 'tc qdisc show dev v0')).toBe(
      'qdisc netem 8001: root refcnt 2 limit 100 delay 10ms  2ms 25% duplicate 1% reorder 25% 50% corrupt 0.1% rate 1Mbit gap 5\n',
    );
    runLine(world, 'tc qdisc del dev v0 root; tc qdisc add dev v0 root tbf rate 1mbit burst 32kbit latency 400ms');
    expect(both(world, 'tc qdisc show dev v0')).toBe('qdisc tbf 8001: root refcnt 2 rate 1Mbit burst 4Kb lat 400ms \n');
    runLine(world, 'tc qdisc change dev v0 root tbf rate 2mbit burst 10kb limit 20000');
    expect(both(world, 'tc qdisc show dev v0')).toBe('qdisc tbf 8001: root refcnt 2 rate 2Mbit burst 10Kb lat 39ms \n');
  });

  it('refuses in its own words', () => {
    const world = lab();
    expect(status(world, 'tc qdisc add dev v0 root netem delay bogus')).toEqual(['Illegal "latency"\n', 1]);
    expect(runLine(world, 'tc qdisc add dev v0 root netem bogus').stderr).toMatch(/^What is "bogus"\?\nUsage: \.\.\. netem /);
    expect(status(world, 'tc qdisc add dev nosuch root netem')).toEqual(['Cannot find device "nosuch"\n', 1]);
    expect(status(world, 'tc qdisc del dev v0 root')).toEqual(['Error: Cannot delete qdisc with handle of zero.\n', 2]);
    expect(runLine(world, 'tc qdisc add dev v0 root tbf rate 1mbit').stderr).toMatch(
      /^tbf: the "burst" parameter is mandatory\.\ntbf: either "limit" or "latency" is required\.\nUsage: /,
    );
    runLine(world, 'tc qdisc add dev v0 root netem delay 1ms');
    expect(status(world, 'tc qdisc add dev v0 root netem delay 1ms')).toEqual(['Error: Exclusivity flag on, cannot modify.\n', 2]);
    expect(status(world, 'tc foo')).toEqual(['Object "foo" is unknown, try "tc help".\n', 255]);
  });
});

describe('ethtool', () => {
  it('names drivers and features, and turns transmit checksums off', () => {
    const world = openArticle();
    expect(both(world, 'ethtool -i cni0')).toMatch(/^driver: bridge\nversion: 2\.3\nfirmware-version: N\/A\n/);
    expect(both(world, 'ethtool -k flannel.1 | grep tx-checksum-ip-generic')).toBe('\ttx-checksum-ip-generic: on\n');
    expect(both(world, 'ethtool -K flannel.1 tx-checksum-ip-generic off')).toBe('Actual changes:\ntx-checksum-ip-generic: off\n');
    expect(both(world, 'ethtool -k flannel.1 | grep tx-checksum-ip-generic')).toBe('\ttx-checksum-ip-generic: off\n');
    expect(status(world, 'ethtool -k nosuch')).toEqual(['netlink error: no device matches name (offset 24)\nnetlink error: No such device\n', 1]);
  });
});

describe('wg', () => {
  it('sets up a tunnel between two nodes that carries packets', () => {
    const world = openArticle();
    const a = both(world, 'wg genkey > /tmp/a; wg pubkey < /tmp/a').trim();
    const b = both(world, 'wg genkey > /tmp/b; wg pubkey < /tmp/b').trim();
    expect(a).toMatch(/^[A-Za-z0-9+/]{43}=$/);
    runLine(
      world,
      'ip netns add lab; ip link add v0 type veth peer name v1 netns lab; ip addr add 10.50.0.1/24 dev v0; ip link set v0 up; ip -n lab addr add 10.50.0.2/24 dev v1; ip -n lab link set v1 up',
    );
    runLine(
      world,
      `ip link add wg0 type wireguard; wg set wg0 listen-port 51820 private-key /tmp/a peer ${b} allowed-ips 10.62.0.2/32 endpoint 10.50.0.2:51820`,
    );
    runLine(
      world,
      `ip -n lab link add wg0 type wireguard; ip netns exec lab wg set wg0 listen-port 51820 private-key /tmp/b peer ${a} allowed-ips 10.62.0.1/32`,
    );
    runLine(world, 'ip addr add 10.62.0.1/24 dev wg0; ip link set wg0 up; ip -n lab addr add 10.62.0.2/24 dev wg0; ip -n lab link set wg0 up');
    expect(both(world, 'ping -c1 -W2 10.62.0.2')).toContain('1 received');
    expect(both(world, 'wg show wg0')).toBe(
      `interface: wg0\n  public key: ${a}\n  private key: (hidden)\n  listening port: 51820\n\npeer: ${b}\n  endpoint: 10.50.0.2:51820\n  allowed ips: 10.62.0.2/32\n  latest handshake: Now\n  transfer: 220 B received, 276 B sent\n`,
    );
    expect(status(world, 'wg set wg0 peer nonsense')).toEqual(["Key is not the correct length or format: `nonsense'\n", 1]);
  });
});
