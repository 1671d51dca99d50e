/** The pods of a Job: name, number and the finalizer that holds them until they are counted. Kubernetes: pkg/controller/job/{job_controller,indexed_job_utils}.go. */
import type { Pod, PodSpec } from '../pod/types.ts';
import { failureCountAnnotation, indexLabel } from './job-indexes.ts';
import { podFromTemplate } from './pods.ts';
import type { Job } from './types.ts';

export const trackingFinalizer = 'batch.kubernetes.io/job-tracking';
const indexVariable = 'JOB_COMPLETION_INDEX';
/** Five random characters follow, and a name has 63 at most. */
const longestPrefix = 58;

export const holdsFinalizer = (pod: Pod): boolean => pod.metadata.finalizers?.includes(trackingFinalizer) === true;

export function withoutFinalizer(pod: Pod): Pod {
  const { finalizers = [], ...metadata } = pod.metadata;
  const others = finalizers.filter((one) => one !== trackingFinalizer);
  return { ...pod, metadata: others.length === 0 ? metadata : { ...metadata, finalizers: others } };
}

/**
 * @param index the pod's number in an Indexed Job
 * @param failures how often this number has failed
 */
export function jobPod(job: Job, index: number | undefined, failures: number): Pod {
  const { name } = job.metadata;
  const prefix = index === undefined ? `${name}-` : `${name.slice(0, longestPrefix - `${index}`.length - 2)}-${index}-`;
  const pod = podFromTemplate(job, job.spec.template, { generateName: prefix });
  const metadata = { ...pod.metadata, finalizers: [trackingFinalizer] };
  if (index === undefined) return { ...pod, metadata };
  const annotations = {
    ...pod.metadata.annotations,
    [indexLabel]: `${index}`,
    ...(job.spec.backoffLimitPerIndex === undefined ? {} : { [failureCountAnnotation]: `${failures}` }),
  };
  return {
    ...pod,
    metadata: { ...metadata, annotations, labels: { ...pod.metadata.labels, [indexLabel]: `${index}` } },
    spec: { ...withIndexVariable(pod.spec), hostname: `${name}-${index}` },
  };
}

function withIndexVariable(spec: PodSpec): PodSpec {
  const variable = { name: indexVariable, valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath: `metadata.labels['${indexLabel}']` } } };
  const fill = (containers: PodSpec['containers']): PodSpec['containers'] =>
    containers.map((one) => (one.env?.some(({ name }) => name === indexVariable) === true ? one : { ...one, env: [...(one.env ?? []), variable] }));
  return { ...spec, containers: fill(spec.containers), ...(spec.initContainers === undefined ? {} : { initContainers: fill(spec.initContainers) }) };
}
