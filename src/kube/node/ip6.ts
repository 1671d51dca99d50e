/** Whether the machines of the cluster speak IPv6 at all. */

/** A cluster of IPv4 addresses alone has IPv6 switched off on every machine, as many clusters do: no link-local addresses, no neighbour discovery. */
const NO_SYSCTLS: Readonly<Record<string, number>> = {};
/** Of a machine or pod that forwards IPv6. */
export const FORWARDING6: Readonly<Record<string, number>> = { 'net.ipv6.conf.all.forwarding': 1 };

export const ip6Sysctls = (enabled: boolean): Readonly<Record<string, number>> => (enabled ? NO_SYSCTLS : { 'net.ipv6.conf.all.disable_ipv6': 1 });
