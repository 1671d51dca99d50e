/** How a server or a client of a Process record speaks TLS: plain data, as agents write it. */

/** A certificate with its chain and key, as PEM texts. */
export interface TlsIdentityConfig {
  readonly chain: string;
  readonly key: string;
  /** Whose it is, for reasons: `Secret/default/web-tls`, or a word for one that the program made itself. */
  readonly source: string;
}

export type TlsVersion = 'TLSv1.3' | 'TLSv1.2';

export interface ClientAuthConfig {
  /** `optional`: what is wrong is noted and told above; `require`: the handshake fails. */
  readonly mode: 'optional' | 'require';
  /** PEM of those who may have signed. */
  readonly ca: string;
  /** Whatever is shown will do. */
  readonly insecure?: true;
}

/** Which identity a name gets. */
export interface TlsNameConfig {
  /** `''`: any name and none; `*.example.com`: one label below it, or any number (`deep`). */
  readonly name: string;
  readonly deep?: true;
  /** Index into `identities`. */
  readonly identity: number;
  /** What decided, for the log: `spec.tls[0] of Ingress default/shop`. */
  readonly why: string;
  readonly clients?: ClientAuthConfig;
}

export interface ServerTlsConfig {
  readonly identities: readonly TlsIdentityConfig[];
  /** The most exact name that fits counts. A name that none fits is refused (unrecognized_name). */
  readonly names: readonly TlsNameConfig[];
  readonly alpn: readonly string[];
  /** Session tickets after the handshake, in TLS 1.3. */
  readonly tickets: number;
  /** The newest first; both where absent. */
  readonly versions?: readonly TlsVersion[];
}

export interface ClientTlsConfig {
  /** SNI. */
  readonly serverName?: string;
  /** The certificate must have this name, and lead to one of `ca`; without `ca` everything is believed. */
  readonly checkName?: string;
  /** PEM */
  readonly ca?: string;
  readonly identity?: TlsIdentityConfig;
  readonly alpn?: readonly string[];
  /** Problems of the certificate are noted, and the handshake goes on. */
  readonly insecure?: true;
  /** Whose hello it is; OpenSSL's own when absent. */
  readonly style?: 'curl';
  /** As numbers (0x0303: TLS 1.2); OpenSSL's whole range where absent. */
  readonly minVersion?: number;
  readonly maxVersion?: number;
  /** What decided that TLS is spoken. */
  readonly why?: string;
  /** Towards somebody who is none of the mesh: no identity of its is shown. */
  readonly alien?: true;
}

/** The entry for a name; undefined where none fits. */
export function findTlsName(names: readonly TlsNameConfig[], asked: string | undefined): TlsNameConfig | undefined {
  const host = asked?.toLowerCase() ?? '';
  let best: TlsNameConfig | undefined;
  const rank = ({ name }: TlsNameConfig): number => (name === '' ? 0 : name.startsWith('*.') ? name.length : 1000 + name.length);
  for (const one of names) {
    const { name } = one;
    const dot = host.indexOf('.');
    const fits =
      name === '' ||
      (host !== '' &&
        (name.toLowerCase() === host ||
          (name.startsWith('*.') &&
            (one.deep === true
              ? host.endsWith(name.slice(1).toLowerCase()) && host.length > name.length - 1
              : dot > 0 && host.slice(dot) === name.slice(1).toLowerCase()))));
    if (fits && (best === undefined || rank(one) > rank(best))) best = one;
  }
  return best;
}
