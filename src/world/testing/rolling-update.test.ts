/** A rolling update under load, while one node's kube-proxy hears of everything three seconds late: what clients on it lose, and what a preStop sleep saves. */
import { describe, expect, it } from 'vitest';
import type { World } from '../world.ts';
import { articleFiles, openArticle, runLine } from './article.ts';

/** A load loop on the late node asks five times a second, with a connection each time, and counts what it gets. */
const loader = `apiVersion: v1
kind: Pod
metadata: {name: load}
spec:
  nodeName: controlplane
  containers:
  - name: load
    image: curlimages/curl
    command: [sh, -c]
    args: ['while true; do if curl -s -m 1 -o /dev/null http://web-service; then echo ok; else echo lost $?; fi; sleep 0.2; done']
`;

function open(preStop: boolean): World {
  const world = openArticle({ files: [...articleFiles(), { path: 'load.yaml', text: loader }] });
  if (preStop) {
    const hook = '{"spec":{"template":{"spec":{"containers":[{"name":"nginx","lifecycle":{"preStop":{"sleep":{"seconds":5}}}}]}}}}';
    runLine(world, `kubectl patch deployment web -p '${hook}'`);
    world.elapse(30_000);
  }
  runLine(world, 'kubectl annotate node controlplane kubehop.dev/watch-latency=kube-proxy=3s');
  world.elapse(4_000);
  return world;
}

/** What the load loop writes while the deployment is restarted, one word a request. */
function update(world: World): readonly string[] {
  const before = runLine(world, 'kubectl logs load').output.length;
  runLine(world, 'kubectl rollout restart deployment web');
  world.elapse(30_000);
  expect(runLine(world, 'kubectl rollout status deployment web').output).toBe('deployment "web" successfully rolled out\n');
  return runLine(world, 'kubectl logs load').output.slice(before).trim().split('\n');
}

describe('a rolling update while a node’s kube-proxy is three seconds late', () => {
  it('refuses connections: its rules still lead to pods that have gone', () => {
    const words = update(open(false));
    expect(words.length).toBeGreaterThan(50);
    expect(words.filter((word) => word !== 'ok').length).toBeGreaterThan(2);
  });

  it('loses nothing when pods sleep five seconds before they stop', () => {
    const words = update(open(true));
    expect(words.length).toBeGreaterThan(50);
    expect(words.filter((word) => word !== 'ok')).toEqual([]);
  });
});
