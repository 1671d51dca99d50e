/** Tab completion for kubectl: verbs, kinds, names, namespaces, flags, files. */
import type { Invocation } from '../command.ts';
import type { Verb } from './client.ts';
import { createWords } from './create.ts';
import { globalFlags } from './flags.ts';

export function completeKubectl(verbs: readonly Verb[], words: readonly string[], current: string, invocation: Invocation): readonly string[] {
  const { host, shell } = invocation;
  const { view, kinds } = host.api;
  const starting = (candidates: readonly string[]): readonly string[] => candidates.filter((candidate) => candidate.startsWith(current));
  const previous = words.at(-1) ?? '';
  const namespaces = (): readonly string[] => view.list('Namespace').map((namespace) => namespace.metadata.name);
  if (previous === '-n' || previous === '--namespace') return starting(namespaces());
  if (current.startsWith('--namespace=')) return starting(namespaces().map((name) => `--namespace=${name}`));
  if (previous === '-o' || previous === '--output') return starting(['wide', 'yaml', 'json', 'name', 'jsonpath=', 'custom-columns=']);
  const plain = words.slice(1).filter((word, index, all) => !word.startsWith('-') && !['-n', '--namespace', '-o', '-c', '-l'].includes(all[index - 1] ?? ''));
  const verb = verbs.find((candidate) => candidate.name === plain[0]);
  if (verb === undefined) return starting(verbs.map((candidate) => candidate.name));
  if (current.startsWith('-')) return starting([...verb.flags, ...globalFlags].map((flag) => `--${flag.name}`));
  if (previous === '-f' || previous === '--filename') return [];
  const at = words.findIndex((word) => word === '-n' || word === '--namespace');
  const namespace = at >= 0 ? (words[at + 1] ?? 'default') : shell.state.namespace;
  const names = (kindWord: string): readonly string[] => {
    const kind = host.api.findKind(kindWord);
    if (kind === undefined) return [];
    return (kind.namespaced ? view.list(kind.kind, namespace) : view.list(kind.kind)).map((object) => object.metadata.name);
  };
  switch (verb.completes) {
    case 'pods':
      return starting(plain.length === 1 ? names('pods') : []);
    case 'nodes':
      return starting([...(verb.name === 'taint' && plain.length === 1 ? ['nodes'] : []), ...names('nodes')]);
    case 'resources': {
      const subcommands: Readonly<Record<string, readonly string[]>> = {
        rollout: ['status', 'history', 'undo', 'restart', 'pause', 'resume'],
        set: ['image', 'env', 'selector'],
      };
      const own = subcommands[verb.name];
      if (own !== undefined && plain.length === 1) return starting(own);
      const rest = own === undefined ? plain.slice(1) : plain.slice(2);
      const slash = current.indexOf('/');
      if (slash > 0) return starting(names(current.slice(0, slash)).map((name) => `${current.slice(0, slash)}/${name}`));
      return starting(
        rest.length === 0 ? [...kinds.map((kind) => kind.plural), ...(verb.name === 'get' || verb.name === 'delete' ? ['all'] : [])] : names(rest[0] ?? ''),
      );
    }
    default:
      return verb.name === 'create' && plain.length === 1 ? starting(createWords) : [];
  }
}
