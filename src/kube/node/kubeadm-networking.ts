/** What kubeadm refuses about a cluster's address ranges, in its words (Kubernetes: cmd/kubeadm/app/apis/kubeadm/validation). */
import { bitsOf, formatPrefix, type IpPrefix, parseIpPrefix } from '../../net/addr/ip.ts';
import type { FieldError } from '../../objects/types.ts';
import { isCidr } from '../addresses.ts';
import { invalid } from '../field-errors.ts';

const MIN_SERVICE_ADDRESSES = 10;
const MIN_POD_ADDRESSES = 50;
/** A service range is kept as one bitmap. */
const MAX_SERVICE_BITS = 20;
const MAX_MASK_DIFFERENCE = 16;
const ONE_OF_EACH = 'expected one (IPv4 or IPv6) CIDR or two CIDRs from each family for dual-stack networking';

interface Networking {
  readonly podSubnet?: string | undefined;
  readonly serviceSubnet?: string | undefined;
  /** Of IPv4 and of IPv6. */
  readonly nodeMaskSize: number;
  readonly nodeMaskSize6?: number;
}

/** The ranges of a comma-separated list: one, or one of each family. */
function subnets(path: string, text: string, minimum: number): { readonly found: readonly IpPrefix[]; readonly errors: readonly FieldError[] } {
  const parts = text.split(',').map((part) => part.trim());
  if (!parts.every(isCidr)) return { found: [], errors: [invalid(path, text, "couldn't parse subnet")] };
  const found = parts.flatMap((part) => parseIpPrefix(part) ?? []);
  const errors: FieldError[] = [];
  if (found.length > 2 || new Set(found.map((range) => bitsOf(range.network))).size < found.length) errors.push(invalid(path, text, ONE_OF_EACH));
  for (const range of found) {
    const size = 2 ** (bitsOf(range.network) - range.prefixLength);
    if (size < minimum) errors.push(invalid(path, textOf(range), `subnet with ${size} address(es) is too small, the minimum is ${minimum}`));
  }
  return { found, errors };
}

const textOf = (range: IpPrefix): string => formatPrefix(range.network, range.prefixLength);

export function networkingErrors(networking: Networking): FieldError[] {
  const errors: FieldError[] = [];
  if (networking.serviceSubnet !== undefined && networking.serviceSubnet !== '') {
    const path = 'networking.serviceSubnet';
    const services = subnets(path, networking.serviceSubnet, MIN_SERVICE_ADDRESSES);
    errors.push(...services.errors);
    for (const range of services.found) {
      const bits = bitsOf(range.network);
      if (bits - range.prefixLength > MAX_SERVICE_BITS) {
        const detail = `specified service subnet is too large; for ${bits}-bit addresses, the mask must be >= ${bits - MAX_SERVICE_BITS}`;
        errors.push(invalid(path, textOf(range), detail));
      }
    }
  }
  if (networking.podSubnet !== undefined && networking.podSubnet !== '') {
    const path = 'networking.podSubnet';
    const pods = subnets(path, networking.podSubnet, MIN_POD_ADDRESSES);
    errors.push(...pods.errors);
    for (const range of pods.found) {
      const mask = bitsOf(range.network) === 128 ? (networking.nodeMaskSize6 ?? 64) : networking.nodeMaskSize;
      const difference = mask - range.prefixLength;
      if (difference < 0) {
        const detail = `the size of pod subnet with mask ${range.prefixLength} is smaller than the size of node subnet with mask ${mask}`;
        errors.push(invalid(path, textOf(range), detail));
      } else if (difference > MAX_MASK_DIFFERENCE) {
        const detail = `pod subnet mask (${range.prefixLength}) and node-mask (${mask}) difference is greater than ${MAX_MASK_DIFFERENCE}`;
        errors.push(invalid(path, textOf(range), detail));
      }
    }
  }
  return errors;
}
