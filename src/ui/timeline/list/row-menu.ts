/** What can be done with a row of the packet list, and with the value that was pressed in it. */
import type { MenuItem } from '../../shell/Menu.tsx';
import type { Playground } from '../../state/playground.ts';
import { conversationFilter, conversationsOf } from '../conversations.ts';
import { type Cell, columnKinds, FIELD, titleOf } from './columns.ts';
import type { Painter } from './language.ts';

const joined = (before: string, filter: string): string => (before.trim() === '' ? filter : `(${before}) && ${filter.includes('&&') ? `(${filter})` : filter}`);
const short = (text: string): string => (text.length > 44 ? `${text.slice(0, 43)}…` : text);

/** The display filter for what stands in a cell; '' where nothing is there that could be asked for. */
function filterFor(
  column: string,
  cell: Cell,
  painter: Painter | undefined,
  fieldFilter: ((column: string, value: string | number) => string) | undefined,
): string {
  if (!column.startsWith(FIELD)) return columnKinds.get(column)?.filter?.(cell) ?? '';
  const [value] = painter?.values(column.slice(FIELD.length), cell.hop, cell.number) ?? [];
  return value === undefined ? '' : (fieldFilter?.(column, value) ?? '');
}

export interface RowMenuAsked {
  readonly column: string | undefined;
  readonly cell: Cell;
  readonly index: number;
  readonly painter: Painter | undefined;
  readonly fieldFilter: ((column: string, value: string | number) => string) | undefined;
  readonly onRule: (filter: string) => void;
}

export function rowMenu(playground: Playground, { column, cell, index, painter, fieldFilter, onRule }: RowMenuAsked): readonly MenuItem[] {
  const { session, playback } = playground;
  const { filter: before } = session.getState();
  const { hop, number } = cell;
  const filter = (text: string) => session.setState({ filter: text, timelineView: 'hops' });
  const here = () => {
    playback.seek(index);
    session.setState({ inspecting: 'hop' });
  };
  const asked = column === undefined ? '' : filterFor(column, cell, painter, fieldFilter);
  const ofCell: readonly MenuItem[] =
    asked === '' || column === undefined
      ? []
      : [
          { label: `Only this ${titleOf(column)}`, detail: short(asked), onPick: () => filter(asked) },
          ...(before.trim() === '' ? [] : [{ label: 'And only this', detail: short(`… && ${asked}`), onPick: () => filter(joined(before, asked)) }]),
          { label: 'All but this', detail: short(`!(${asked})`), onPick: () => filter(joined(before, `!(${asked})`)) },
          { label: 'Colour rule for it …', onPick: () => onRule(asked) },
        ];
  // Looked for only when somebody wants it: a long run has many.
  const conversation = () => conversationsOf(playback.hops()).find((one) => one.packets.includes(hop.event.packetId));
  const follow = (view: 'hops' | 'stream' | 'sequence') => {
    const one = conversation();
    if (one === undefined) {
      playground.notify('This packet belongs to no conversation of ports.');
      return;
    }
    here();
    session.setState({ stream: one.index, timelineView: view });
    if (view === 'hops') filter(conversationFilter(one));
  };
  return [
    ...ofCell,
    ...(number === undefined || column === 'packet'
      ? []
      : [{ label: 'Only this packet', detail: `frame.number == ${number}`, onPick: () => filter(`frame.number == ${number}`) }]),
    { label: 'Only its conversation', onPick: () => follow('hops') },
    { label: 'Follow the words of both sides', onPick: () => follow('stream') },
    { label: 'Sequence of its conversation', onPick: () => follow('sequence') },
    {
      label: 'Bytes of this frame',
      detail: 'Enter',
      disabled: hop.event.packetId < 0,
      onPick: () => {
        here();
        session.setState({ timelineView: 'bytes' });
      },
    },
    {
      label: 'Bookmark this moment',
      onPick: () => {
        here();
        playground.addBookmark();
      },
    },
  ];
}
