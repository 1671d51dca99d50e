/** The tokens of tokens.css as plain values, for pictures that live outside a page; a test keeps both equal. */

export type PaletteName = 'light' | 'dark';

export type Palette = Readonly<
  Record<'bg' | 'panel' | 'ink' | 'mute' | 'line' | 'soft' | 'room' | 'l2' | 'l3' | 'l4' | 'l7' | 'tun' | 'drop' | 'sel' | 'on-fill' | 'focus', string>
>;

export const palettes: Readonly<Record<PaletteName, Palette>> = {
  light: {
    bg: '#f7f6f2',
    panel: '#fffefb',
    ink: '#1d2330',
    mute: '#646c7c',
    line: '#d9d6cc',
    soft: '#efede6',
    room: '#f1efe9',
    l2: '#94600e',
    l3: '#0b63b0',
    l4: '#8a3fa0',
    l7: '#00795a',
    tun: '#09757d',
    drop: '#bd4119',
    sel: '#1d2330',
    'on-fill': '#fffefb',
    focus: '#0b63b0',
  },
  dark: {
    bg: '#0d1117',
    panel: '#131923',
    ink: '#e6e9ef',
    mute: '#8d97a8',
    line: '#2a3548',
    soft: '#1a2230',
    room: '#161d29',
    l2: '#e8a93a',
    l3: '#5cb2f2',
    l4: '#d08be0',
    l7: '#3ecf9f',
    tun: '#45c8d1',
    drop: '#ff7a4f',
    sel: '#ffffff',
    'on-fill': '#0d1117',
    focus: '#5cb2f2',
  },
};

/** Two colours mixed in sRGB: `part` (0..1) of the first. Both `#rrggbb`. */
export function mix(first: string, second: string, part: number): string {
  const channel = (text: string, at: number) => Number.parseInt(text.slice(at, at + 2), 16);
  const parts = [1, 3, 5].map((at) => Math.round(channel(first, at) * part + channel(second, at) * (1 - part)));
  return `#${parts.map((value) => value.toString(16).padStart(2, '0')).join('')}`;
}
