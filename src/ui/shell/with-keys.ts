/** React keys for things without an identity of their own: their name and its how-manieth occurrence. */

export function withKeys<T>(items: readonly T[], nameOf: (item: T) => string): readonly { readonly key: string; readonly item: T; readonly index: number }[] {
  const seen = new Map<string, number>();
  return items.map((item, index) => {
    const name = nameOf(item);
    const count = (seen.get(name) ?? 0) + 1;
    seen.set(name, count);
    return { key: `${name}#${count}`, item, index };
  });
}
