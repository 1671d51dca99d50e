/** The shell of a world: terminal sessions with kubectl, ip, iptables, curl and friends. See README.md. */
import type { ShellHost } from '../world/shell-host.ts';
import { fullToolbox } from './full-toolbox.ts';
import { ShellSessions, type WatchingShell } from './shell.ts';

export { END_OF_INPUT, type WatchingShell } from './shell.ts';
export { formatTable } from './table.ts';
export { hopJson } from './tools/hop-json.ts';

export function createShell(host: ShellHost): WatchingShell {
  return new ShellSessions(host, fullToolbox);
}
