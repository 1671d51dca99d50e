/** The Kubernetes specification of DNS-based service discovery, sentence for sentence, asked of CoreDNS by a pod of a cluster with both families. Kubernetes: dns/docs/specification.md, schema 1.1.0. */
import { describe, expect, it } from 'vitest';
import { openArticle, runLine } from '../../world/testing/article.ts';

const pod = (name: string, more: string, probe = '') => `---
apiVersion: v1
kind: Pod
metadata: {name: ${name}, labels: {app: pets}}
spec: {${more}containers: [{name: c, image: nginx, ports: [{name: web, containerPort: 80}]${probe}}]}
`;
const service = (name: string, spec: string) => `---
apiVersion: v1
kind: Service
metadata: {name: ${name}}
spec: {${spec}}
`;
const slice = (name: string, family: string, endpoints: string) => `---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: ${name}-${family.toLowerCase()}, labels: {kubernetes.io/service-name: ${name}}}
addressType: ${family}
ports: [{name: web, port: 80, protocol: TCP}]
endpoints: [${endpoints}]
`;
const NAMED = '{name: web, port: 80, targetPort: web}, {name: query, port: 5353, protocol: UDP}';
const text = `kind: Cluster
apiVersion: kind.x-k8s.io/v1alpha4
networking: {ipFamily: dual}
nodes: [{role: control-plane}, {role: worker}]
---
apiVersion: v1
kind: Pod
metadata: {name: client}
spec: {containers: [{name: c, image: nicolaka/netshoot, command: [sleep, infinity]}]}
${pod('rex', 'hostname: my-pet, subdomain: headless, ')}
${pod('nameless', '')}
${pod('ill', 'hostname: ill, subdomain: headless, ', ', readinessProbe: {tcpSocket: {port: 9}}')}
${service('four', `clusterIP: 10.96.3.1, selector: {app: pets}, ports: [${NAMED}]`)}
${service('six', `ipFamilies: [IPv6], clusterIP: "fd00:10:96::31", selector: {app: pets}, ports: [${NAMED}]`)}
${service('both', `ipFamilyPolicy: RequireDualStack, clusterIPs: [10.96.3.2, "fd00:10:96::32"], selector: {app: pets}, ports: [${NAMED}]`)}
${service('unnamed', 'clusterIP: 10.96.3.3, selector: {app: pets}, ports: [{port: 80}]')}
${service('headless', `clusterIP: None, ipFamilyPolicy: RequireDualStack, selector: {app: pets}, ports: [${NAMED}]`)}
${service('headless-unnamed', 'clusterIP: None, selector: {app: pets}, ports: [{port: 80}]')}
${service('moved', 'clusterIP: None, selector: {app: pets}, ports: [{name: web, port: 8080, targetPort: web}]')}
${service('early', `clusterIP: None, publishNotReadyAddresses: true, selector: {app: pets}, ports: [${NAMED}]`)}
${service('empty', 'clusterIP: None, selector: {app: nothing}, ports: [{name: web, port: 80}]')}
${service('many', 'clusterIP: None, ports: [{name: web, port: 80}]')}
${slice('many', 'IPv4', '{addresses: [192.0.2.1], hostname: twin}, {addresses: [192.0.2.2], hostname: twin}, {addresses: [192.0.2.3], conditions: {ready: false}, hostname: late}')}
${slice('many', 'IPv6', '{addresses: ["2001:db8::1"], hostname: twin}, {addresses: ["2001:db8::2"], hostname: twin}, {addresses: ["2001:db8:0:1::"]}')}
${service('foo', 'type: ExternalName, externalName: www.example.com')}
${service('inside', 'type: ExternalName, externalName: four.default.svc.cluster.local')}
${service('ring', 'type: ExternalName, externalName: gnir.default.svc.cluster.local')}
${service('gnir', 'type: ExternalName, externalName: ring.default.svc.cluster.local')}
`;

const world = openArticle({ files: [{ path: 'kind.yaml', text }] });
const run = (line: string): string => runLine(world, line).stdout;
const field = (what: string, path: string): string => run(`kubectl get ${what} -o jsonpath='{${path}}'`);

interface Reply {
  readonly status: string;
  /** `name type data`, sorted. */
  readonly answer: readonly string[];
  readonly additional: readonly string[];
  readonly ttls: readonly number[];
}

const SVC = 'default.svc.cluster.local.';

/** What a pod's dig reads of the answer; each name is asked for as it stands. */
function ask(name: string, type: string): Reply {
  const output = run(`kubectl exec client -- dig ${name} ${type}`);
  const section = (title: string) =>
    [...(new RegExp(`^;; ${title} SECTION:\n([^;]*?)\n\n`, 'm').exec(output)?.[1] ?? '').matchAll(/^(\S+)\s+(\d+)\s+IN\s+(\S+)\s+(.*)$/gm)].map(
      ([, owner = '', ttl = '', kind = '', data = '']) => ({ ttl: Number(ttl), text: `${owner} ${kind} ${data}` }),
    );
  const texts = (title: string) =>
    section(title)
      .map((record) => record.text)
      .sort();
  const status = /status: ([A-Z]+),/.exec(output)?.[1] ?? output;
  return { status, answer: texts('ANSWER'), additional: texts('ADDITIONAL'), ttls: section('ANSWER').map((record) => record.ttl) };
}

/** The data of an answer that is one, all of the type and of the name that were asked for. */
function data(name: string, type: string): readonly string[] {
  const reply = ask(name, type);
  expect(reply.status).toBe('NOERROR');
  for (const line of reply.answer) expect(line.startsWith(`${name} ${type} `)).toBe(true);
  return reply.answer.map((line) => line.slice(name.length + type.length + 2));
}
/** SRV data without priority and weight, which the specification leaves open. */
const srv = (name: string): readonly string[] => {
  const found = data(name, 'SRV');
  for (const line of found) expect(line).toMatch(/^\d+ \d+ \d+ \S+\.$/);
  return found.map((line) => line.replace(/^\d+ \d+ /, '')).sort();
};
const nothing = (name: string, type: string) => expect(ask(name, type)).toMatchObject({ status: 'NXDOMAIN', answer: [] });
const noData = (name: string, type: string) => expect(ask(name, type)).toMatchObject({ status: 'NOERROR', answer: [] });

/** An address written in eight groups → 32 nibbles from the last to the first. */
const nibbles = (groups: string): string =>
  `${[
    ...groups
      .split(':')
      .map((group) => group.padStart(4, '0'))
      .join(''),
  ]
    .reverse()
    .join('.')}.ip6.arpa.`;
const dashed = (ip: string): string => ip.replaceAll(/[.:]/g, '-');
const ips = (pod: string): readonly [four: string, six: string] => {
  const [four = '', six = ''] = field(`pod ${pod}`, '.status.podIPs[*].ip').split(' ');
  return [four, six];
};
const reverse4 = (ip: string): string => `${ip.split('.').reverse().join('.')}.in-addr.arpa.`;
/** An address of this cluster's pods: `fd00:10:244:1::6`. */
const reverse6 = (ip: string): string => {
  const [front = '', back = ''] = ip.split('::');
  const groups = front.split(':');
  return nibbles([...groups, ...Array.from({ length: 7 - groups.length }, () => '0'), back].join(':'));
};

const rex = ips('rex');
const nameless = ips('nameless');
const ill = ips('ill');

describe('2.1, what the words mean', () => {
  it('a cluster domain other than the configured one is none of its zones', () => nothing('four.default.svc.other.local.', 'A'));

  it('every record has a time to live, here the one of the Corefile', () => {
    for (const [name, type] of [
      [`four.${SVC}`, 'A'],
      [`six.${SVC}`, 'AAAA'],
      [`_web._tcp.headless.${SVC}`, 'SRV'],
      [reverse4('10.96.3.1'), 'PTR'],
      ['dns-version.cluster.local.', 'TXT'],
    ] as const) {
      const { ttls } = ask(name, type);
      expect(ttls.length).toBeGreaterThan(0);
      expect(new Set(ttls)).toEqual(new Set([30]));
    }
  });

  it("an endpoint's host name is its own where it has one", () => {
    expect(srv(`_web._tcp.headless.${SVC}`)).toContain(`80 my-pet.headless.${SVC}`);
    nothing(`${dashed(rex[0])}.headless.${SVC}`, 'A');
  });

  it('and else one that the server makes, by which this one endpoint is found again', () => {
    const made = srv(`headless-unnamed.${SVC}`).map((line) => line.split(' ')[1] ?? '');
    expect(new Set(made).size).toBe(made.length);
    expect(made.map((name) => data(name, 'A')).sort()).toEqual([[nameless[0]], [rex[0]]].sort());
    expect(data(`${dashed(nameless[1])}.headless.${SVC}`, 'AAAA')).toEqual([nameless[1]]);
  });

  it('an endpoint is ready when its pod is, or when its Service publishes those that are not', () => {
    expect(data(`headless.${SVC}`, 'A')).toEqual([nameless[0], rex[0]].sort());
    expect(data(`early.${SVC}`, 'A')).toEqual([ill[0], nameless[0], rex[0]].sort());
  });

  it('no difference is made between capital and small letters, and the answer repeats the spelling of the question', () => {
    expect(data('Four.DEFAULT.Svc.Cluster.Local.', 'A')).toEqual(['10.96.3.1']);
    expect(srv('_WEB._Tcp.Four.Default.SVC.cluster.LOCAL.').map((line) => line.toLowerCase())).toEqual([`80 four.${SVC}`]);
    expect(data('My-Pet.Headless.default.svc.cluster.local.', 'A')).toEqual([rex[0]]);
  });
});

describe('1 and 2.2, the version of the schema', () => {
  it('is a TXT record below the zone, and a semantic version', () => {
    const version = data('dns-version.cluster.local.', 'TXT');
    expect(version).toEqual(['"1.1.0"']);
    expect(version[0]).toMatch(/^"\d+\.\d+\.\d+"$/);
  });
});

describe('2.3.1, the address of a Service with a ClusterIP', () => {
  it('is an A record when it is of IPv4', () => {
    expect(data(`four.${SVC}`, 'A')).toEqual(['10.96.3.1']);
    expect(data(`kubernetes.${SVC}`, 'A')).toEqual(['10.96.0.1']);
    noData(`four.${SVC}`, 'AAAA');
  });

  it('is an AAAA record when it is of IPv6', () => {
    expect(data(`six.${SVC}`, 'AAAA')).toEqual(['fd00:10:96::31']);
    noData(`six.${SVC}`, 'A');
  });

  it('is one of each for a Service of both families', () => {
    expect(data(`both.${SVC}`, 'A')).toEqual(['10.96.3.2']);
    expect(data(`both.${SVC}`, 'AAAA')).toEqual(['fd00:10:96::32']);
  });
});

describe('2.3.2, SRV records of a Service with a ClusterIP', () => {
  it('exist for each named port with its protocol and number, and lead to the Service', () => {
    for (const name of ['four', 'six', 'both']) {
      expect(srv(`_web._tcp.${name}.${SVC}`)).toContain(`80 ${name}.${SVC}`);
      expect(srv(`_query._udp.${name}.${SVC}`)).toContain(`5353 ${name}.${SVC}`);
    }
    expect(srv(`_https._tcp.kubernetes.${SVC}`)).toEqual([`443 kubernetes.${SVC}`]);
  });

  it('do not exist for another protocol, nor for a number in the place of the name', () => {
    nothing(`_web._udp.four.${SVC}`, 'SRV');
    nothing(`_query._tcp.four.${SVC}`, 'SRV');
    nothing(`_80._tcp.four.${SVC}`, 'SRV');
  });

  it('do not exist for a port without a name', () => {
    for (const port of ['_web', '_80', '_unnamed']) nothing(`${port}._tcp.unnamed.${SVC}`, 'SRV');
  });

  it('bring the addresses of the Service along', () => {
    expect(ask(`_web._tcp.four.${SVC}`, 'SRV').additional).toEqual([`four.${SVC} A 10.96.3.1`]);
    expect(ask(`_web._tcp.six.${SVC}`, 'SRV').additional).toEqual([`six.${SVC} AAAA fd00:10:96::31`]);
    expect(ask(`_web._tcp.both.${SVC}`, 'SRV').additional).toEqual([`both.${SVC} A 10.96.3.2`, `both.${SVC} AAAA fd00:10:96::32`]);
  });
});

describe('2.3.3, the PTR record of a ClusterIP', () => {
  it('has the four bytes of an IPv4 address from the last to the first', () => {
    expect(data('1.3.96.10.in-addr.arpa.', 'PTR')).toEqual([`four.${SVC}`]);
    expect(data('1.0.96.10.in-addr.arpa.', 'PTR')).toEqual([`kubernetes.${SVC}`]);
    expect(data('2.3.96.10.in-addr.arpa.', 'PTR')).toEqual([`both.${SVC}`]);
  });

  it('has the 32 nibbles of an IPv6 address from the last to the first', () => {
    expect(data(nibbles('fd00:10:96:0:0:0:0:31'), 'PTR')).toEqual([`six.${SVC}`]);
    expect(data('2.3.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.6.9.0.0.0.1.0.0.0.0.d.f.ip6.arpa.', 'PTR')).toEqual([`both.${SVC}`]);
  });
});

describe('2.4.1, addresses of a headless Service', () => {
  it('are an A record for each ready endpoint of IPv4', () => {
    expect(data(`headless.${SVC}`, 'A')).toEqual([nameless[0], rex[0]].sort());
    expect(data(`many.${SVC}`, 'A')).toEqual(['192.0.2.1', '192.0.2.2']);
  });

  it('are an AAAA record for each ready endpoint of IPv6', () => {
    expect(data(`headless.${SVC}`, 'AAAA')).toEqual([nameless[1], rex[1]].sort());
    expect(data(`many.${SVC}`, 'AAAA')).toEqual(['2001:db8:0:1::', '2001:db8::1', '2001:db8::2']);
  });

  it('do not exist without a ready endpoint: neither does the name', () => {
    nothing(`empty.${SVC}`, 'A');
    nothing(`empty.${SVC}`, 'AAAA');
  });

  it('exist for the host name of each ready endpoint before that of the Service, in both families', () => {
    expect(data(`my-pet.headless.${SVC}`, 'A')).toEqual([rex[0]]);
    expect(data(`my-pet.headless.${SVC}`, 'AAAA')).toEqual([rex[1]]);
    nothing(`ill.headless.${SVC}`, 'A');
    nothing(`late.many.${SVC}`, 'A');
  });

  it('are all those of a host name that several endpoints have', () => {
    expect(data(`twin.many.${SVC}`, 'A')).toEqual(['192.0.2.1', '192.0.2.2']);
    expect(data(`twin.many.${SVC}`, 'AAAA')).toEqual(['2001:db8::1', '2001:db8::2']);
  });
});

describe('2.4.2, SRV records of a headless Service', () => {
  const target = (ip: string) => `${dashed(ip)}.headless.${SVC}`;

  it('exist for each ready endpoint and each named port, and lead to the host name of the endpoint', () => {
    const targets = [target(nameless[0]), target(nameless[1]), `my-pet.headless.${SVC}`];
    expect(srv(`_web._tcp.headless.${SVC}`)).toEqual(targets.map((name) => `80 ${name}`).sort());
    expect(srv(`_query._udp.headless.${SVC}`)).toEqual(targets.map((name) => `5353 ${name}`).sort());
  });

  it('are as many as endpoints times ports', () => {
    const early = [`_web._tcp.early.${SVC}`, `_query._udp.early.${SVC}`].flatMap(srv);
    expect(new Set(early).size).toBe(3 * 2);
  });

  it('name the port that the endpoint listens at, not the one of the Service', () => {
    expect(srv(`_web._tcp.moved.${SVC}`).map((line) => line.split(' ')[0])).toEqual(['80', '80']);
  });

  it('do not exist for a port without a name', () => {
    for (const port of ['_web', '_80']) nothing(`${port}._tcp.headless-unnamed.${SVC}`, 'SRV');
  });

  it('bring the addresses of the endpoints along', () => {
    expect(ask(`_web._tcp.headless.${SVC}`, 'SRV').additional).toEqual(
      [
        `${target(nameless[0])} A ${nameless[0]}`,
        `${target(nameless[1])} AAAA ${nameless[1]}`,
        `my-pet.headless.${SVC} A ${rex[0]}`,
        `my-pet.headless.${SVC} AAAA ${rex[1]}`,
      ].sort(),
    );
  });
});

describe('2.4.3, PTR records of a headless Service', () => {
  it('lead from the IPv4 address of a ready endpoint to its host name', () => {
    expect(data(reverse4(rex[0]), 'PTR')).toEqual([`my-pet.headless.${SVC}`]);
    expect(data('1.2.0.192.in-addr.arpa.', 'PTR')).toEqual([`twin.many.${SVC}`]);
  });

  it('lead from its IPv6 address to the same', () => {
    expect(data(reverse6(rex[1]), 'PTR')).toEqual([`my-pet.headless.${SVC}`]);
    expect(data(nibbles('2001:db8:0:0:0:0:0:2'), 'PTR')).toEqual([`twin.many.${SVC}`]);
  });

  it('do not exist for an endpoint that is not ready', () => {
    nothing(reverse4(ill[0]), 'PTR');
    nothing('3.2.0.192.in-addr.arpa.', 'PTR');
  });

  it('do not exist in CoreDNS, unlike in the specification, for endpoints without a host name of their own', () => {
    nothing(reverse4(nameless[0]), 'PTR');
    nothing(reverse6(nameless[1]), 'PTR');
  });
});

describe('2.5, a Service with an external name', () => {
  it('is a CNAME record to it', () => expect(data(`foo.${SVC}`, 'CNAME')).toEqual(['www.example.com.']));

  it('is followed when an address is asked for', () => {
    const { status, answer } = ask(`foo.${SVC}`, 'A');
    expect(status).toBe('NOERROR');
    expect(answer).toContain(`foo.${SVC} CNAME www.example.com.`);
    expect(answer.filter((line) => / A \d/.test(line))).toHaveLength(1);
    expect(ask(`foo.${SVC}`, 'AAAA').answer).toContain(`foo.${SVC} CNAME www.example.com.`);
  });

  it('may be one of the same cluster, whose address comes along', () => {
    expect(ask(`inside.${SVC}`, 'A').answer).toEqual([`four.${SVC} A 10.96.3.1`, `inside.${SVC} CNAME four.${SVC}`]);
    noData(`inside.${SVC}`, 'AAAA');
  });

  it('has no address where two Services name each other, only the alias that is asked for', () => {
    noData(`ring.${SVC}`, 'A');
    expect(data(`ring.${SVC}`, 'CNAME')).toEqual([`gnir.${SVC}`]);
    expect(data(`gnir.${SVC}`, 'CNAME')).toEqual([`ring.${SVC}`]);
  });
});

describe('2.6, the deprecated records of pods', () => {
  it('answer with the address that the name spells, whether or not a pod has it', () => {
    for (const ip of [rex[0], '0.0.0.0', '1.2.3.4', '255.255.255.255']) expect(data(`${dashed(ip)}.default.pod.cluster.local.`, 'A')).toEqual([ip]);
  });

  it('answer with IPv6 addresses as well', () => {
    expect(data(`${dashed(rex[1])}.default.pod.cluster.local.`, 'AAAA')).toEqual([rex[1]]);
    expect(data('2001-db8--7.default.pod.cluster.local.', 'AAAA')).toEqual(['2001:db8::7']);
  });

  it('are only for bytes from 0 to 255', () => {
    for (const name of ['256-2-3-4', '1-2-3', '1-2-3-4-5']) nothing(`${name}.default.pod.cluster.local.`, 'A');
  });
});

describe('3, what CoreDNS answers beyond the specification', () => {
  it('is the endpoints of Services with a ClusterIP by name, and the name server of the zone', () => {
    expect(data(`${dashed(nameless[0])}.four.${SVC}`, 'A')).toEqual([nameless[0]]);
    expect(data('cluster.local.', 'NS')).toEqual(['ns.dns.cluster.local.']);
    expect(data('ns.dns.cluster.local.', 'A')).toEqual(['10.96.0.10']);
  });
});
