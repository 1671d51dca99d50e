/** kubectl autoscale: a HorizontalPodAutoscaler for a workload. Kubernetes: kubectl/pkg/cmd/autoscale/autoscale.go */

import { defineVerb, dryRunFlag, filenameFlag, getObject, MUST_PROVIDE, outputFlag } from './client.ts';
import { store } from './create.ts';
import { autoscaler } from './create-workload.ts';
import { KubectlError } from './flags.ts';
import { requestsOf } from './select.ts';

const SCALABLE = ['Deployment', 'ReplicaSet', 'StatefulSet', 'ReplicationController'];

export const autoscale = defineVerb({
  name: 'autoscale',
  summary: 'makes a HorizontalPodAutoscaler (--min --max --cpu=80%)',
  completes: 'resources',
  flags: [
    filenameFlag,
    dryRunFlag,
    outputFlag,
    { name: 'field-manager', type: 'string' },
    { name: 'min', type: 'int' },
    { name: 'max', type: 'int' },
    { name: 'cpu', type: 'string' },
    { name: 'memory', type: 'string' },
    { name: 'cpu-percent', type: 'int' },
    { name: 'name', type: 'string' },
  ],
  run: (kubectl) => {
    const { flags } = kubectl;
    if (flags.has('cpu-percent'))
      kubectl.err(
        "Flag --cpu-percent has been deprecated, Use --cpu with percentage or resource quantity format (e.g., '70%' for utilization or '500m' for milliCPU).\n",
      );
    if (!flags.has('max')) throw new KubectlError('error: required flag(s) "max" not set');
    let status = 0;
    const { requests } = requestsOf(kubectl, flags.args, MUST_PROVIDE);
    for (const { kind, name } of requests) {
      if (name === undefined) throw new KubectlError('error: resource(s) were provided, but no name was specified');
      getObject(kubectl, kind, name);
      if (!SCALABLE.includes(kind.kind)) {
        const slash = kind.apiVersion.indexOf('/');
        const [group, version] = slash < 0 ? ['', kind.apiVersion] : [kind.apiVersion.slice(0, slash), kind.apiVersion.slice(slash + 1)];
        throw new KubectlError(
          `error: cannot autoscale a ${kind.kind}: could not find scale subresource for ${group}/${version}, Resource=${kind.plural} in discovery information`,
        );
      }
      const made = autoscaler(kubectl, { apiVersion: kind.apiVersion, kind: kind.kind, name });
      status = Math.max(status, Number(store(kubectl, made, undefined, flags.get('dry-run') === 'client' ? 'created' : 'autoscaled', 'kubectl-autoscale')));
    }
    return status;
  },
});
