/** The difference of two texts by lines, with a little of what stands around it. */

export interface DiffLine {
  readonly kind: 'same' | 'gone' | 'new' | 'gap';
  readonly text: string;
}

const AROUND = 2;

/** What both texts begin and end with is cut off first: an edit of ours is one place. */
export function diffLines(before: string, after: string): readonly DiffLine[] {
  const a = before === '' ? [] : before.replace(/\n$/, '').split('\n');
  const b = after.replace(/\n$/, '').split('\n');
  let start = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) start += 1;
  let end = 0;
  while (end < a.length - start && end < b.length - start && a[a.length - 1 - end] === b[b.length - 1 - end]) end += 1;
  const line = (kind: DiffLine['kind']) => (text: string) => ({ kind, text });
  const head = a.slice(Math.max(0, start - AROUND), start);
  const tail = a.slice(a.length - end, a.length - end + AROUND);
  return [
    ...(start > AROUND ? [{ kind: 'gap', text: '' } as const] : []),
    ...head.map(line('same')),
    ...a.slice(start, a.length - end).map(line('gone')),
    ...b.slice(start, b.length - end).map(line('new')),
    ...tail.map(line('same')),
    ...(end > AROUND ? [{ kind: 'gap', text: '' } as const] : []),
  ];
}

/** Where the texts begin to differ, for the editor's eye. */
export function firstDifference(before: string, after: string): number {
  let at = 0;
  while (at < before.length && before[at] === after[at]) at += 1;
  return at;
}
