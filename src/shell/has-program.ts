/** Which commands exist at a place: the image decides. */
import type { Command } from './command.ts';
import { getProfile } from './images.ts';
import type { Place } from './state.ts';

export function hasProgram(commands: ReadonlyMap<string, Command>, place: Place, name: string): boolean {
  if (!commands.has(name)) return false;
  const profile = getProfile(place.profile);
  if (profile.programs === 'all') return true;
  if (name === 'kubectl' || name === 'ssh') return false;
  if (alwaysThere.has(name)) return true;
  if (name.startsWith('busybox-')) return profile.programs.has('busybox');
  return Object.hasOwn(profile.shells, name) || (profile.programs.has(name) && name !== 'kubectl');
}

/** What the shell itself brings, or what kubehop adds everywhere. */
const alwaysThere = new Set(['help', 'history', 'trace', 'echo', 'printf', 'true', 'false', 'test', '[', 'pwd']);
