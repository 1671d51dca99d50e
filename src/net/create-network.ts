/** An engine with every program there is. */
import { apps } from './app/index.ts';
import { Network, type NetworkOptions } from './network.ts';
import { createUserland } from './socket/userland.ts';

export const createNetwork = (options: NetworkOptions): Network => new Network(options, (kernel) => createUserland(kernel, apps));
