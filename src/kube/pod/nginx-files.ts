/** An nginx whose configuration or pages are mounted runs by them; one without serves its image's page. */
import type { NginxConfig } from '../../net/app/nginx/state.ts';
import type { HttpServerConfig } from '../../net/app/server-config.ts';
import type { StoreView } from '../../objects/types.ts';
import type { ContainerProgram } from './images.ts';
import { findDataOf } from './sources.ts';
import type { Container, Pod } from './types.ts';
import { volumeFiles } from './volume-files.ts';

const ETC = '/etc/nginx';
const HTML = '/usr/share/nginx/html';

/** Files by path, and the image's directories that mounts hide; undefined where nothing that counts is mounted. */
export function nginxProgram(
  pod: Pod,
  container: Container,
  program: ContainerProgram,
  view: StoreView,
): { readonly app: string; readonly config: NginxConfig } | undefined {
  if (program.app !== 'http-server' || container.volumeMounts === undefined) return undefined;
  const { server, version, epochMs } = program.config as HttpServerConfig;
  if (server !== 'nginx') return undefined;
  const files: Record<string, string> = {};
  const hidden: string[] = [];
  for (const { name, mountPath, subPath = '' } of container.volumeMounts) {
    const volume = pod.spec.volumes?.find((one) => one.name === name);
    if (volume === undefined || name.startsWith('kube-api-access-')) continue;
    // A process reads its configuration when it starts, and pages whenever it is asked for them.
    const content = volumeFiles(pod, volume, findDataOf(pod, view, mountPath.startsWith(HTML) ? 'shown' : 'started'));
    if (content === undefined) continue;
    const root = mountPath.replace(/\/$/, '');
    if (subPath !== '') {
      const text = content.get(subPath);
      if (text !== undefined) files[root] = text;
      continue;
    }
    hidden.push(root);
    for (const [path, text] of content) files[`${root}/${path}`] = text;
  }
  const counts = (path: string): boolean => path === HTML || path.startsWith(`${HTML}/`) || path.startsWith(ETC);
  if (![...Object.keys(files), ...hidden].some(counts)) return undefined;
  return { app: 'nginx', config: { files, hidden, ...(version === undefined ? {} : { version }), ...(epochMs === undefined ? {} : { epochMs }) } };
}
