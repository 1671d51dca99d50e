/** base64: encodes and decodes (-d). */
import { defineTextTool } from './tool.ts';
import { decodeBase64, encodeBase64 } from './words.ts';

export const base64 = defineTextTool<{ decode: boolean; wrap: number; text: string }>({
  name: 'base64',
  summary: 'encodes, or decodes with -d (-w N wraps)',
  parse: (argv) => {
    const state = { decode: false, wrap: 76, text: '' };
    const files: string[] = [];
    for (let i = 0; i < argv.length; i += 1) {
      const word = argv[i] ?? '';
      if (word === '-d' || word === '--decode' || word === '-D') state.decode = true;
      else if (word.startsWith('-w')) {
        const value = word.length > 2 ? word.slice(2) : (argv[i + 1] ?? '');
        if (word.length === 2) i += 1;
        if (!/^\d+$/.test(value)) return { error: `base64: invalid wrap size: '${value}'\n`, exitCode: 1 };
        state.wrap = Number(value);
      } else if (word.startsWith('-') && word !== '-')
        return { error: `base64: invalid option -- '${word.slice(1)}'\nTry 'base64 --help' for more information.\n`, exitCode: 1 };
      else files.push(word);
    }
    return { state, files };
  },
  data: (state, text) => {
    state.text += text;
    return undefined;
  },
  end: (state, io) => {
    if (state.decode) {
      const decoded = decodeBase64(state.text);
      if (decoded === undefined) {
        io.err('base64: invalid input\n');
        return 1;
      }
      io.out(decoded);
      return 0;
    }
    const encoded = encodeBase64(state.text);
    io.out(state.wrap === 0 ? encoded : encoded.replace(new RegExp(`(.{${Math.min(1000, state.wrap)}})(?=.)`, 'g'), '$1\n') + (encoded === '' ? '' : '\n'));
    return 0;
  },
});
