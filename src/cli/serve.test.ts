import { request } from 'node:http';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createShell } from '../shell/index.ts';
import { allParts } from '../world/all-parts.ts';
import { World } from '../world/world.ts';
import { articleFiles, clusterFiles } from './load.ts';
import { type Serving, serve } from './serve.ts';

const root = join(dirname(fileURLToPath(import.meta.url)), '../..');

describe('kubehop serve', () => {
  let serving: Serving;
  beforeAll(async () => {
    const world = World.open({
      parts: allParts,
      document: { version: 1, seed: 1, files: articleFiles(root), inputs: [], positions: {} },
      baseFiles: clusterFiles(root),
      createShell,
    });
    serving = await serve(world, 0);
  });
  afterAll(() => serving.close());

  const ask = async (path: string, init: RequestInit = {}) => {
    const response = await fetch(`${serving.url}${path}`, init);
    return { code: response.status, warning: response.headers.get('warning'), body: (await response.json()) as Record<string, never> };
  };
  const patch = (path: string, type: string, body: unknown) =>
    ask(path, { method: 'PATCH', headers: { 'content-type': `application/${type}+json` }, body: JSON.stringify(body) });

  it('lists objects as a Table with the columns and cells that kubectl get prints', async () => {
    const { body } = await ask('/api/v1/namespaces/default/pods?labelSelector=app%3Dclient', {
      headers: { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' },
    });
    expect(body).toMatchObject({
      kind: 'Table',
      columnDefinitions: [{ name: 'Name' }, { name: 'Ready' }, { name: 'Status' }, { name: 'Restarts' }, { name: 'Age' }, {}, {}, {}, {}],
    });
    expect(body).toMatchObject({ rows: [{ cells: ['client', '1/1', 'Running', '0', '15m', '10.244.0.3', 'controlplane', '<none>', '<none>'] }] });
  });

  it('scales through the scale subresource, and the ReplicaSet controller makes the pods before the answer is read', async () => {
    await patch('/apis/apps/v1/namespaces/default/deployments/web/scale', 'merge-patch', { spec: { replicas: 4 } });
    const { body } = await ask('/apis/apps/v1/namespaces/default/deployments/web');
    expect(body).toMatchObject({ status: { readyReplicas: 4 } });
  });

  it('sends what changed to a watch, and nothing that the watcher knew', async () => {
    const { body } = await ask('/api/v1/namespaces/default/configmaps');
    const version = (body as unknown as { metadata: { resourceVersion: string } }).metadata.resourceVersion;
    const watch = await fetch(`${serving.url}/api/v1/namespaces/default/configmaps?watch=true&resourceVersion=${version}&timeoutSeconds=1`);
    await ask('/api/v1/namespaces/default/configmaps', {
      method: 'POST',
      body: JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'seen' } }),
    });
    await patch('/api/v1/namespaces/default/configmaps/seen', 'strategic-merge-patch', { data: { a: 'b' } });
    await ask('/api/v1/namespaces/default/configmaps/seen', { method: 'DELETE' });
    const events = (await watch.text())
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { type: string; object: { metadata: { name: string } } });
    expect(events.map((event) => `${event.type} ${event.object.metadata.name}`)).toEqual(['ADDED seen', 'MODIFIED seen', 'DELETED seen']);
  });

  it("answers with the API server's Status: what is missing, what is invalid, which field is unknown", async () => {
    expect(await ask('/apis/apps/v1/namespaces/default/deployments/none')).toMatchObject({
      code: 404,
      body: { message: 'deployments.apps "none" not found', reason: 'NotFound' },
    });
    const bad = await patch('/api/v1/namespaces/default/services/web-service', 'merge-patch', { spec: { ports: [{ port: 0 }] } });
    expect(bad).toMatchObject({
      code: 422,
      body: { reason: 'Invalid', details: { causes: [{ field: 'spec.ports[0].port', reason: 'FieldValueInvalid' }] } },
    });
    const odd = await ask('/api/v1/namespaces/default/configmaps?fieldValidation=Warn', {
      method: 'POST',
      body: JSON.stringify({ metadata: { name: 'odd' }, dat: {} }),
    });
    expect(odd).toMatchObject({ code: 201, warning: '299 - "unknown field \\"dat\\""' });
  });

  it('refuses a body that could reach a prototype, and whoever comes by another name', async () => {
    const evil = await ask('/api/v1/namespaces/default/configmaps', { method: 'POST', body: '{"metadata":{"name":"x"},"data":{"__proto__":"y"}}' });
    expect(evil).toMatchObject({ code: 400, body: { message: 'key "__proto__" is not allowed' } });
    const code = await new Promise((resolve) => {
      request({ port: serving.port, path: '/api', headers: { host: 'rebound.example' } }, (response) => resolve(response.resume().statusCode)).end();
    });
    expect(code).toBe(403);
  });
});
