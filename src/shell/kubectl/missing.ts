/** Verbs people try that need what this simulation has not, `plugin`, `options` and `top`. */
import { allNamespacesFlag, defineVerb, outputFlag, selectorFlag, type Verb } from './client.ts';
import { globalFlags, KubectlError } from './flags.ts';

export const top = defineVerb({
  name: 'top',
  summary: 'top pods|nodes: needs metrics-server, which no cluster here has',
  flags: [
    allNamespacesFlag,
    selectorFlag,
    { name: 'containers', type: 'bool' },
    { name: 'no-headers', type: 'bool' },
    { name: 'sort-by', type: 'string' },
    { name: 'sum', type: 'bool' },
    { name: 'field-selector', type: 'string' },
  ],
  run: (kubectl) => {
    const [what] = kubectl.flags.args;
    if (what === undefined || !/^(?:pods?|po|nodes?|no)$/.test(what)) {
      kubectl.out('Display resource (CPU/memory) usage.\n\nAvailable Commands:\n  node          Usage of nodes\n  pod           Usage of pods\n');
      return 1;
    }
    throw new KubectlError('error: Metrics API not available');
  },
});

export const plugin = defineVerb({
  name: 'plugin',
  summary: 'plugin list: none are here',
  flags: [{ name: 'name-only', type: 'bool' }],
  run: (kubectl) => {
    if (kubectl.flags.args[0] === 'list') throw new KubectlError('error: unable to find any kubectl plugins in your PATH');
    kubectl.out('Provides utilities for interacting with plugins.\n\nAvailable Commands:\n  list          List all plugins on the PATH\n');
    return 1;
  },
});

export const options = defineVerb({
  name: 'options',
  summary: 'flags that every command takes',
  flags: [],
  run: (kubectl) => {
    const line = ({ name, short, type }: (typeof globalFlags)[number]): string =>
      `    ${short === undefined || short === name ? '' : `-${short}, `}--${name}=${type === 'bool' ? 'false' : type === 'list' ? '[]' : "''"}\n`;
    kubectl.out(`The following options can be passed to any command:\n\n${globalFlags.map(line).join('')}`);
    return 0;
  },
});

function defineMissing(name: string, needed: number, usage: string, sentence: string): Verb {
  return defineVerb({
    name,
    summary: 'not simulated',
    flags: [outputFlag, { name: 'container', short: 'c', type: 'string' }, { name: 'port', short: 'p', type: 'int' }],
    run: (kubectl) => {
      throw new KubectlError(`error: ${kubectl.flags.args.length < needed ? usage : sentence}`);
    },
  });
}
export const proxy = defineMissing('proxy', 0, '', 'kubectl proxy is not part of this simulated kubectl');
export const cp = defineMissing(
  'cp',
  2,
  'source and destination are required',
  'kubectl cp is not part of this simulated kubectl; use kubectl exec POD -- cat FILE > FILE',
);
