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

/** How many pattern characters match this one character, 0 when none do. */
function matchOne(pattern: string, p: number, c: string, pathname: boolean): number {
  const head = pattern[p];
  if (head === undefined || head === '*') return 0;
  if (head === '?') return pathname && c === '/' ? 0 : 1;
  if (head === '\\') return pattern[p + 1] === c ? 2 : 0;
  if (head === '[') {
    const end = pattern.indexOf(']', p + 2);
    if (end < 0) return c === '[' ? 1 : 0;
    if (pathname && c === '/') return 0;
    let body = pattern.slice(p + 1, end);
    const negated = body.startsWith('!') || body.startsWith('^');
    if (negated) body = body.slice(1);
    let inside = false;
    for (let i = 0; i < body.length; i += 1) {
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
