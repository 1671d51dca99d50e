/** Questions for the palette: those that fit every box, and those that are typed as a sentence. */
import type { Topology } from '../../world/views.ts';
import type { PaletteItem } from '../palette/items.ts';
import { DROP_CODES } from './drop-codes.ts';

export function askItems(topology: Topology): readonly PaletteItem[] {
  const targets = [
    ...topology.services.map((one) => ({ end: `service/${one.namespace}/${one.name}`, title: one.name, detail: `Service · ${one.namespace}` })),
    ...topology.netnses.flatMap((one) =>
      one.type === 'pod' ? [{ end: `pod/${one.namespace ?? 'default'}/${one.title}`, title: one.title, detail: `pod · ${one.namespace ?? 'default'}` }] : [],
    ),
  ];
  return [
    {
      id: 'ask-why',
      group: 'Ask',
      label: 'Why can’t A reach B?',
      detail: 'or type it: client reach web-service',
      act: (playground) => playground.ask({ from: '', to: '' }),
    },
    {
      id: 'ask-matrix',
      group: 'Ask',
      label: 'Who reaches whom?',
      detail: 'a matrix of real probes',
      act: ({ session }) => session.setState({ matrix: {}, pane: 'canvas' }),
    },
    ...targets.map(
      ({ end, title, detail }): PaletteItem => ({
        id: `ask-${end}`,
        group: 'Ask',
        label: `What can reach ${title}?`,
        detail,
        act: ({ session }) => session.setState({ matrix: { to: end }, pane: 'canvas' }),
      }),
    ),
    ...DROP_CODES.map(
      (code): PaletteItem => ({
        id: `drop-${code}`,
        group: 'Learn',
        label: code,
        detail: 'what this drop means',
        act: ({ session }) => session.setState({ dialog: 'drop', drop: code }),
      }),
    ),
  ];
}

/** `why can't client reach web-service:80?`, `client reach 10.244.1.4`; undefined for other texts. */
export function typedQuestion(letters: string): readonly PaletteItem[] | undefined {
  const found = /^\s*(?:why\s+)?(?:can(?:['’]?t|not)?\s+)?(\S+)\s+reach(?:es)?\s+([^\s?:]+)(?:(?::|\s+(?:on\s+)?(?:port\s+)?)(\d{1,5}))?\s*\??\s*$/i.exec(
    letters,
  );
  if (found === null) return undefined;
  const [, from = '', to = '', port] = found;
  if (/^(?:why|what|who)$/i.test(from)) return undefined;
  const number = port === undefined ? undefined : Math.min(65535, Math.max(1, Number(port)));
  return [
    {
      id: 'ask-typed',
      group: 'Ask',
      label: `Why can’t ${from} reach ${to}${number === undefined ? '' : ` on port ${number}`}?`,
      detail: 'tried with real packets',
      act: (playground) => playground.ask({ from, to, ...(number === undefined ? {} : { port: number }) }),
    },
  ];
}
