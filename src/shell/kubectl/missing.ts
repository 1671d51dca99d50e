/** Verbs people try that need what this simulation has not, `plugin` and `options`. */
import { defineVerb, outputFlag, type Verb } from './client.ts';
import { KubectlError } from './flags.ts';
import { globalOptions } from './help.ts';

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
    kubectl.out(globalOptions());
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
export const certificate = defineMissing('certificate', 0, '', 'certificate signing requests are not part of this simulation');
export const kustomize = defineMissing('kustomize', 0, '', 'kustomize is not part of this simulated kubectl');

/** This terminal completes by itself; people have `source <(kubectl completion bash)` in their fingers. */
export const completion = defineVerb({
  name: 'completion',
  summary: 'completion of words, which this terminal has built in',
  usage: 'SHELL [options]',
  flags: [{ name: 'no-descriptions', type: 'bool' }],
  run: (kubectl) => {
    const [shell, more] = kubectl.flags.args;
    if (shell === undefined) throw new KubectlError("error: Shell not specified\nSee 'kubectl completion -h' for help and examples");
    if (more !== undefined)
      throw new KubectlError("error: Too many arguments. Expected only the shell type\nSee 'kubectl completion -h' for help and examples");
    if (!['bash', 'zsh', 'fish', 'powershell'].includes(shell))
      throw new KubectlError(`error: Unsupported shell type ${JSON.stringify(shell)}\nSee 'kubectl completion -h' for help and examples`);
    kubectl.out(`# ${shell} completion of kubectl is built into this terminal: press Tab\n`);
    return 0;
  },
});
