/** Objects of `kubectl create configmap` and `secret`: data from literals, files and env files. Kubernetes: kubectl/pkg/cmd/create/create_configmap.go, create_secret*.go */
import type { KubeObject } from '../../objects/types.ts';
import { baseName, resolvePath } from '../paths.ts';
import { encodeBase64 } from '../text/words.ts';
import type { Kubectl } from './client.ts';
import { KubectlError } from './flags.ts';
import { metaOf } from './generators.ts';

function readFile(kubectl: Kubectl, file: string, failure: string): string {
  const { shell, place, cwd } = kubectl.invocation;
  const content = shell.readFile(place, resolvePath(cwd, file));
  if (content === undefined) throw new KubectlError(`error: ${failure}: no such file or directory`);
  return content;
}

/** `KEY=VALUE` lines; a `KEY` alone takes the value from the environment. */
function envFile(kubectl: Kubectl, file: string): [string, string][] {
  return readFile(kubectl, file, `error reading ${file}`)
    .split('\n')
    .map((line) => line.trimStart())
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line): [string, string] => {
      const equals = line.indexOf('=');
      return equals < 0 ? [line, kubectl.invocation.environment.get(line) ?? ''] : [line.slice(0, equals), line.slice(equals + 1)];
    });
}

/** --from-literal, --from-file (a directory gives each of its files) and --from-env-file. */
function dataOf(kubectl: Kubectl, badKey: string, twice: (key: string) => string): Record<string, string> {
  const { flags, invocation } = kubectl;
  const { shell, place, cwd } = invocation;
  const entries: [string, string][] = [];
  if (flags.has('from-env-file') && (flags.has('from-file') || flags.has('from-literal')))
    throw new KubectlError('error: from-env-file cannot be combined with from-file or from-literal');
  for (const source of flags.all('from-file')) {
    const equals = source.indexOf('=');
    const file = equals < 0 ? source : source.slice(equals + 1);
    const path = resolvePath(cwd, file);
    const content = shell.readFile(place, path);
    if (content !== undefined) {
      entries.push([equals < 0 ? baseName(file) : source.slice(0, equals), content]);
      continue;
    }
    const inside = shell.filePaths(place).filter((other) => other.startsWith(path === '/' ? '/' : `${path}/`) && !other.slice(path.length + 1).includes('/'));
    if (inside.length === 0) throw new KubectlError(`error: error reading ${file}: no such file or directory`);
    if (equals >= 0) throw new KubectlError(`error: cannot give a key name for a directory path`);
    for (const other of inside) entries.push([baseName(other), shell.readFile(place, other) ?? '']);
  }
  for (const literal of flags.all('from-literal')) {
    const equals = literal.indexOf('=');
    if (equals <= 0) throw new KubectlError(`error: invalid literal source ${literal}, expected key=value`);
    entries.push([literal.slice(0, equals), literal.slice(equals + 1)]);
  }
  for (const file of flags.all('from-env-file')) entries.push(...envFile(kubectl, file));
  const seen = new Set<string>();
  for (const [key] of entries) {
    if (!/^[-._a-zA-Z0-9]+$/.test(key))
      throw new KubectlError(
        `error: "${key}" is ${badKey} a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')`,
      );
    if (seen.has(key)) throw new KubectlError(twice(key));
    seen.add(key);
  }
  return Object.fromEntries(entries);
}

const absentWhenEmpty = (data: Readonly<Record<string, string>>): object => (Object.keys(data).length === 0 ? {} : { data });

export function configMap(kubectl: Kubectl, name: string): KubeObject {
  const data = dataOf(
    kubectl,
    'not a valid key name for a ConfigMap:',
    (key) => `error: cannot add key "${key}", another key by that name already exists in Data for ConfigMap "${name}"`,
  );
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: metaOf(kubectl, name), ...absentWhenEmpty(data) } as KubeObject;
}

const encoded = (data: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(Object.entries(data).map(([key, value]) => [key, encodeBase64(value)]));

const secret = (kubectl: Kubectl, name: string, type: string, data: Readonly<Record<string, string>>): KubeObject =>
  ({ apiVersion: 'v1', kind: 'Secret', metadata: metaOf(kubectl, name), ...(type === '' ? {} : { type }), ...absentWhenEmpty(encoded(data)) }) as KubeObject;

const secretData = (kubectl: Kubectl): Record<string, string> =>
  dataOf(kubectl, 'not valid key name for a Secret', (key) => `error: cannot add key ${key}, another key by that name already exists`);

export function genericSecret(kubectl: Kubectl, name: string): KubeObject {
  return secret(kubectl, name, kubectl.flags.get('type'), secretData(kubectl));
}

/** What a kubelet shows to an image registry. */
export function registrySecret(kubectl: Kubectl, name: string): KubeObject {
  const { flags } = kubectl;
  const type = 'kubernetes.io/dockerconfigjson';
  if (flags.has('from-file')) {
    return secret(kubectl, name, type, secretData(kubectl));
  }
  const [username, password, email] = [flags.get('docker-username'), flags.get('docker-password'), flags.get('docker-email')];
  const server = flags.get('docker-server') || 'https://index.docker.io/v1/';
  if (username === '' || password === '')
    throw new KubectlError('error: either --from-file or the combination of --docker-username, --docker-password and --docker-server is required');
  const login = { username, password, ...(email === '' ? {} : { email }), auth: encodeBase64(`${username}:${password}`) };
  return secret(kubectl, name, type, { '.dockerconfigjson': JSON.stringify({ auths: { [server]: login } }) });
}

export function tlsSecret(kubectl: Kubectl, name: string): KubeObject {
  const [cert, key] = [kubectl.flags.get('cert'), kubectl.flags.get('key')];
  if (cert === '' || key === '') throw new KubectlError('error: key and cert must be specified');
  const [certText, keyText] = [cert, key].map((file) => readFile(kubectl, file, `Cannot read file ${file}, open ${file}`)) as [string, string];
  const hasPem = (content: string): boolean => /-----BEGIN [A-Z0-9 ]+-----/.test(content);
  if (!hasPem(certText)) throw new KubectlError('error: tls: failed to find any PEM data in certificate input');
  if (!hasPem(keyText)) throw new KubectlError('error: tls: failed to find any PEM data in key input');
  return secret(kubectl, name, 'kubernetes.io/tls', { 'tls.crt': certText, 'tls.key': keyText });
}
