/** Every tool there is. */
import { programs } from '../net/app/index.ts';
import { commands } from './commands.ts';
import { filters, hooks, watches } from './hooks.ts';
import type { Toolbox } from './toolbox.ts';
import { withPrograms } from './tools/programs.ts';

export const fullToolbox: Toolbox = { commands: withPrograms(commands, programs), filters, watches, hooks, programs };
