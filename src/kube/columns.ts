/** Columns of `kubectl get` in one line: `NAME, AGE, +IMAGES`; `+` marks what only `-o wide` shows. */
import type { TableColumn } from '../objects/types.ts';

export const columnsOf = (names: string): readonly TableColumn[] =>
  names.split(', ').map((name) => (name.startsWith('+') ? { name: name.slice(1), priority: 1 } : { name, priority: 0 }));
