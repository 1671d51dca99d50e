/** kubectl auth: whoami and can-i, answered from the Roles and bindings that are stored. Kubernetes: kubectl/pkg/cmd/auth */
import { administrator, isAllowed, type PolicyRule, rulesFor, type UserInfo, userOf } from '../../kube/config/authorize.ts';
import type { Outcome } from '../command.ts';
import { formatTable } from '../table.ts';
import { allNamespacesFlag, defineVerb, groupOf, type Kubectl, outputFlag } from './client.ts';
import { KubectlError } from './flags.ts';

/** Whom the call speaks for: kubeconfig's administrator, or `--as`. */
function callerOf(kubectl: Kubectl): UserInfo {
  const { flags } = kubectl;
  return flags.has('as') ? userOf(flags.get('as'), flags.all('as-group')) : administrator;
}

function canI(kubectl: Kubectl, args: readonly string[]): Outcome {
  const { flags, invocation } = kubectl;
  const { api } = invocation.host;
  const user = callerOf(kubectl);
  if (flags.bool('list')) {
    if (args.length > 0) throw new KubectlError('error: list option must be specified with no arguments');
    kubectl.out(ruleTable(rulesFor(api.view, user, kubectl.namespace), flags.bool('no-headers')));
    return 0;
  }
  const [verb, what, named] = args;
  if (verb === undefined || what === undefined || args.length > 3)
    throw new KubectlError(
      "error: you must specify two arguments: verb resource or verb resource/resourceName.\nSee 'kubectl auth can-i -h' for help and examples.",
    );
  const say = (allowed: boolean): number => {
    if (!flags.bool('quiet')) kubectl.out(allowed ? 'yes\n' : 'no\n');
    return allowed ? 0 : 1;
  };
  if (what.startsWith('/')) return say(isAllowed(api.view, user, { verb, path: what }));
  const [word = '', inside] = what.split('/');
  const kind = word === '*' ? undefined : api.findKind(word);
  let warned = false;
  if (kind === undefined && word !== '*') {
    const dot = word.indexOf('.');
    kubectl.err(
      `Warning: the server doesn't have a resource type '${dot < 0 ? word : word.slice(0, dot)}'${dot < 0 ? '' : ` in group '${word.slice(dot + 1)}'`}\n`,
    );
    warned = true;
  }
  const everywhere = flags.bool('all-namespaces');
  if (kind !== undefined && !kind.namespaced && !everywhere) {
    const group = groupOf(kind.apiVersion);
    kubectl.err(`Warning: resource '${kind.plural}' is not namespace scoped${group === '' ? '' : ` in group '${group}'`}\n`);
    warned = true;
  }
  if (warned) kubectl.err('\n');
  const resource = kind?.plural ?? word;
  const sub = flags.get('subresource');
  return say(
    isAllowed(api.view, user, {
      verb,
      group: kind === undefined ? (word === '*' ? '*' : '') : groupOf(kind.apiVersion),
      resource: sub === '' ? resource : `${resource}/${sub}`,
      name: inside ?? named ?? '',
      namespace: everywhere ? '' : kubectl.namespace,
    }),
  );
}

function ruleTable(rules: readonly PolicyRule[], bare: boolean): string {
  const bracketed = (words: readonly string[]): string => `[${words.join(' ')}]`;
  const named = rules.flatMap((rule) =>
    rule.resources.flatMap((resource) =>
      rule.apiGroups.map((group) => [group === '' ? resource : `${resource}.${group}`, '[]', bracketed(rule.resourceNames), bracketed(rule.verbs)]),
    ),
  );
  const paths = rules.flatMap((rule) => rule.nonResourceURLs.map((url) => ['', bracketed([url]), '[]', bracketed(rule.verbs)]));
  const rows = [...named.toSorted(([a = ''], [b = '']) => (a < b ? -1 : a > b ? 1 : 0)), ...paths];
  return formatTable([...(bare ? [] : [['Resources', 'Non-Resource URLs', 'Resource Names', 'Verbs']]), ...rows]);
}

export const auth = defineVerb({
  name: 'auth',
  summary: 'auth whoami; auth can-i VERB RESOURCE [--as=USER] (from Roles and bindings; nothing is enforced here)',
  flags: [
    outputFlag,
    allNamespacesFlag,
    { name: 'list', type: 'bool' },
    { name: 'quiet', short: 'q', type: 'bool' },
    { name: 'subresource', type: 'string' },
    { name: 'no-headers', type: 'bool' },
  ],
  run: (kubectl) => {
    const [subcommand, ...args] = kubectl.flags.args;
    if (subcommand === 'can-i') return canI(kubectl, args);
    if (subcommand === 'whoami') {
      const user = callerOf(kubectl);
      kubectl.out(
        formatTable([
          ['ATTRIBUTE', 'VALUE'],
          ['Username', user.name],
          ['Groups', `[${user.groups.join(' ')}]`],
        ]),
      );
      return 0;
    }
    if (subcommand === 'reconcile') throw new KubectlError('error: kubectl auth reconcile is not part of this simulated kubectl; use kubectl apply');
    kubectl.out(
      'Inspect authorization.\n\nAvailable Commands:\n  can-i         Check whether an action is allowed\n  whoami        Say who the cluster takes you for\n',
    );
    return 1;
  },
});
