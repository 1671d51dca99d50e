/** Tab completion for kubectl: verbs, kinds, names, namespaces, flags, files. */
import type { Invocation } from '../command.ts';
import { at, list, text } from '../json.ts';
import { namespaceOfContext } from '../kubeconfig.ts';
import type { Verb } from './client.ts';
import { configWords } from './config.ts';
import { createWords } from './create.ts';
import { globalFlags } from './flags.ts';

const GROUPS: Readonly<Record<string, readonly string[]>> = {
  auth: ['can-i', 'whoami'],
  config: configWords,
  'cluster-info': ['dump'],
  plugin: ['list'],
  top: ['node', 'pod'],
  completion: ['bash', 'fish', 'powershell', 'zsh'],
};

export function completeKubectl(verbs: readonly Verb[], words: readonly string[], current: string, invocation: Invocation): readonly string[] {
  const { host, shell } = invocation;
  const { view, kinds } = host.api;
  const starting = (candidates: readonly string[]): readonly string[] => candidates.filter((candidate) => candidate.startsWith(current));
  const previous = words.at(-1) ?? '';
  const namespaces = (): readonly string[] => view.list('Namespace').map((namespace) => namespace.metadata.name);
  if (previous === '-n' || previous === '--namespace') return starting(namespaces());
  if (current.startsWith('--namespace=')) return starting(namespaces().map((name) => `--namespace=${name}`));
  if (previous === '-o' || previous === '--output') return starting(['wide', 'yaml', 'json', 'kyaml', 'name', 'jsonpath=', 'go-template=', 'custom-columns=']);
  const plain = words.slice(1).filter((word, index, all) => !word.startsWith('-') && !['-n', '--namespace', '-o', '-c', '-l'].includes(all[index - 1] ?? ''));
  const verb = verbs.find((candidate) => candidate.name === plain[0]);
  if (verb === undefined) return starting(verbs.map((candidate) => candidate.name));
  if (current.startsWith('-')) return starting([...verb.flags, ...globalFlags].map((flag) => `--${flag.name}`));
  if (previous === '-f' || previous === '--filename') return [];
  const flagAt = words.findIndex((word) => word === '-n' || word === '--namespace');
  const namespace = flagAt >= 0 ? (words[flagAt + 1] ?? 'default') : namespaceOfContext(shell.state.kubeconfig);
  const names = (kindWord: string): readonly string[] => {
    const kind = host.api.findKind(kindWord);
    if (kind === undefined) return [];
    return (kind.namespaced ? view.list(kind.kind, namespace) : view.list(kind.kind)).map((object) => object.metadata.name);
  };
  const containersOf = (name: string): readonly string[] => {
    const pod = view.find(`Pod/${namespace}/${name.replace(/^pods?\//, '')}`);
    return ['initContainers', 'containers', 'ephemeralContainers'].flatMap((field) => list(at(pod, 'spec', field)).map((one) => text(at(one, 'name'))));
  };
  if (previous === '-c' || previous === '--container') return starting(containersOf(plain[1] ?? ''));
  const dryRun = ['none', 'client', 'server'].map((mode) => `--dry-run=${mode}`);
  if (current.startsWith('--dry-run=')) return starting(dryRun);
  const own = Object.hasOwn(GROUPS, verb.name) ? GROUPS[verb.name] : undefined;
  if (own !== undefined && plain.length === 1) return starting(own);
  switch (verb.completes) {
    case 'pods':
      // Behind the pod comes a container (logs), or nothing.
      return starting(plain.length === 1 ? names('pods') : verb.name === 'logs' && plain.length === 2 ? containersOf(plain[1] ?? '') : []);
    case 'nodes':
      return starting([...(verb.name === 'taint' && plain.length === 1 ? ['nodes'] : []), ...names('nodes')]);
    case 'resources': {
      const group = verb.subcommands === undefined ? undefined : Object.keys(verb.subcommands);
      if (group !== undefined && plain.length === 1) return starting(group);
      const rest = group === undefined ? plain.slice(1) : plain.slice(2);
      const slash = current.indexOf('/');
      if (slash > 0) return starting(names(current.slice(0, slash)).map((name) => `${current.slice(0, slash)}/${name}`));
      return starting(
        rest.length === 0 ? [...kinds.map((kind) => kind.plural), ...(verb.name === 'get' || verb.name === 'delete' ? ['all'] : [])] : names(rest[0] ?? ''),
      );
    }
    default:
      if (plain.length !== 1) return verb.name === 'config' && plain.length === 2 ? starting([...shell.state.kubeconfig.contexts.keys()]) : [];
      return starting(verb.name === 'create' ? createWords : []);
  }
}
