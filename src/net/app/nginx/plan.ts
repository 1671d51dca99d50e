/** An nginx' configuration as it serves: plain data but for compiled expressions, made anew from the files wherever it is needed. */
import type { GoRegexp } from '../../../base/go-regexp.ts';
import type { ServerTlsConfig } from '../tls/config.ts';

export interface Pass {
  readonly scheme: 'http' | 'https';
  /** Name of an upstream, a host name, or an address; with variables it is known with the request. */
  readonly host: string;
  readonly port: number;
  /** What stands in the place of the location's prefix; undefined: the path goes on as it came. */
  readonly uri: string | undefined;
  readonly hasVariables: boolean;
}

/** What holds in a location, with what it has from the levels above. */
export interface Settings {
  readonly answer: { readonly code: number; readonly text: string } | undefined;
  readonly pass: Pass | undefined;
  readonly passHeaders: readonly (readonly [name: string, value: string])[];
  readonly passVersion: '1.0' | '1.1';
  readonly connectSeconds: number;
  readonly readSeconds: number;
  /** `error`, `timeout`, `http_502` … */
  readonly nextUpstream: ReadonlySet<string>;
  /** 0: as many as there are. */
  readonly tries: number;
  readonly root: string;
  readonly alias: string | undefined;
  readonly index: readonly string[];
  readonly tryFiles: readonly string[] | undefined;
  readonly logs: boolean;
  readonly bodyBytes: number;
  readonly headers: readonly { readonly name: string; readonly value: string; readonly always: boolean }[];
  readonly defaultType: string;
  readonly access: readonly { readonly allow: boolean; readonly from: string }[];
  readonly set: ReadonlyMap<string, string>;
  readonly resolver: string | undefined;
  readonly internal: boolean;
  readonly ssl: { readonly certificate: string; readonly key: string; readonly clients: string; readonly verify: string };
  /** SNI towards a backend: not sent unless proxy_ssl_server_name is on. */
  readonly passServerName: boolean;
  readonly passSslName: string | undefined;
}

export interface Location {
  readonly kind: 'exact' | 'prefix' | 'prefix-only' | 'regex';
  readonly value: string;
  readonly regexp: GoRegexp | undefined;
  readonly settings: Settings;
}

export interface Server {
  readonly names: readonly string[];
  readonly locations: readonly Location[];
  readonly settings: Settings;
}

/** A socket that listens. */
export interface Listener {
  readonly port: number;
  readonly address: string | undefined;
  /** `listen … ssl`. */
  readonly tls: ServerTlsConfig | undefined;
  /** The first is the default one. */
  readonly servers: readonly Server[];
}

export interface UpstreamServer {
  readonly host: string;
  readonly port: number;
  readonly weight: number;
  readonly backup: boolean;
  readonly maxFails: number;
  readonly failSeconds: number;
}

export interface NginxPlan {
  readonly listeners: readonly Listener[];
  readonly upstreams: ReadonlyMap<string, readonly UpstreamServer[]>;
  /** Names that are resolved before it starts, and where they stand. */
  readonly names: readonly { readonly host: string; readonly at: string }[];
  /** Directives that are read without effect. */
  readonly notSimulated: readonly string[];
}
