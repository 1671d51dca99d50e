/** The same server in a classic script, which cannot fetch a second part: all tools are in it. */
import { fullToolbox } from '../shell/full-toolbox.ts';
import { serveScope } from './scope.ts';

export function serveClassicWorker(): void {
  serveScope({ tools: fullToolbox });
}
