/** What `conntrack -S` counts. Linux: struct ip_conntrack_stat */

export interface ConntrackStatistics {
  /** A tuple that NAT would have liked was in use. */
  found: number;
  invalid: number;
  insertFailed: number;
  drop: number;
  earlyDrop: number;
  /** ICMP errors that belong to nothing. */
  error: number;
  clashResolve: number;
}

export const newStatistics = (): ConntrackStatistics => ({ found: 0, invalid: 0, insertFailed: 0, drop: 0, earlyDrop: 0, error: 0, clashResolve: 0 });
export const copyStatistics = (from: ConntrackStatistics): ConntrackStatistics => ({ ...from });
