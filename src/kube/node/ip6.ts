/** Whether the machines of the cluster speak IPv6 at all. */

/** A cluster of IPv4 addresses alone has IPv6 switched off on every machine, as many clusters do: no link-local addresses, no neighbour discovery. */
export const ip6Sysctls = (enabled: boolean): Readonly<Record<string, number>> => (enabled ? {} : { 'net.ipv6.conf.all.disable_ipv6': 1 });
