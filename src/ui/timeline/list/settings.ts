/** What somebody made of the packet list: its columns and colour rules, kept in this browser. */
import type { Playground } from '../../state/playground.ts';
import { type ColourRule, defaultRules, readRules } from './colour-rules.ts';
import { type Column, defaultColumns, readColumns } from './columns.ts';

export interface PacketList {
  readonly columns: readonly Column[];
  readonly rules: readonly ColourRule[];
  /** Rows are marked by the rules. */
  readonly coloured: boolean;
}

export const defaultPacketList: PacketList = { columns: defaultColumns, rules: defaultRules, coloured: true };

const KEY = 'packet-list';

export function readPacketList(value: unknown): PacketList {
  if (typeof value !== 'object' || value === null) return defaultPacketList;
  const { columns, rules, coloured } = value as Readonly<Record<string, unknown>>;
  return { columns: readColumns(columns), rules: readRules(rules), coloured: coloured !== false };
}

/** Once for a page. */
export async function loadPacketList({ storage, session }: Playground): Promise<void> {
  if (session.getState().packetList !== undefined) return;
  const value = await storage.get(KEY).catch(() => undefined);
  if (session.getState().packetList === undefined) session.setState({ packetList: readPacketList(value) });
}

export function changePacketList({ storage, session }: Playground, change: Partial<PacketList>): void {
  const packetList = { ...(session.getState().packetList ?? defaultPacketList), ...change };
  session.setState({ packetList });
  // A convenience, as other preferences: what the document loses is what the banner is for.
  storage.set(KEY, packetList).catch(() => undefined);
}
