/** nft's language: what goes in and what comes out, in the words of nft 1.0.6, and compared with it where it can run. */
import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Element, Expr } from './ast.ts';
import { INET_SERVICE, IPV4_ADDR } from './datatype.ts';
import { boundsOf } from './interval.ts';
import { SetLookup } from './set-lookup.ts';
import { NftState, WITH_HANDLES } from './testing/nft-state.ts';

const BASE =
  'table ip t { chain xx { }; set v { type ipv4_addr; elements = { 1.1.1.1 }; }; set iv { type ipv4_addr; flags interval; }; counter cc { packets 3 bytes 4; }; chain d { }; chain e { jump d; }; set dy { type ipv4_addr; flags dynamic,timeout; }; chain c { type filter hook forward priority 0; ip saddr @v accept; }; chain n { type nat hook prerouting priority dstnat; }; chain s { type nat hook postrouting priority srcnat; }; }\n';

/** As it is typed, and as nft 1.0.6 lists it. */
const RULES: readonly (readonly [string, string])[] = [
  ['meta l4proto tcp tcp dport 80', 'tcp dport 80'],
  ['ip protocol tcp tcp dport 80', 'tcp dport 80'],
  ['meta l4proto tcp counter tcp dport 80', 'meta l4proto tcp counter packets 0 bytes 0 tcp dport 80'],
  ['mark and 0x4000 == 0 return', 'meta mark & 0x00004000 == 0x00000000 return'],
  ['mark set mark or 0x4000', 'meta mark set meta mark | 0x00004000'],
  ['tcp flags & (fin|syn) == syn', 'tcp flags syn / fin,syn'],
  ['tcp flags & syn != 0', 'tcp flags syn'],
  ['tcp flags & syn == 0', 'tcp flags ! syn'],
  ['tcp flags != syn,ack', 'tcp flags != 0x12'],
  ['ct state { new, established }', 'ct state { established, new }'],
  ['ct state != established,related drop', 'ct state != established | related drop'],
  ['ip saddr & 255.0.0.0 == 10.0.0.0', 'ip saddr 10.0.0.0/8'],
  ['ip saddr 1.2.3.4/24', 'ip saddr 1.2.3.0/24'],
  ['tcp dport { 22, 23-25, 26 }', 'tcp dport { 22-26 }'],
  ['tcp dport != { 22 }', 'tcp dport != 22'],
  ['icmp type { 8, 0 }', 'icmp type { echo-reply, echo-request }'],
  ['iif lo', 'iif "lo"'],
  ['reject with icmp port-unreachable', 'reject'],
  ['ct original saddr 1.2.3.4', 'ct original ip saddr 1.2.3.4'],
  ['numgen random mod 2 vmap { 0 : goto d , 1 : goto e }', 'numgen random mod 2 vmap { 0 : goto d, 1 : goto e }'],
  ['jhash ip saddr . tcp sport mod 4 seed 0x7 vmap { 0 : accept }', 'jhash ip saddr . tcp sport mod 4 seed 0x7 vmap { 0 : accept }'],
  ['fib saddr . iif oif missing drop', 'fib saddr . iif oif missing drop'],
  ['limit rate 10/hour burst 3 packets', 'limit rate 10/hour burst 3 packets'],
  ['log prefix "hi: " level debug flags all', 'log prefix "hi: " level debug flags all'],
  ['tcp option maxseg size set rt mtu', 'tcp option maxseg size set rt mtu'],
  ['tcp dport http counter accept comment "ho ho"', 'tcp dport 80 counter packets 0 bytes 0 accept comment "ho ho"'],
];

/** What is refused, with nft's words and caret. */
const ERRORS: readonly (readonly [string, string])[] = [
  [
    'add rule ip t c udp dport 12 meta l4proto tcp tcp sport 5',
    'Error: conflicting protocols specified: udp vs. tcp\nadd rule ip t c udp dport 12 meta l4proto tcp tcp sport 5\n                                              ^^^^^^^^^\n',
  ],
  [
    'add rule ip t c meta l4proto { tcp, udp } tcp dport 1',
    'Error: conflicting protocols specified: udp vs. tcp\nadd rule ip t c meta l4proto { tcp, udp } tcp dport 1\n                                          ^^^^^^^^^\n',
  ],
  ['add rule ip t c tcp dport 70000', 'Error: Service out of range\nadd rule ip t c tcp dport 70000\n                          ^^^^^\n'],
  ['add rule ip t c jump nochain', 'Error: Could not process rule: No such file or directory\nadd rule ip t c jump nochain\n                     ^^^^^^^\n'],
  ['add rule ip t c ip6 saddr fd00::1', 'Error: conflicting protocols specified: ip vs. ip6\nadd rule ip t c ip6 saddr fd00::1\n                ^^^^^^^^^\n'],
  ['add rule ip t c accept accept', 'Error: Statement after terminal statement has no effect\nadd rule ip t c accept accept\n                ~~~~~~ ^^^^^^\n'],
  ['add rule ip t c ip saddr', 'Error: syntax error, unexpected newline\nadd rule ip t c ip saddr\n                        ^\n'],
  ['add rule ip t c masquerade', 'Error: Could not process rule: Operation not supported\nadd rule ip t c masquerade\n^^^^^^^^^^^^^^^^^^^^^^^^^^^\n'],
  ['delete chain ip t d', 'Error: Could not process rule: Device or resource busy\ndelete chain ip t d\n                  ^\n'],
  ['create table ip t', 'Error: Could not process rule: File exists\ncreate table ip t\n                ^\n'],
  [
    'add element ip t iv { 10.0.0.0/8, 10.1.0.0/16 }',
    'Error: conflicting intervals specified\nadd element ip t iv { 10.0.0.0/8, 10.1.0.0/16 }\n                      ~~~~~~~~~~  ^^^^^^^^^^^\n',
  ],
  ['create element ip t v { 1.1.1.1 }', 'Error: Could not process rule: File exists\ncreate element ip t v { 1.1.1.1 }\n                        ^^^^^^^\n'],
  ['delete rule ip t c handle 99', 'Error: Could not process rule: No such file or directory\ndelete rule ip t c handle 99\n                          ^^\n'],
];

function base(): NftState {
  const state = new NftState();
  expect(state.run(BASE)).toBe('');
  return state;
}

describe('a rule', () => {
  it.each(RULES)('%s', (typed, listed) => {
    const state = base();
    expect(state.run(`add rule ip t c ${typed}\n`)).toBe('');
    expect(state.list()).toContain(`\t\tip saddr @v accept\n\t\t${listed}\n\t}\n`);
  });
});

describe('a command that fails', () => {
  it.each(ERRORS)('%s', (command, words) => {
    const state = base();
    const before = state.list(WITH_HANDLES);
    expect(state.run(`${command}\n`)).toBe(words);
    expect(state.list(WITH_HANDLES)).toBe(before);
  });
});

// ---- rulesets by chance

const address = fc.integer({ min: 0x0a000000, max: 0x0a0000ff }).map((n) => `${n >>> 24}.${(n >>> 16) & 255}.${(n >>> 8) & 255}.${n & 255}`);
const port = fc.integer({ min: 1, max: 60 });
const match = fc.oneof(
  address.map((a) => `ip saddr ${a}`),
  fc.tuple(address, fc.integer({ min: 8, max: 31 })).map(([a, n]) => `ip daddr ${a}/${n}`),
  fc.tuple(fc.constantFrom('tcp', 'udp'), port).map(([p, n]) => `${p} dport ${n}`),
  fc.array(port, { minLength: 2, maxLength: 5 }).map((ports) => `tcp sport { ${ports.join(', ')} }`),
  fc.constantFrom(
    'ct state new',
    'ct state established,related',
    'iifname "eth*"',
    'meta l4proto tcp',
    'meta mark & 0x000000ff == 0x00000001',
    'icmp type echo-request',
    'ip saddr @v',
    'ct direction reply',
    'ip ttl > 5',
  ),
);
const action = fc.constantFrom(
  '',
  'counter',
  'accept',
  'drop',
  'jump d',
  'goto e',
  'meta mark set meta mark | 0x4000',
  'limit rate 5/second',
  'log prefix "x"',
  'update @dy { ip saddr }',
  'return',
  'reject',
);
const rule = fc
  .tuple(fc.array(match, { minLength: 1, maxLength: 3 }), action)
  .map(([m, a]) => `add rule ip t c ${[...m, a].filter((w) => w !== '').join(' ')}\n`);

describe('rulesets made by chance', () => {
  it('are listed so that the listing, read again, is listed the same', () => {
    fc.assert(
      fc.property(fc.array(rule, { maxLength: 8 }), (rules) => {
        const first = base();
        for (const r of rules) first.run(r);
        const text = first.list();
        const second = new NftState();
        expect(second.run(text)).toBe('');
        // A set whose members have merged into one is that one when it is read again, in nft as well.
        expect(second.list().replace(/\{ (\d+) \}/g, '$1')).toBe(text.replace(/\{ (\d+) \}/g, '$1'));
      }),
      { numRuns: 60 },
    );
  });

  it('change nothing at all when one of their commands fails', () => {
    fc.assert(
      fc.property(fc.array(rule, { maxLength: 5 }), fc.constantFrom(...ERRORS.map(([c]) => c)), (rules, bad) => {
        const state = base();
        const before = [...state.records.values()];
        const error = state.run(`${rules.join('')}${bad}\n`);
        expect(error).not.toBe('');
        expect([...state.records.values()]).toEqual(before);
      }),
      { numRuns: 60 },
    );
  });
});

describe('a compiled set', () => {
  const span = { start: 0, end: 0 };
  const value = (v: number, type = IPV4_ADDR): Expr => ({ k: 'value', v, type, span });
  const part = (max: number, type = IPV4_ADDR): fc.Arbitrary<Expr> =>
    fc.oneof(
      fc.integer({ min: 0, max }).map((n) => value(n, type)),
      fc
        .tuple(fc.integer({ min: 0, max }), fc.integer({ min: 0, max }))
        .map(([a, b]): Expr => ({ k: 'range', low: value(Math.min(a, b), type), high: value(Math.max(a, b), type), span })),
    );
  const element = (key: Expr): Element => ({ key, data: undefined, timeoutMs: undefined, expiresMs: undefined, comment: undefined, counter: undefined, span });
  const holds = (key: Expr, values: readonly number[]): boolean =>
    (key.k === 'concat' ? key.parts : [key]).every((p, i) => {
      const bounds = boundsOf(p);
      const v = values[i] ?? -1;
      return bounds !== undefined && v >= bounds[0] && v <= bounds[1];
    });

  it('finds what a search from element to element finds: single values and intervals', () => {
    fc.assert(
      fc.property(fc.array(part(40), { maxLength: 12 }), fc.integer({ min: 0, max: 45 }), (keys, wanted) => {
        const found = new SetLookup(keys.map(element), []).find([wanted], 0);
        return (found !== undefined) === keys.some((k) => holds(k, [wanted]));
      }),
    );
  });

  it('and concatenations of them', () => {
    const key = fc.tuple(part(8), part(8), part(8, INET_SERVICE)).map((parts): Expr => ({ k: 'concat', parts, span }));
    fc.assert(
      fc.property(fc.array(key, { maxLength: 12 }), fc.tuple(fc.nat(9), fc.nat(9), fc.nat(9)), (keys, wanted) => {
        const found = new SetLookup(keys.map(element), []).find(wanted, 0);
        return (found !== undefined) === keys.some((k) => holds(k, wanted));
      }),
    );
  });
});

// ---- the real tool

const run = (script: string, environment: Readonly<Record<string, string>> = {}): { readonly status: number | null; readonly stdout: string } =>
  spawnSync('unshare', ['-n', 'sh', '-c', script], { encoding: 'utf8', env: { ...process.env, ...environment }, timeout: 60_000 });
const version = run('nft --version && nft add table ip probe').stdout;
const canRun = version.includes('v1.0.6');
if (!canRun) process.stderr.write('kubehop: the comparison with the real nft is skipped: it needs root, unshare and nft 1.0.6.\n');

describe.skipIf(!canRun)('the real nft 1.0.6', () => {
  it('lists every rule above, and its handles, as we do', () => {
    const commands = RULES.map(([typed]) => `add rule ip t c ${typed}\n`).join('');
    const state = base();
    expect(state.run(commands)).toBe('');
    const real = run('printf %s "$TEXT" | nft -f - && nft -a list ruleset', { TEXT: BASE + commands });
    expect(state.list(WITH_HANDLES)).toBe(real.stdout);
  });

  it('lists rulesets made by chance as we do', () => {
    const samples = fc.sample(fc.array(rule, { minLength: 3, maxLength: 12 }), { numRuns: 12, seed: 7 });
    for (const rules of samples) {
      const state = base();
      // What contradicts itself is refused by both.
      const script = rules.map((_, i) => `printf %s "$R${i}" | nft -f - 2>/dev/null`).join('; ');
      const environment = Object.fromEntries(rules.map((r, i) => [`R${i}`, r]));
      for (const r of rules) state.run(r);
      const real = run(`printf %s "$TEXT" | nft -f -; ${script}; nft -a list ruleset`, { TEXT: BASE, ...environment });
      expect(state.list(WITH_HANDLES)).toBe(real.stdout);
    }
  });

  it('refuses with the same words at the same place', () => {
    for (const [command, words] of ERRORS) {
      const real = run('printf %s "$TEXT" | nft -f -; nft "$COMMAND" 2>&1', { TEXT: BASE, COMMAND: command });
      // Names of things that are not there: nft then guesses by likeness of letters what was meant. We do not.
      if (!real.stdout.includes('; did you mean ')) expect(real.stdout).toBe(words);
    }
  });
});
