/** A server with the small test kinds and a clock that tests can turn. */
import type { Identified, RecordStore } from '../../base/record-store.ts';
import { ApiServer } from '../api-server.ts';
import { defineController } from '../define.ts';
import type { EventPlace } from '../events.ts';
import type { Agent, Controller, KubeObject } from '../types.ts';
import { testKinds } from './kinds.ts';

/** 2026-04-04 09:00:00 UTC. */
export const testEpochMs = 1_775_293_200_000;

export interface TestServer<R extends Identified> {
  readonly api: ApiServer<R>;
  readonly clock: { nowNs: number };
}

export function testServer<R extends Identified>(
  controllers: readonly Controller[] = [],
  agents: readonly Agent<R>[] = [],
  records?: RecordStore<R>,
): TestServer<R> {
  const clock = { nowNs: 0 };
  const api = new ApiServer<R>({
    kinds: testKinds,
    controllers,
    agents,
    ...(records === undefined ? {} : { records }),
    nowNs: () => clock.nowNs,
    epochMs: testEpochMs,
    seed: 7,
  });
  for (const name of ['default', 'kube-system']) api.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name }, status: { phase: 'Active' } });
  return { api, clock };
}

export const podText = (name: string, extra: Readonly<Record<string, unknown>> = {}, spec: Readonly<Record<string, unknown>> = {}): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: 'default', ...extra },
  spec: { containers: [{ name: 'web', image: 'nginx' }], ...spec },
});

export const setText = (name: string, replicas: number, extra: Readonly<Record<string, unknown>> = {}): KubeObject => ({
  apiVersion: 'apps/v1',
  kind: 'ReplicaSet',
  metadata: { name, namespace: 'default', ...extra },
  spec: { replicas, selector: { app: name }, template: { spec: { containers: [{ name: 'web', image: 'nginx' }] } } },
});

/** A component that says these things about a pod whenever the pod changes. */
export function chattering(words: (pod: KubeObject) => readonly string[], place?: EventPlace): TestServer<Identified> {
  const chatty = defineController({
    name: 'chatty',
    watches: ['Pod'],
    keysFor: (changed) => [`Pod/default/${changed.metadata.name}`],
    reconcile(key, context) {
      const pod = context.view.find(key);
      if (pod !== undefined) for (const message of words(pod)) context.event(pod, 'Normal', 'Said', message, 'chatty', place);
    },
  });
  return testServer([chatty]);
}
