/** Colour rules: a display filter, an ink and a sign; the first rule that fits a hop marks its row. Wireshark: epan/color_filters.c. */

export const INKS = ['drop', 'l2', 'l3', 'l4', 'l7', 'tunnel', 'plain'] as const;
export type Ink = (typeof INKS)[number];

export interface ColourRule {
  readonly name: string;
  /** In the display filter's language. */
  readonly filter: string;
  readonly ink: Ink;
  /** One or two signs before the row: colour alone says nothing to many. */
  readonly mark: string;
  readonly on: boolean;
}

const rule = (name: string, mark: string, ink: Ink, filter: string): ColourRule => ({ name, mark, ink, filter, on: true });

/** Faults before protocols, as there. */
export const defaultRules: readonly ColourRule[] = [
  rule('Dropped', '✕', 'drop', 'drop'),
  rule('TCP reset', '⊘', 'drop', 'tcp.flags.reset == 1'),
  rule('SCTP abort', '⊘', 'drop', 'sctp.chunk_type == 6'),
  rule('ICMP error', '!', 'drop', 'icmp.type in {3, 4, 5, 11, 12} || icmpv6.type in {1..4}'),
  rule('HTTP error', '!', 'drop', 'http.response.code >= 400'),
  rule('Address rewritten', '⇄', 'l4', 'hop.step == "translated"'),
  rule('Into or out of a tunnel', '⊃', 'tunnel', 'hop.step in {"encapsulated", "decapsulated"}'),
  rule('DNS', '?', 'l7', 'dns'),
  rule('HTTP', '↔', 'l7', 'http'),
  rule('TLS', '§', 'l7', 'tls'),
  rule('TCP begins or ends', '●', 'l4', 'tcp.flags.syn == 1 || tcp.flags.fin == 1'),
  rule('SCTP begins or ends', '●', 'l4', 'sctp.chunk_type in {1, 2, 7, 8, 14}'),
  rule('ICMP', '∿', 'l3', 'icmp || icmpv6'),
  rule('ARP', '◦', 'l2', 'arp'),
];

const MAX_RULES = 60;
const isInk = (value: unknown): value is Ink => INKS.some((ink) => ink === value);
const text = (value: unknown, length: number): string => (typeof value === 'string' ? [...value].slice(0, length).join('') : '');

/** What storage has, rule by rule; without a list the usual ones. */
export function readRules(value: unknown): readonly ColourRule[] {
  if (!Array.isArray(value)) return defaultRules;
  return (value as readonly unknown[]).slice(0, MAX_RULES).flatMap((one): readonly ColourRule[] => {
    if (typeof one !== 'object' || one === null) return [];
    const { name, filter, ink, mark, on } = one as Readonly<Record<string, unknown>>;
    return [{ name: text(name, 40), filter: text(filter, 400), ink: isInk(ink) ? ink : 'plain', mark: text(mark, 2), on: on !== false }];
  });
}
