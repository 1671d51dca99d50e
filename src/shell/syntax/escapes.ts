/** Backslash escapes of `$'…'`, `echo -e` and `printf`. */

const letters: Readonly<Record<string, string>> = {
  n: '\n',
  t: '\t',
  r: '\r',
  a: '\u0007',
  b: '\b',
  f: '\f',
  v: '\v',
  e: '\u001b',
  E: '\u001b',
  '\\': '\\',
};

/** `octal`: `format` takes `\\NNN`, `echo` only `\\0NNN`. Unknown escapes stay as they are. `\\c` ends the text: what follows is cut, and `stopped` says so. */
export function expandEscapes(text: string, octal: 'format' | 'echo'): { readonly text: string; readonly stopped: boolean } {
  let stopped = false;
  const pattern =
    octal === 'format'
      ? /\\(x[0-9A-Fa-f]{1,2}|u[0-9A-Fa-f]{1,4}|[0-7]{1,3}|c[\s\S]*|[\s\S])/g
      : /\\(x[0-9A-Fa-f]{1,2}|u[0-9A-Fa-f]{1,4}|0[0-7]{0,3}|c[\s\S]*|[\s\S])/g;
  const out = text.replace(pattern, (whole, code: string) => {
    if (code.startsWith('c')) {
      stopped = true;
      return '';
    }
    return /^[xu]./.test(code)
      ? String.fromCharCode(Number.parseInt(code.slice(1), 16))
      : /^[0-7]/.test(code) && (octal === 'format' || code.startsWith('0'))
        ? String.fromCharCode(Number.parseInt(code, 8) & 255)
        : (letters[code] ?? (octal === 'format' && (code === '"' || code === "'") ? code : whole));
  });
  return { text: out, stopped };
}

export function ansiEscapes(text: string): string {
  return text.replace(/\\(x[0-9A-Fa-f]{1,2}|u[0-9A-Fa-f]{1,4}|[0-7]{1,3}|[\s\S])/g, (whole, code: string) =>
    /^[xu]./.test(code)
      ? String.fromCharCode(Number.parseInt(code.slice(1), 16))
      : /^[0-7]/.test(code)
        ? String.fromCharCode(Number.parseInt(code, 8) & 255)
        : (letters[code] ?? (`'"?`.includes(code) ? code : whole)),
  );
}
