/** What stays on a machine when the program that wrote it ends: rules, sets, devices and routes, which the kernel keeps. */
import type { NetRecord } from '../../net/records.ts';

export const leftBehind = (before: readonly NetRecord[]): readonly NetRecord[] => before.filter((record) => record.kind !== 'process');
