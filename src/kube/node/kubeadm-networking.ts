/** What kubeadm refuses about a cluster's address ranges, in its words (Kubernetes: cmd/kubeadm/app/apis/kubeadm/validation). */
import type { FieldError } from '../../objects/types.ts';
import { type Cidr, formatCidr, isCidr, parseCidr } from '../addresses.ts';
import { invalid } from '../field-errors.ts';

const MIN_SERVICE_ADDRESSES = 10;
const MIN_POD_ADDRESSES = 50;
/** A service range is kept as one bitmap. */
const MAX_SERVICE_BITS = 20;
const MAX_MASK_DIFFERENCE = 16;

interface Networking {
  readonly podSubnet?: string | undefined;
  readonly serviceSubnet?: string | undefined;
  readonly nodeMaskSize: number;
}

/** The IPv4 ranges of a comma-separated list; IPv6 ones are let through unmeasured, since nothing here uses them. */
function subnets(path: string, text: string, minimum: number): { readonly found: readonly Cidr[]; readonly errors: readonly FieldError[] } {
  const parts = text.split(',').map((part) => part.trim());
  if (!parts.every(isCidr)) return { found: [], errors: [invalid(path, text, "couldn't parse subnet")] };
  const found = parts.flatMap((part) => parseCidr(part) ?? []);
  const small = found.filter((cidr) => cidr.size < minimum);
  return {
    found,
    errors: small.map((cidr) => invalid(path, formatCidr(cidr), `subnet with ${cidr.size} address(es) is too small, the minimum is ${minimum}`)),
  };
}

export function networkingErrors(networking: Networking): FieldError[] {
  const errors: FieldError[] = [];
  if (networking.serviceSubnet !== undefined && networking.serviceSubnet !== '') {
    const services = subnets('networking.serviceSubnet', networking.serviceSubnet, MIN_SERVICE_ADDRESSES);
    errors.push(...services.errors);
    for (const cidr of services.found) {
      if (cidr.size > 2 ** MAX_SERVICE_BITS) {
        errors.push(
          invalid(
            'networking.serviceSubnet',
            formatCidr(cidr),
            `specified service subnet is too large; for 32-bit addresses, the mask must be >= ${32 - MAX_SERVICE_BITS}`,
          ),
        );
      }
    }
  }
  if (networking.podSubnet !== undefined && networking.podSubnet !== '') {
    const pods = subnets('networking.podSubnet', networking.podSubnet, MIN_POD_ADDRESSES);
    errors.push(...pods.errors);
    for (const cidr of pods.found) {
      const difference = networking.nodeMaskSize - cidr.prefixLength;
      if (difference < 0)
        errors.push(
          invalid(
            'networking.podSubnet',
            formatCidr(cidr),
            `the size of pod subnet with mask ${cidr.prefixLength} is smaller than the size of node subnet with mask ${networking.nodeMaskSize}`,
          ),
        );
      else if (difference > MAX_MASK_DIFFERENCE)
        errors.push(
          invalid(
            'networking.podSubnet',
            formatCidr(cidr),
            `pod subnet mask (${cidr.prefixLength}) and node-mask (${networking.nodeMaskSize}) difference is greater than ${MAX_MASK_DIFFERENCE}`,
          ),
        );
    }
  }
  return errors;
}
