/** Shell patterns `*`, `?`, `[…]`, matched in time linear in text and pattern together (at most one backtrack point). */

/** `pathname`: `*`, `?` and `[` do not match `/`, and a leading `.` must be written out. */
export function matchGlob(pattern: string, text: string, pathname: boolean): boolean {
  let p = 0;
  let t = 0;
  let starPattern = -1;
  let starText = -1;
  while (t < text.length) {
    const c = pattern[p];
    const d = text[t] ?? '';
    const hidden = pathname && d === '.' && (t === 0 || text[t - 1] === '/');
    if (c === '*' && !hidden) {
      starPattern = p;
      starText = t;
      p += 1;
      continue;
    }
    const step = hidden && c !== '.' ? 0 : matchOne(pattern, p, d, pathname);
    if (step > 0) {
      p += step;
      t += 1;
      continue;
    }
    if (starPattern >= 0 && !(pathname && text[starText] === '/')) {
      starText += 1;
      t = starText;
      p = starPattern + 1;
      continue;
    }
    return false;
  }
  while (pattern[p] === '*') p += 1;
  return p >= pattern.length;
}

const classes: Readonly<Record<string, RegExp>> = {
  alpha: /[A-Za-z]/,
  digit: /[0-9]/,
  alnum: /[A-Za-z0-9]/,
  upper: /[A-Z]/,
  lower: /[a-z]/,
  space: /\s/,
  blank: /[ \t]/,
  punct: /[!-/:-@[-`{-~]/,
  xdigit: /[0-9A-Fa-f]/,
};

/** How many pattern characters match this one character, 0 when none do. */
function matchOne(pattern: string, p: number, c: string, pathname: boolean): number {
  const head = pattern[p];
  if (head === undefined || head === '*') return 0;
  if (head === '?') return pathname && c === '/' ? 0 : 1;
  if (head === '\\') return pattern[p + 1] === c ? 2 : 0;
  if (head === '[') {
    let end = p + 1;
    if (pattern[end] === '!' || pattern[end] === '^') end += 1;
    if (pattern[end] === ']') end += 1;
    while (end < pattern.length && pattern[end] !== ']') {
      const named = pattern.startsWith('[:', end) ? pattern.indexOf(':]', end + 2) : -1;
      end = named > 0 ? named + 2 : pattern[end] === '\\' ? end + 2 : end + 1;
    }
    if (end >= pattern.length) return c === '[' ? 1 : 0;
    if (pathname && c === '/') return 0;
    let body = pattern.slice(p + 1, end);
    const negated = body.startsWith('!') || body.startsWith('^');
    if (negated) body = body.slice(1);
    let inside = false;
    for (let i = 0; i < body.length; i += 1) {
      const named = /^\[:([a-z]+):\]/.exec(body.slice(i, i + 12));
      if (named !== null) {
        if (classes[named[1] ?? '']?.test(c) === true) inside = true;
        i += named[0].length - 1;
        continue;
      }
      if (body[i] === '\\' && i + 1 < body.length) i += 1;
      const low = body[i] ?? '';
      if (body[i + 1] === '-' && i + 2 < body.length) {
        if (c >= low && c <= (body[i + 2] ?? '')) inside = true;
        i += 2;
      } else if (c === low) inside = true;
    }
    return inside !== negated ? end + 1 - p : 0;
  }
  return head === c ? 1 : 0;
}
