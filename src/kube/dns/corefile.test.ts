import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readCorefile } from './coredns-config.ts';
import { parseCorefile } from './corefile.ts';

const kubeadm = `.:53 {
    errors
    health {
       lameduck 5s
    }
    ready
    kubernetes cluster.local in-addr.arpa ip6.arpa {
       pods insecure
       fallthrough in-addr.arpa ip6.arpa
       ttl 30
    }
    prometheus :9153
    forward . /etc/resolv.conf {
       max_concurrent 1000
    }
    cache 30 {
       disable success cluster.local
    }
    loop
    reload
    loadbalance
}
`;
const problem = (text: string) => readCorefile(text).problem?.message;

describe('a Corefile', () => {
  it("of kubeadm's is read whole", () => {
    const config = readCorefile(kubeadm);
    expect(config.problem).toBeUndefined();
    expect(config.notSimulated).toEqual([]);
    expect(config.servers).toMatchObject([{ port: 53, zone: '.' }]);
    expect(config.http).toEqual([
      { serves: 'health', port: 8080 },
      { serves: 'ready', port: 8181 },
      { serves: 'metrics', port: 9153 },
    ]);
    const plugins = config.servers[0]?.plugins ?? [];
    expect(plugins.map((plugin) => plugin.name)).toEqual(['prometheus', 'errors', 'loadbalance', 'cache', 'kubernetes', 'loop', 'forward']);
    expect(plugins[4]).toMatchObject({
      zones: ['cluster.local.', 'in-addr.arpa.', 'ip6.arpa.'],
      pods: 'insecure',
      ttlSeconds: 30,
      fallthrough: ['in-addr.arpa.', 'ip6.arpa.'],
    });
    expect(plugins[6]).toMatchObject({ from: '.', to: ['/etc/resolv.conf'], maxConcurrent: 1000 });
    expect(config.reload).toEqual({ intervalSeconds: 30, jitterSeconds: 15 });
  });

  it("has the sum that CoreDNS prints when it starts: kubeadm's old default is in many logs", () => {
    const old = kubeadm.replace(/cache 30 \{[^}]*\}/, 'cache 30');
    expect(readCorefile(old).hash).toBe(
      '591cf328cccc12bc490481273e738df59329c62c0b729d94e8b61db9961c2fa5f046dd37f1cf888b953814040d180f52594972691cd6ff41be96639138a43908',
    );
  });

  it('may have comments, quotes, several keys and no braces', () => {
    const { blocks } = parseCorefile('Corefile', '# names\nexample.org, example.com:1053 {\n  log "a b" # all\n}\n');
    expect(blocks[0]?.keys.map((key) => key.text)).toEqual(['example.org', 'example.com:1053']);
    expect(blocks[0]?.directives).toMatchObject([{ name: 'log', args: [{ text: 'a b', line: 3 }], line: 3, block: [] }]);
    expect(parseCorefile('Corefile', '.\nwhoami\nlog\n').blocks[0]?.directives.map((directive) => directive.name)).toEqual(['whoami', 'log']);
  });

  it('that is wrong is refused with file, line and the words of CoreDNS', () => {
    expect(problem('.:53 {\n    errors\n    kubernetezz cluster.local\n}\n')).toBe(
      "/etc/coredns/Corefile:3 - Error during parsing: Unknown directive 'kubernetezz'",
    );
    expect(problem('.:53 {\n    errors\n')).toBe("/etc/coredns/Corefile:2 - Syntax error: Unexpected token 'errors', expecting '}'");
    expect(problem('.:53 {\n  forward .\n}\n')).toBe(
      "plugin/forward: /etc/coredns/Corefile:2 - Error during parsing: Wrong argument count or unexpected line ending after '.'",
    );
    expect(problem('.:53 {\n  forward . dns.example\n}\n')).toBe('plugin/forward: not an IP address or file: "dns.example"');
    expect(problem('.:53 {\n  kubernetes {\n    pod insecure\n  }\n}\n')).toBe(
      "plugin/kubernetes: /etc/coredns/Corefile:3 - Error during parsing: unknown property 'pod'",
    );
    expect(problem('.:53 {\n  kubernetes {\n    ttl 9999\n  }\n}\n')).toBe(
      'plugin/kubernetes: /etc/coredns/Corefile:3 - Error during parsing: ttl must be in range [0, 3600]: 9999',
    );
    expect(problem('.:53 {\n}\n.:53 {\n}\n')).toBe('cannot serve dns://.:53 - it is already defined');
  });

  it('with plugins that we do not simulate names them', () => {
    expect(readCorefile('.:53 {\n  route53\n  rewrite edns0 nsid set\n  log\n}\n').notSimulated).toEqual([
      { name: 'rewrite edns0', line: 3 },
      { name: 'plugin "route53"', line: 2 },
    ]);
    expect(
      readCorefile(
        '.:53 {\n  debug\n  nsid x\n  pprof\n  local\n  log . {\n    minDuration 1s\n  }\n  forward . 192.0.2.1 {\n    max_age 5s\n    max_idle_conns 3\n  }\n}\n',
      )
        .notSimulated.map(({ name, line }) => `${line} ${name}`)
        .sort(),
    ).toEqual([
      '10 forward max_age',
      '11 forward max_idle_conns',
      '2 plugin "debug"',
      '3 plugin "nsid"',
      '4 plugin "pprof"',
      '5 plugin "local"',
      '7 log minDuration',
    ]);
  });

  it('of any text is read or refused, never thrown', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[a-z.:{}#" \n/0-9]{0,80}$/), (text) => {
        const { problem: found } = readCorefile(text);
        expect(found === undefined || found.line >= 1).toBe(true);
      }),
    );
  });
});
