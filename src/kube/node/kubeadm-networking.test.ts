/** kubeadm's own limits on address ranges. */
import { describe, expect, it } from 'vitest';
import { networkingErrors } from './kubeadm-networking.ts';

const told = (podSubnet: string | undefined, serviceSubnet?: string, nodeMaskSize = 24) =>
  networkingErrors({ podSubnet, serviceSubnet, nodeMaskSize }).map((error) => `${error.path}: ${error.message}`);

describe('kubeadm checks the ranges of a cluster', () => {
  it('accepts the ones it recommends, and a range of exactly one node', () => {
    expect(told('10.244.0.0/16', '10.96.0.0/12')).toEqual([]);
    expect(told('10.244.0.0/24')).toEqual([]);
    expect(told('10.244.0.0/16,fd00:10:244::/56')).toEqual([]);
  });

  it('refuses a pod range that is smaller than one node needs', () => {
    expect(told('10.244.0.0/26')).toEqual([
      'networking.podSubnet: Invalid value: "10.244.0.0/26": the size of pod subnet with mask 26 is smaller than the size of node subnet with mask 24',
    ]);
    expect(told('10.244.0.0/27')[0]).toBe('networking.podSubnet: Invalid value: "10.244.0.0/27": subnet with 32 address(es) is too small, the minimum is 50');
  });

  it('refuses service ranges that are too small or too large', () => {
    expect(told(undefined, '10.96.0.0/30')).toEqual([
      'networking.serviceSubnet: Invalid value: "10.96.0.0/30": subnet with 4 address(es) is too small, the minimum is 10',
    ]);
    expect(told(undefined, '10.0.0.0/8')).toEqual([
      'networking.serviceSubnet: Invalid value: "10.0.0.0/8": specified service subnet is too large; for 32-bit addresses, the mask must be >= 12',
    ]);
  });

  it('measures ranges of IPv6 by the same rules, and takes one of each family', () => {
    expect(told('fd00:10:244::/56', 'fd00:10:96::/112')).toEqual([]);
    expect(told(undefined, '10.96.0.0/16,fd00:10:96::/64')).toEqual([
      'networking.serviceSubnet: Invalid value: "fd00:10:96::/64": specified service subnet is too large; for 128-bit addresses, the mask must be >= 108',
    ]);
    expect(told('10.244.0.0/16,fd00::/40')).toEqual([
      'networking.podSubnet: Invalid value: "fd00::/40": pod subnet mask (40) and node-mask (64) difference is greater than 16',
    ]);
    const two = 'expected one (IPv4 or IPv6) CIDR or two CIDRs from each family for dual-stack networking';
    expect(told('10.244.0.0/16,10.245.0.0/16')).toEqual([`networking.podSubnet: Invalid value: "10.244.0.0/16,10.245.0.0/16": ${two}`]);
    expect(told(undefined, '10.96.0.0/16,fd00:10:96::/112,10.97.0.0/16')[0]).toContain(two);
  });

  it('refuses what is no range', () => {
    expect(told('10.244.0.0')).toEqual(['networking.podSubnet: Invalid value: "10.244.0.0": couldn\'t parse subnet']);
  });
});
