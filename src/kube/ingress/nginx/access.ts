/** Who gets through to a backend, and to which endpoint of it: passwords, another server's word, connections at once, affinity and copies, as annotations ask for them. ingress-nginx: internal/ingress/annotations/{auth,authreq,ratelimit,sessionaffinity,mirror}. */
import type { Step, Sticky } from '../../../net/app/proxy/steps/config.ts';
import { isUnreadableHash } from '../../../net/app/proxy/steps/password.ts';
import type { KubeObject, StoreView } from '../../../objects/types.ts';
import { objectKey } from '../../../objects/types.ts';
import { namespaceOf } from '../../pod/types.ts';
import type { Ingress } from '../ingress.ts';
import { endpointsAt, type NamedEndpoints } from '../named-service.ts';
import { textOf } from '../tls-secret.ts';

export interface AccessSettings {
  readonly basic?: { readonly secret: string; readonly realm: string; readonly map: boolean };
  readonly authUrl?: { readonly url: string; readonly takes: readonly string[]; readonly signin?: string };
  readonly connections?: number;
  readonly sticky?: Sticky;
  readonly mirror?: { readonly url: string; readonly host: string };
}

export interface Access {
  readonly steps: readonly Step[];
  /** Nobody gets through: what the controller says of it. */
  readonly denied: string | undefined;
  readonly mirror: (NamedEndpoints & { readonly name: string }) | undefined;
  readonly problems: readonly string[];
}

interface SecretObject extends KubeObject {
  readonly data?: Readonly<Record<string, string>>;
}

/** auth-file: one file of lines, auth; auth-map: a key for each user. */
function usersOf(ingress: Ingress, { secret, map }: NonNullable<AccessSettings['basic']>, view: StoreView): readonly string[] | string {
  const key = secret.includes('/') ? secret : `${namespaceOf(ingress)}/${secret}`;
  const found = view.find<SecretObject>(`Secret/${key}`);
  if (found === undefined) return `unexpected error reading secret ${key}: secret "${key}" not found`;
  if (map) return Object.keys(found.data ?? {}).map((user) => `${user}:${(textOf(found, user) ?? '').trim()}`);
  const file = textOf(found, 'auth');
  if (file === undefined || found.data?.auth === undefined) return `the secret ${key} does not contain a key with value auth`;
  return file
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line.includes(':') && !line.startsWith('#'));
}

export function accessOf(ingress: Ingress, settings: AccessSettings, view: StoreView): Access {
  const name = `${namespaceOf(ingress)}/${ingress.metadata.name}`;
  const object = objectKey(ingress);
  const steps: Step[] = [];
  const problems: string[] = [];
  let denied: string | undefined;
  const { basic, authUrl, connections, mirror } = settings;
  if (connections !== undefined)
    steps.push({ kind: 'in-flight', owner: `limit-connections of Ingress ${name}`, object, most: connections, by: 'ip', code: 503 });
  if (basic !== undefined) {
    const users = usersOf(ingress, basic, view);
    if (typeof users === 'string') denied = users;
    else {
      steps.push({ kind: 'basic-auth', owner: `auth-type basic of Ingress ${name}`, object, users, realm: basic.realm, remove: false });
      if (users.some((line) => isUnreadableHash(line.slice(line.indexOf(':') + 1))))
        problems.push('passwords that bcrypt or SHA-crypt has hashed are not read: their users are never let in');
    }
  }
  if (authUrl !== undefined) {
    const found = endpointsAt(authUrl.url, namespaceOf(ingress), view);
    if (found === undefined) problems.push(`auth-url ${authUrl.url} is no Service of this cluster: nobody can be asked, and every request gets 500`);
    steps.push({
      kind: 'forward-auth',
      owner: `auth-url of Ingress ${name}`,
      object,
      endpoints: found?.endpoints ?? [],
      host: found?.host ?? '',
      path: found?.path ?? '/',
      url: authUrl.url,
      manner: 'nginx',
      takes: authUrl.takes,
      shows: [],
      ...(authUrl.signin === undefined ? {} : { signin: authUrl.signin }),
    });
  }
  const target = mirror === undefined ? undefined : endpointsAt(mirror.url.replace(/\$request_uri$/, ''), namespaceOf(ingress), view);
  if (mirror !== undefined && target === undefined) problems.push(`mirror-target ${mirror.url} is no Service of this cluster: nothing is sent there`);
  return {
    steps,
    denied,
    problems,
    mirror:
      target === undefined || mirror === undefined ? undefined : { ...target, host: mirror.host === '' ? target.host : mirror.host, name: `mirror-${name}` },
  };
}
