import { describe, expect, it } from 'vitest';
import { TestCluster } from '../testing/cluster.ts';
import { clusterYaml, podYaml } from '../testing/manifests.ts';
import { pullFailure } from './image-pull.ts';
import type { Pod } from './types.ts';

const missing =
  'rpc error: code = NotFound desc = failed to pull and unpack image "docker.io/library/nginx:doesnotexist": failed to resolve reference "docker.io/library/nginx:doesnotexist": docker.io/library/nginx:doesnotexist: not found';
const waiting = (cluster: TestCluster) => cluster.get<Pod>('Pod/default/web').status?.containerStatuses?.[0]?.state?.waiting;

describe('an image that cannot be pulled', () => {
  it('is told by its name, in containerd’s words', () => {
    expect(pullFailure('nginx:doesnotexist')).toEqual({ reason: 'ErrImagePull', message: missing });
    expect(pullFailure('shop/does-not-exist')?.message).toBe(
      'failed to pull and unpack image "docker.io/shop/does-not-exist:latest": failed to resolve reference "docker.io/shop/does-not-exist:latest": pull access denied, repository does not exist or may require authorization: server message: insufficient_scope: authorization failed',
    );
    expect(pullFailure('registry.invalid:5000/shop/api:3')?.message).toMatch(
      /failed to do request: Head "https:\/\/registry\.invalid:5000\/v2\/shop\/api\/manifests\/3": dial tcp: lookup registry\.invalid: no such host$/,
    );
    expect(pullFailure('Nginx')).toEqual({
      reason: 'InvalidImageName',
      message:
        'Failed to apply default image tag "Nginx": couldn\'t parse image name "Nginx": invalid reference format: repository name (library/Nginx) must be lowercase',
    });
    expect(pullFailure('nginx:a b')?.message).toMatch(/: invalid reference format$/);
  });

  it('is none of those that people use', () => {
    for (const image of [
      'nginx',
      'registry.k8s.io/coredns/coredns:v1.12.1',
      'localhost:5000/a/b',
      'busybox@sha256:abc',
      'ghcr.io/x__y/z-w.v:1_2-x',
      'nicolaka/netshoot',
    ]) {
      expect([image, pullFailure(image)]).toEqual([image, undefined]);
    }
  });

  it('leaves the pod pending: ErrImagePull, then ImagePullBackOff, and starts when the image is mended', () => {
    const cluster = new TestCluster().apply(clusterYaml(1)).apply(podYaml('web', '', 'nginx:doesnotexist'));
    expect([cluster.row('Pod/default/web').slice(1, 4), cluster.get<Pod>('Pod/default/web').status?.phase]).toEqual([['0/1', 'ErrImagePull', '0'], 'Pending']);
    cluster.nowNs += 11e9;
    cluster.settle();
    expect(waiting(cluster)).toEqual({ reason: 'ImagePullBackOff', message: `Back-off pulling image "nginx:doesnotexist": ErrImagePull: ${missing}` });
    expect([...cluster.events('Pod', 'web')].sort()).toEqual([
      'BackOff: Back-off pulling image "nginx:doesnotexist"',
      'Failed: Error: ErrImagePull',
      'Failed: Error: ImagePullBackOff',
      `Failed: Failed to pull image "nginx:doesnotexist": ${missing}`,
      'Pulling: Pulling image "nginx:doesnotexist"',
      'Scheduled: Successfully assigned default/web to n1',
    ]);
    cluster.apply(podYaml('web', '', 'nginx:1.27'));
    expect(cluster.row('Pod/default/web').slice(1, 4)).toEqual(['1/1', 'Running', '0']);
  });
});

describe('a container that ends and is started again', () => {
  const at = (cluster: TestCluster, seconds: number) => {
    for (let i = 0; i < seconds; i += 1) {
      cluster.nowNs += 1e9;
      cluster.settle();
    }
    const status = cluster.get<Pod>('Pod/default/box').status?.containerStatuses?.[0];
    return [status?.restartCount, status?.state?.waiting?.message?.split(' ')[1] ?? (status?.state?.running === undefined ? 'ended' : 'running')];
  };

  it('is held back ten seconds, then twice as long each time, up to five minutes', () => {
    const cluster = new TestCluster().apply(clusterYaml(1)).apply(podYaml('box', '', 'busybox'));
    expect([at(cluster, 1), at(cluster, 10), at(cluster, 20), at(cluster, 40), at(cluster, 80), at(cluster, 160), at(cluster, 300), at(cluster, 300)]).toEqual([
      [1, '10s'],
      [2, '20s'],
      [3, '40s'],
      [4, '1m20s'],
      [5, '2m40s'],
      [6, '5m0s'],
      [7, '5m0s'],
      [8, '5m0s'],
    ]);
  });

  it('is started again at once when it has run for more than ten minutes', () => {
    const sleeper = podYaml('box').replace('image: nginx', 'image: busybox, command: [sleep, "700"]');
    const cluster = new TestCluster().apply(clusterYaml(1)).apply(sleeper);
    expect([at(cluster, 699), at(cluster, 1), at(cluster, 2), at(cluster, 699), at(cluster, 2)]).toEqual([
      [0, 'running'],
      [0, 'ended'],
      [1, 'running'],
      [1, 'ended'],
      [2, 'running'],
    ]);
  });
});
