/** kubectl apply view-last-applied and set-last-applied: the annotation that client-side apply compares with. Kubernetes: kubectl/pkg/cmd/apply */
import { formatYaml } from '../../base/yaml/format-yaml.ts';
import { parseYaml } from '../../base/yaml/parse-yaml.ts';
import type { KubeObject } from '../../objects/types.ts';
import type { Outcome } from '../command.ts';
import { at, text } from '../json.ts';
import { expectOk, findKind, type Kubectl, keyOf, notFoundText } from './client.ts';
import { KubectlError } from './flags.ts';
import { sortKeys } from './jsonpath.ts';
import { readFiles, targets } from './select.ts';
import { patchObject, teller, writeOptions } from './write.ts';

const ANNOTATION = 'kubectl.kubernetes.io/last-applied-configuration';

export function viewLastApplied(kubectl: Kubectl, args: readonly string[]): Outcome {
  const output = kubectl.flags.get('output') || 'yaml';
  if (output !== 'yaml' && output !== 'json')
    throw new KubectlError(
      `error: Unexpected -o output mode: ${output}, the flag 'output' must be one of yaml|json\nSee 'view-last-applied -h' for help and examples`,
    );
  const { objects, failed } = targets(kubectl, args);
  for (const [, object] of objects) {
    const saved = object.metadata.annotations?.[ANNOTATION];
    if (saved === undefined) continue;
    const value = sortKeys(JSON.parse(saved) as unknown);
    kubectl.out(output === 'yaml' ? formatYaml(value as Parameters<typeof formatYaml>[0]) : `${JSON.stringify(value, undefined, 2)}\n`);
  }
  return failed ? 1 : 0;
}

export function setLastApplied(kubectl: Kubectl): Outcome {
  const { flags, invocation } = kubectl;
  const tell = teller(kubectl);
  for (const file of readFiles(kubectl, flags.all('filename'))) {
    for (const { value } of parseYaml(file.name, file.text ?? '').documents) {
      const kind = findKind(kubectl, text(at(value, 'kind')));
      const name = text(at(value, 'metadata', 'name'));
      const namespace = text(at(value, 'metadata', 'namespace')) || kubectl.namespace;
      const live = invocation.host.api.view.find(keyOf(kind, namespace, name));
      if (live === undefined) throw new KubectlError(notFoundText(kind, name));
      if (live.metadata.annotations?.[ANNOTATION] === undefined && !flags.bool('create-annotation'))
        throw new KubectlError(
          `error: no last-applied-configuration annotation found on resource: ${name}, to create the annotation, run the command with --create-annotation`,
        );
      const whole = value as unknown as KubeObject;
      const metadata = { ...whole.metadata, ...(kind.namespaced ? { namespace } : {}) };
      const saved = `${JSON.stringify(sortKeys({ ...whole, metadata }))}\n`;
      if (live.metadata.annotations?.[ANNOTATION] === saved) {
        kubectl.out(`set-last-applied ${name}: no changes required.\n`);
        continue;
      }
      tell(
        kind,
        expectOk(patchObject(kubectl, kind, live, { metadata: { annotations: { [ANNOTATION]: saved } } }, writeOptions(kubectl, 'kubectl-client-side-apply'))),
        'configured',
      );
    }
  }
  invocation.host.settle();
  return 0;
}
