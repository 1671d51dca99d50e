/** Long hexadecimal names that container runtimes give, derived from what they name so that two runs agree. */
import { hex8 } from '../../base/hex.ts';
import { hashText } from '../../base/prng.ts';

/** 64 hexadecimal digits. */
export function digest64(text: string): string {
  // Joined, the text is one piece; added up it would stay a chain of pieces, for each of thousands of containers.
  const parts: string[] = [];
  let seed = 0x811c9dc5;
  for (let i = 0; i < 8; i += 1) {
    seed = hashText(text, seed ^ (i * 0x9e3779b9));
    parts.push(hex8(seed));
  }
  return parts.join('');
}

/** `run`: how often it had been started before. */
export const containerId = (podUid: string, container: string, run: number): string =>
  `containerd://${digest64(run === 0 ? `container ${podUid} ${container}` : `container ${podUid} ${container} ${run}`)}`;
export const sandboxId = (podUid: string): string => digest64(`sandbox ${podUid}`);

/** The reference under which containerd knows an image: `docker.io/library/nginx:latest`. */
export function qualifiedImage(image: string): string {
  const first = image.split('/')[0] ?? '';
  const withRegistry = image.includes('/') && (first.includes('.') || first.includes(':') || first === 'localhost');
  const path = withRegistry ? image : image.includes('/') ? `docker.io/${image}` : `docker.io/library/${image}`;
  const colon = path.lastIndexOf(':');
  return path.includes('@') || colon > path.lastIndexOf('/') ? path : `${path}:latest`;
}

export function imageId(image: string): string {
  const reference = qualifiedImage(image);
  if (reference.includes('@')) return reference;
  return `${reference.slice(0, reference.lastIndexOf(':'))}@sha256:${digest64(`image ${reference}`)}`;
}
