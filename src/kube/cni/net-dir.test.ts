import { describe, expect, it } from 'vitest';
import { openArticle, runLine } from '../../world/testing/article.ts';
import { loadNetConf } from './net-conf.ts';

const load = (text: string, name = '10-x.conflist') => {
  const loaded = loadNetConf({ name, text });
  return loaded.ok ? loaded.conf.plugins.map((plugin) => plugin.type).join(' ') : loaded.message;
};

describe('a network configuration', () => {
  it('is refused in the words of libcni', () => {
    const head = 'failed to load CNI config list file /etc/cni/net.d/10-x.conflist: ';
    expect(load('{')).toBe(`${head}error parsing configuration list: unexpected end of JSON input: invalid cni config`);
    expect(load('{"plugins":[]}')).toBe(`${head}error parsing configuration list: no name: invalid cni config`);
    expect(load('{"name":"a"}')).toBe(`${head}error parsing configuration list: no 'plugins' key: invalid cni config`);
    expect(load('{"name":"a","plugins":[]}')).toBe(`${head}error parsing configuration list: no plugins in list: invalid cni config`);
    expect(load('{"name":"a","plugins":[{"type":"bridge"},{}]}')).toContain("failed to parse plugin config 1: error parsing configuration: missing 'type'");
    expect(load('{"name":"a"}', '10-x.conf')).toBe('network type not found in /etc/cni/net.d/10-x.conf: invalid cni config');
    expect(load('{"name":"a","type":"bridge"}', '10-x.conf')).toBe('bridge');
  });
});

const conflist = (name: string, plugin: object) => JSON.stringify({ cniVersion: '1.0.0', name, plugins: [plugin] });
const pod = (name: string, node: string) =>
  `{apiVersion: v1, kind: Pod, metadata: {name: ${name}}, spec: {nodeName: ${node}, containers: [{name: c, image: nicolaka/netshoot, command: [sleep, infinity]}]}}`;

describe('the directory /etc/cni/net.d of a node', () => {
  const world = openArticle({ trace: false });
  const run = (line: string) => runLine(world, line).output;

  it('has what the daemon has installed, and the plugins what they write down', () => {
    expect(run('ls /etc/cni/net.d')).toBe('10-flannel.conflist\n');
    expect(run('cat /run/flannel/subnet.env')).toBe('FLANNEL_NETWORK=10.244.0.0/16\nFLANNEL_SUBNET=10.244.0.1/24\nFLANNEL_MTU=1450\nFLANNEL_IPMASQ=true\n');
    expect(run('cat /var/lib/cni/networks/cbr0/10.244.0.3 | tail -1')).toBe('eth0');
    const cached = JSON.parse(run('cat /var/lib/cni/results/cbr0-$(crictl inspectp $(crictl pods -q --name client) | jq -r .status.id)-eth0'));
    expect(cached).toMatchObject({ kind: 'cniCacheV1', ifName: 'eth0', networkName: 'cbr0' });
    expect(cached.result).toMatchObject({
      cniVersion: '0.3.1',
      interfaces: [{ name: 'cni0' }, { name: expect.stringMatching(/^veth[0-9a-f]{8}$/) }, { name: 'eth0', sandbox: cached.netns }],
      ips: [{ version: '4', interface: 2, address: '10.244.0.3/24', gateway: '10.244.0.1' }],
      routes: [
        { dst: '0.0.0.0/0', gw: '10.244.0.1' },
        { dst: '10.244.0.0/16', gw: '10.244.0.1' },
      ],
    });
    expect(run('journalctl -u containerd | grep -A1 delegateAdd | tail -1')).toContain(
      '{"cniVersion":"0.3.1","hairpinMode":true,"ipMasq":false,"ipam":{"ranges":[[{"subnet":"10.244.0.0/24"}]],"routes":[{"dst":"10.244.0.0/16"}],"type":"host-local"},"isDefaultGateway":true,"isGateway":true,"mtu":1450,"name":"cbr0","type":"bridge"}',
    );
  });

  it('is obeyed in the order of names: a bridge of somebody’s own for new pods, flannel’s for those that are there', () => {
    const text = conflist('mynet', {
      type: 'bridge',
      bridge: 'br0',
      isDefaultGateway: true,
      ipMasq: true,
      ipam: { type: 'host-local', ranges: [[{ subnet: '10.99.0.0/24', rangeStart: '10.99.0.10' }]] },
    });
    run(`echo '${text}' > /etc/cni/net.d/05-mynet.conflist; echo '${pod('one', 'controlplane')}' | kubectl apply -f -`);
    expect(run('kubectl get pod one client -o jsonpath={.items[*].status.podIP}')).toBe('10.99.0.10 10.244.0.3');
    expect(run('kubectl exec one -- ip route')).toBe('default via 10.99.0.1 dev eth0 \n10.99.0.0/24 dev eth0 proto kernel scope link src 10.99.0.10 \n');
    expect(run('ip -br addr show type bridge')).toMatch(/^cni0 +UP +10\.244\.0\.1\/24 \nbr0 +UP +10\.99\.0\.1\/24 \n$/);
    expect(run('iptables -t nat -S POSTROUTING | tail -1')).toMatch(
      /^-A POSTROUTING -s 10\.99\.0\.10\/32 -m comment --comment "name: \\"mynet\\" id: \\"[0-9a-f]{64}\\"" -j CNI-[0-9a-f]{24}\n$/,
    );
    // ipMasq: the other node answers the address of this one.
    expect(runLine(world, 'kubectl exec one -- ping -c 1 -W 1 172.30.2.2').exitCode).toBe(0);
  });

  it('leaves pods ContainerCreating where a plugin is missing or fails, with its words', () => {
    const reasons = (name: string) => run(`kubectl get events --field-selector involvedObject.name=${name} -o jsonpath='{.items[*].message}'`);
    run(`echo '${conflist('w', { type: 'weave-net' })}' > /etc/cni/net.d/01-weave.conflist; echo '${pod('two', 'controlplane')}' | kubectl apply -f -`);
    expect(run('kubectl get pod two --no-headers')).toMatch(/^two +0\/1 +ContainerCreating /);
    expect(reasons('two')).toContain(': plugin type="weave-net" failed (add): failed to find plugin "weave-net" in path [/opt/cni/bin]');
    run(
      `echo '${conflist('d', { type: 'bridge', ipam: { type: 'dhcp' } })}' > /etc/cni/net.d/01-weave.conflist; echo '${pod('three', 'controlplane')}' | kubectl apply -f -`,
    );
    expect(reasons('three')).toContain(
      'plugin type="bridge" failed (add): error dialing DHCP daemon: dial unix /run/cni/dhcp.sock: connect: no such file or directory',
    );
    run('rm /etc/cni/net.d/01-weave.conflist');
    expect(run('kubectl get pods two three --no-headers')).not.toContain('ContainerCreating');
  });

  it('makes the node NotReady while its first file cannot be read', () => {
    run('echo { > /etc/cni/net.d/00-broken.conflist');
    expect(run('kubectl get node controlplane --no-headers')).toContain('NotReady');
    expect(run('journalctl -u containerd -n 1')).toContain('unexpected end of JSON input: invalid cni config: failed to load cni config');
    run('rm /etc/cni/net.d/00-broken.conflist');
    expect(run('kubectl get node controlplane --no-headers')).not.toContain('NotReady');
  });

  it('gives an address twice after somebody has removed host-local’s file of it', () => {
    run(`ssh node01 'rm /var/lib/cni/networks/cbr0/*'; echo '${pod('four', 'node01')}' | kubectl apply -f -`);
    expect(run('kubectl get pod four -o jsonpath={.status.podIP}')).toBe('10.244.1.2');
    expect(run('kubectl get pods -A -o wide | grep -c " 10.244.1.2 "')).toBe('2\n');
  });
});

describe('a node on which flanneld has never come up', () => {
  it('has a configuration and no subnet.env: it is Ready, and no pod gets a network', () => {
    const world = openArticle({ trace: false, files: [{ path: 'conf.yaml', text: flannelConfig('vxlam') }] });
    const run = (line: string) => runLine(world, line).output;
    run('kubectl run web --image=nginx');
    expect(run('kubectl get nodes --no-headers')).not.toContain('NotReady');
    expect(run("kubectl get events --field-selector involvedObject.name=web -o jsonpath='{.items[*].message}'")).toContain(
      'plugin type="flannel" failed (add): loadFlannelSubnetEnv failed: open /run/flannel/subnet.env: no such file or directory',
    );
  });
});

const flannelConfig = (type: string) => `apiVersion: v1
kind: ConfigMap
metadata: {name: kube-flannel-cfg, namespace: kube-flannel}
data:
  net-conf.json: '{"Network": "10.244.0.0/16", "Backend": {"Type": "${type}"}}'
`;
