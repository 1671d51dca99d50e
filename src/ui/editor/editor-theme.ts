/** Monaco's colours, from the tokens of play.html; Monaco takes no CSS variables. */
import type { editor } from 'monaco-editor/editor';

interface Palette {
  readonly base: 'vs' | 'vs-dark';
  readonly panel: string;
  readonly ink: string;
  readonly mute: string;
  readonly line: string;
  readonly soft: string;
  readonly key: string;
  readonly text: string;
  readonly number: string;
  readonly drop: string;
  readonly warn: string;
}

function themeOf(palette: Palette): editor.IStandaloneThemeData {
  const bare = (colour: string) => colour.slice(1);
  return {
    base: palette.base,
    inherit: true,
    rules: [
      { token: '', foreground: bare(palette.ink) },
      { token: 'type', foreground: bare(palette.key) },
      // Monaco's own themes colour `string.yaml`; ours must be as exact to win.
      { token: 'string.yaml', foreground: bare(palette.text) },
      { token: 'number', foreground: bare(palette.number) },
      { token: 'keyword', foreground: bare(palette.number) },
      { token: 'comment', foreground: bare(palette.mute), fontStyle: 'italic' },
      { token: 'operators', foreground: bare(palette.mute) },
      { token: 'delimiter', foreground: bare(palette.ink) },
    ],
    colors: {
      'editor.background': palette.panel,
      'editor.foreground': palette.ink,
      'editorLineNumber.foreground': palette.mute,
      'editorLineNumber.activeForeground': palette.ink,
      'editorLineNumber.dimmedForeground': palette.mute,
      'editor.lineHighlightBackground': palette.soft,
      'editor.lineHighlightBorder': '#00000000',
      'editorError.foreground': palette.drop,
      'editorWarning.foreground': palette.warn,
      'editorWidget.background': palette.panel,
      'editorWidget.border': palette.line,
      'editorHoverWidget.background': palette.panel,
      'editorHoverWidget.border': palette.line,
      'editorSuggestWidget.background': palette.panel,
      'editorSuggestWidget.border': palette.line,
      'editorIndentGuide.background1': palette.line,
      'editorGutter.background': palette.panel,
      'scrollbar.shadow': '#00000000',
      focusBorder: palette.key,
    },
  };
}

export const editorThemes: Readonly<Record<'kubehop-light' | 'kubehop-dark', editor.IStandaloneThemeData>> = {
  'kubehop-light': themeOf({
    base: 'vs',
    panel: '#fffefb',
    ink: '#1d2330',
    mute: '#646c7c',
    line: '#d9d6cc',
    soft: '#f4f2ec',
    key: '#0b63b0',
    text: '#00795a',
    number: '#8a3fa0',
    drop: '#c4451c',
    warn: '#a66a12',
  }),
  'kubehop-dark': themeOf({
    base: 'vs-dark',
    panel: '#131923',
    ink: '#e6e9ef',
    mute: '#8d97a8',
    line: '#2a3548',
    soft: '#1a2230',
    key: '#5cb2f2',
    text: '#3ecf9f',
    number: '#d08be0',
    drop: '#ff7a4f',
    warn: '#e8a93a',
  }),
};
