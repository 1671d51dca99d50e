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
    expect(config.servers).toMatchObject([
      {
        port: 53,
        zones: ['.'],
        kubernetes: { zones: ['cluster.local.', 'in-addr.arpa.', 'ip6.arpa.'], pods: 'insecure', ttlSeconds: 30, fallthrough: ['in-addr.arpa.', 'ip6.arpa.'] },
        forward: { from: '.', to: ['/etc/resolv.conf'] },
        cacheSeconds: 30,
        errors: true,
        log: false,
        loop: true,
      },
    ]);
  });

  it('may have comments, quotes, several keys and no braces', () => {
    const { blocks } = parseCorefile('Corefile', '# names\nexample.org, example.com:1053 {\n  log "a b" # all\n}\n');
    expect(blocks[0]?.keys.map((key) => key.text)).toEqual(['example.org', 'example.com:1053']);
    expect(blocks[0]?.directives).toEqual([{ name: 'log', args: [{ text: 'a b', line: 3 }], line: 3, block: [] }]);
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
    expect(problem('.:53 {\n  forward . dns.example\n}\n')).toBe(
      'plugin/forward: /etc/coredns/Corefile:2 - Error during parsing: not an IP address or file: "dns.example"',
    );
    expect(problem('.:53 {\n  kubernetes {\n    pod insecure\n  }\n}\n')).toBe(
      "plugin/kubernetes: /etc/coredns/Corefile:3 - Error during parsing: unknown property 'pod'",
    );
    expect(problem('.:53 {\n  kubernetes {\n    ttl 9999\n  }\n}\n')).toBe(
      'plugin/kubernetes: /etc/coredns/Corefile:3 - Error during parsing: ttl must be in range [0, 3600]: 9999',
    );
    expect(problem('.:53 {\n}\n.:53 {\n}\n')).toBe('cannot serve dns://.:53 - it is already defined');
  });

  it('with plugins that we do not simulate names them', () => {
    expect(readCorefile('.:53 {\n  rewrite name a b\n  log\n}\n').notSimulated).toEqual([{ name: 'rewrite', line: 2 }]);
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
