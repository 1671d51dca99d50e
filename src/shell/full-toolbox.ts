/** Every tool there is. */
import { nginxConf } from '../kube/ingress/nginx/nginx-conf.ts';
import { programs } from '../net/app/index.ts';
import { commands } from './commands.ts';
import { filters, hooks, watches } from './hooks.ts';
import type { Toolbox } from './toolbox.ts';
import { withPrograms } from './tools/programs.ts';

const podFiles: Toolbox['podFiles'] = new Map([['/etc/nginx/nginx.conf', nginxConf]]);

export const fullToolbox: Toolbox = { commands: withPrograms(commands, programs), filters, watches, hooks, programs, podFiles };
