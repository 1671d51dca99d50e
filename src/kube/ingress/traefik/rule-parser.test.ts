import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ipOf } from '../../../net/addr/ip.ts';
import { ruleHolds } from '../../../net/app/proxy/rule.ts';
import { parseTrip } from './middlewares.ts';
import { parseHostSni, parseRule } from './rule-parser.ts';

const request = {
  method: 'GET',
  path: '/shop/cart',
  query: 'size=xl&size=m&gift',
  headers: [
    { name: 'Host', value: 'Shop.Example.com:8080' },
    { name: 'X-Version', value: 'v2' },
  ],
  client: ipOf('10.1.2.3'),
};
const holds = (text: string): boolean => {
  const parsed = parseRule(text);
  if (!parsed.ok) throw new Error(parsed.error);
  return ruleHolds(parsed.rule, request);
};

describe("Traefik's rules", () => {
  it.each([
    ['Host(`shop.example.com`)', true],
    ['Host(`shop.example.com.`) && PathPrefix("/shop")', true],
    ['HostRegexp(`^[a-z]+\\.example\\.com$`) && Path(`/shop`)', false],
    ['PathPrefix(`/sho`)', true],
    ['PathRegexp(`c.rt$`) && !Method(`POST`)', true],
    ['Header(`x-version`, `v2`) && (ClientIP(`10.0.0.0/8`) || ClientIP(`192.0.2.1`))', true],
    ['!(Header(`X-Version`, `v1`) || HeaderRegexp(`X-Version`, `^v2$`))', false],
    ['Query(`size`, `m`) && Query(`gift`) && QueryRegexp(`size`, `^x`)', true],
    // && binds more than ||.
    ['Path(`/shop/cart`) || Method(`POST`) && Method(`PUT`)', true],
  ])('%s', (text, expected) => {
    expect(holds(text)).toBe(expected);
  });

  it.each([
    ['', "expected operand, found 'EOF'"],
    ['Headers(`a`, `b`)', 'unsupported function: Headers'],
    ['Host(`a`, `b`)', 'unexpected number of parameters; got 2, expected one of [1]'],
    ['Query(`a`, `b`, `c`)', 'expected one of [1 2]'],
    ['Host(`ä.example`)', 'non-ASCII characters are not allowed'],
    ['Path(`shop`)', `path "shop" does not start with a '/'`],
    ['PathRegexp(`(`)', 'compiling PathPrefix matcher'],
    ['ClientIP(`10.0.0/8`)', 'invalid CIDR address: 10.0.0/8'],
    ['Host(`a.example`', "missing ',' in argument list"],
    ['Host(`a.example)', 'not terminated'],
    ['Host(`a.example`) PathPrefix(`/`)', 'expected operand'],
    [`${'('.repeat(200)}Host(\`a\`)${')'.repeat(200)}`, 'too many parentheses'],
  ])('%s is refused', (text, reason) => {
    const parsed = parseRule(text);
    expect(parsed.ok ? '' : parsed.error).toContain(reason);
  });

  it('read whatever is written without losing their way', () => {
    const part = fc.constantFrom('Host(`a`)', 'Path(`/x`)', '!', '(', ')', '&&', '||', '`', '"', ',', ' ', 'Method(`GET`)', 'Foo(`1`)');
    fc.assert(
      fc.property(fc.array(part, { maxLength: 40 }), (parts) => {
        const parsed = parseRule(parts.join(' '));
        expect(parsed.ok ? typeof ruleHolds(parsed.rule, request) : typeof parsed.error).toBe(parsed.ok ? 'boolean' : 'string');
      }),
      { numRuns: 200 },
    );
  });

  it('name hosts for streams', () => {
    expect(parseHostSni('HostSNI(`*`)')).toEqual(['*']);
    expect(parseHostSni('HostSNI(`A.example`) || HostSNI("b.example")')).toEqual(['a.example', 'b.example']);
    expect(parseHostSni('ClientIP(`10.0.0.0/8`)')).toBeUndefined();
  });
});

describe('the expression of a circuit breaker', () => {
  it('is read by its three measures', () => {
    expect(parseTrip('NetworkErrorRatio() > 0.30')).toEqual({ kind: 'network-errors', above: 0.3 });
    expect(parseTrip('ResponseCodeRatio(500, 600, 0, 600) > 0.25 || LatencyAtQuantileMS(50.0) > 100')).toEqual({
      kind: 'or',
      trips: [
        { kind: 'codes', from: 500, to: 600, ofFrom: 0, ofTo: 600, above: 0.25 },
        { kind: 'latency', quantile: 50, aboveMs: 100 },
      ],
    });
    expect(parseTrip('NetworkErrorRatio() < 1')).toBeUndefined();
  });
});
