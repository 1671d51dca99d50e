/** The nginx.conf of an ingress-nginx controller, in the parts that decide about requests. ingress-nginx: rootfs/etc/nginx/template/nginx.tmpl. */
import type { StoreView } from '../../../objects/types.ts';
import { namespaceOf, type Pod } from '../../pod/types.ts';
import { modelOf } from './agent.ts';
import { type ControllerFlags, controllerContainer, flagsOf, isControllerRunning, usesProxyProtocol } from './controller-pods.ts';
import type { Location, Server } from './model.ts';

const block = (head: string, lines: readonly string[]): readonly string[] => [`${head} {`, ...lines.map((line) => (line === '' ? '' : `\t${line}`)), '}', ''];

function locationHead(location: Location, server: Server): string {
  if (server.regex) return `location ~* "^${location.path}"`;
  return location.pathType === 'Exact' ? `location = ${location.path}` : `location ${location.path}`;
}

function locationLines(location: Location, server: Server): readonly string[] {
  const { ingress, settings, upstream } = location;
  const lines = [
    `set $namespace      "${namespaceOf(ingress)}";`,
    `set $ingress_name   "${ingress.metadata.name}";`,
    `set $service_name   "${upstream?.service ?? ''}";`,
    `set $service_port   "${upstream?.port ?? ''}";`,
    `set $location_path  "${location.path}";`,
    '',
    `set $proxy_upstream_name "${upstream?.name ?? 'upstream-default-backend'}";`,
  ];
  const alternative = location.canaries[0]?.upstream.name;
  lines.push('set $proxy_host          $proxy_upstream_name;', 'set $pass_access_scheme  $scheme;', 'set $best_http_host      $http_host;');
  lines.push(`set $proxy_alternative_upstream_name "${alternative ?? ''}";`, '');
  if (settings.allow !== undefined) lines.push(...settings.allow.map((cidr) => `allow ${cidr};`), 'deny all;', '');
  if (settings.limit !== undefined) lines.push(`limit_req zone=${namespaceOf(ingress)}_${ingress.metadata.name}_rps burst=${settings.limit.burst} nodelay;`);
  if (settings.redirect !== undefined) return [...lines, `return ${settings.redirect.code} ${settings.redirect.location};`];
  if (settings.forceSslRedirect || (settings.sslRedirect && server.hasTls))
    lines.push('# enforce ssl on server side', 'return 308 https://$redirect_host$request_uri;', '');
  if (upstream === undefined) return [...lines, 'return 503;'];
  lines.push(...accessLines(location));
  lines.push(
    `client_max_body_size                    ${settings.bodyLimitBytes};`,
    'proxy_set_header Host                   $best_http_host;',
    'proxy_set_header X-Request-ID           $req_id;',
    'proxy_set_header X-Real-IP              $remote_addr;',
    'proxy_set_header X-Forwarded-For        $remote_addr;',
    'proxy_set_header X-Forwarded-Host       $best_http_host;',
    'proxy_set_header X-Forwarded-Port       $pass_port;',
    'proxy_set_header X-Forwarded-Proto      $pass_access_scheme;',
    'proxy_set_header X-Forwarded-Scheme     $pass_access_scheme;',
    'proxy_set_header X-Scheme               $pass_access_scheme;',
    'proxy_set_header X-Original-Forwarded-For $http_x_forwarded_for;',
    `proxy_connect_timeout                   ${settings.connectTimeoutMs / 1000}s;`,
    `proxy_read_timeout                      ${settings.readTimeoutMs / 1000}s;`,
    'proxy_http_version                      1.1;',
    'proxy_next_upstream                     error timeout;',
    `proxy_next_upstream_tries               ${settings.tries};`,
  );
  if (settings.rewriteTarget !== undefined && settings.rewriteTarget !== location.path)
    lines.push(`rewrite "(?i)${location.path}" ${settings.rewriteTarget} break;`);
  return [
    ...lines,
    `proxy_pass ${settings.backendTls === undefined ? 'http' : 'https'}://upstream_balancer;`,
    '',
    'proxy_redirect                          off;',
  ];
}

/** Before a backend is asked: connections, passwords, another server's word, a copy. */
function accessLines({ settings, access, ingress, path }: Location): readonly string[] {
  const { basic, authUrl, connections, mirror } = settings.access;
  const name = `${namespaceOf(ingress)}_${ingress.metadata.name}`;
  if (access.denied !== undefined) return [`# ${access.denied}`, 'return 503;'];
  return [
    ...(connections === undefined ? [] : [`limit_conn ${name}_conn ${connections};`]),
    ...(basic === undefined ? [] : [`auth_basic "${basic.realm}";`, `auth_basic_user_file /etc/ingress-controller/auth/${name.replace('_', '-')}.passwd;`]),
    ...(authUrl === undefined
      ? []
      : [`# this location requires authentication: ${authUrl.url}`, `auth_request        /_external-auth-${path.replaceAll('/', '') || 'root'}-Prefix;`]),
    ...authUrlHeaders(authUrl?.takes ?? []),
    ...(mirror === undefined ? [] : [`mirror /_mirror-${ingress.metadata.uid ?? name};`, 'mirror_request_body on;']),
  ];
}

const authUrlHeaders = (names: readonly string[]): readonly string[] =>
  names.flatMap((name, i) => [
    `auth_request_set $authHeader${i} $upstream_http_${name.toLowerCase().replaceAll('-', '_')};`,
    `proxy_set_header '${name}' $authHeader${i};`,
  ]);

/** A wildcard stands for one label. template.go: buildServerName */
const serverName = (hostname: string): string =>
  hostname.startsWith('*.') ? `~^(?<subdomain>[\\w-]+)\\.${hostname.slice(2).replaceAll('.', '\\.')}$` : hostname;

function serverLines(server: Server, flags: ControllerFlags, preamble: boolean): readonly string[] {
  const isDefault = server.hostname === '_';
  const listens = `${preamble ? ' proxy_protocol' : ''}${isDefault ? ' default_server reuseport backlog=4096' : ''}`;
  const lines = [
    `server_name ${[server.hostname, ...server.aliases].map(serverName).join(' ')} ;`,
    '',
    `listen ${flags.httpPort}${listens} ;`,
    `listen ${flags.httpsPort}${listens} ssl;`,
    '',
    '# PEM of the host, or the default one: by the name in the ClientHello',
    'ssl_certificate_by_lua_file /etc/nginx/lua/nginx/ngx_conf_certificate.lua;',
    '',
    ...(server.clients === undefined
      ? []
      : [
          `# ${server.clients.secret}: ca.crt`,
          `ssl_client_certificate                  /etc/ingress-controller/ssl/ca-${server.clients.secret.replace('/', '-')}.pem;`,
          `ssl_verify_client                       ${server.clients.verify};`,
          'ssl_verify_depth                        1;',
          '',
        ]),
    'set $proxy_upstream_name "-";',
    '',
    ...server.locations.flatMap((location) => block(locationHead(location, server), locationLines(location, server))),
  ];
  if (!server.locations.some(({ path, pathType }) => path === '/' && pathType !== 'Exact'))
    lines.push(...block('location /', ['set $proxy_upstream_name "upstream-default-backend";', 'proxy_pass http://upstream_balancer;']));
  if (isDefault) lines.push(...block('location /healthz', ['access_log off;', 'return 200;']));
  return lines;
}

/** Undefined for pods that run no controller. */
export function nginxConf(pod: Pod, view: StoreView): string | undefined {
  const container = controllerContainer(pod);
  if (container === undefined || !isControllerRunning(pod, container)) return undefined;
  const model = modelOf(pod, view);
  if (model === undefined) return undefined;
  const flags = flagsOf(pod, container);
  const preamble = usesProxyProtocol(flags, view);
  const http = [
    ...(preamble ? ['real_ip_header proxy_protocol;', 'real_ip_recursive on;', 'set_real_ip_from 0.0.0.0/0;', ''] : []),
    'keepalive_timeout  75s;',
    'ssl_protocols TLSv1.2 TLSv1.3;',
    'ssl_early_data off;',
    'ssl_session_tickets off;',
    '# The certificate that is shown where no other fits.',
    'ssl_certificate     /etc/ingress-controller/ssl/default-fake-certificate.pem;',
    'ssl_certificate_key /etc/ingress-controller/ssl/default-fake-certificate.pem;',
    'server_tokens off;',
    'more_clear_headers Server;',
    '',
    `log_format upstreaminfo '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent" $request_length $request_time [$proxy_upstream_name] [$proxy_alternative_upstream_name] $upstream_addr $upstream_response_length $upstream_response_time $upstream_status $req_id';`,
    'access_log /var/log/nginx/access.log upstreaminfo;',
    '',
    '# Endpoints are not written here: a change of them needs no reload, the balancer gets them from the controller.',
    ...block('upstream upstream_balancer', [
      'server 0.0.0.1; # placeholder',
      'balancer_by_lua_file /etc/nginx/lua/nginx/ngx_conf_balancer.lua;',
      'keepalive 320;',
      'keepalive_timeout  60s;',
      'keepalive_requests 10000;',
    ]),
    ...model.servers.flatMap((server) => [
      `## start server ${server.hostname}`,
      ...block('server', serverLines(server, flags, preamble)),
      `## end server ${server.hostname}`,
      '',
    ]),
    '# backend for when default-backend-service is not configured or it does not have endpoints',
    ...block('server', ['listen 8181 default_server reuseport backlog=4096;', ...block('location /', ['return 404;'])]),
  ];
  return [
    '# What decides about requests, as the controller writes it; its other settings are left out.',
    'pid /tmp/nginx/nginx.pid;',
    'daemon off;',
    'worker_processes 1;',
    '',
    ...block('events', ['multi_accept        on;', 'worker_connections  16384;', 'use                 epoll;']),
    ...block('http', http),
  ].join('\n');
}
