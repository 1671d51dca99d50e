/** The few signs of the buttons, as strokes on a 20-unit square. Always beside or under a text for those who cannot see them. */

const paths = {
  first: 'M4 4v12M15 4.5 7.5 10l7.5 5.5z',
  back: 'M13.5 4.5 6 10l7.5 5.5z',
  play: 'M6 4l10 6-10 6z',
  pause: 'M7 4.5v11M13 4.5v11',
  forward: 'M6.5 4.5 14 10l-7.5 5.5z',
  last: 'M16 4v12M5 4.5 12.5 10 5 15.5z',
  close: 'M5 5l10 10M15 5 5 15',
  plus: 'M10 4v12M4 10h12',
  more: 'M4.5 10h.01M10 10h.01M15.5 10h.01',
  down: 'M5 8l5 5 5-5',
  check: 'M4 10.5 8.5 15 16 6',
  cross: 'M6 6l8 8M14 6l-8 8',
  theme: 'M10 3a7 7 0 1 0 0 14zM10 3a7 7 0 0 1 0 14',
  search: 'M9 4a5 5 0 1 0 0 10A5 5 0 0 0 9 4zM13 13l4 4',
  wires: 'M3 4h6v5H3zM11 11h6v5h-6zM6 9v4.5h5',
  text: 'M4 5h12M4 9h8M4 13h10M4 17h6',
  terminal: 'M4 6l4 4-4 4M10 14.5h6',
  list: 'M4 5h12M4 10h12M4 15h12',
  info: 'M10 3a7 7 0 1 0 0 14a7 7 0 0 0 0-14zM10 9.5v4M10 6.6h.01',
  external: 'M8 5H5v10h10v-3M11 4h5v5M16 4l-7 7',
} as const;

export type IconName = keyof typeof paths;

export function Icon({ name, size = 18 }: { readonly name: IconName; readonly size?: number }) {
  const width = name === 'pause' || name === 'more' ? 2.8 : 1.7;
  return (
    <svg
      width={size}
      height={size}
      viewBox="0 0 20 20"
      fill="none"
      stroke="currentColor"
      strokeWidth={width}
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
      focusable="false"
    >
      {name === 'theme' ? <path d="M10 3a7 7 0 0 1 0 14z" fill="currentColor" stroke="none" /> : null}
      <path d={paths[name]} />
    </svg>
  );
}
