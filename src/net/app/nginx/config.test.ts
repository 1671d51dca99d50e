/** nginx' configuration is read as nginx reads it, and refused in its words. */
import { describe, expect, it } from 'vitest';
import { readNginx } from './config.ts';
import { passedTarget, selectLocation, selectServer } from './select.ts';

const SITE = '/etc/nginx/conf.d/default.conf';
const read = (text: string) => readNginx({ [SITE]: text }, true);
const problem = (text: string): string => {
  try {
    read(text);
    return 'ok';
  } catch (error) {
    return (error as Error).message;
  }
};
const inServer = (text: string) => `server {\n  ${text}\n}\n`;

describe('what is wrong', () => {
  it.each([
    ['server { listen 80 }', `unexpected "}" in ${SITE}:1`],
    ['server {\n  listen 80;\n', `unexpected end of file, expecting "}" in ${SITE}:3`],
    ['server { listen 80; } }', `unexpected "}" in ${SITE}:1`],
    [inServer('lisen 80;'), `unknown directive "lisen" in ${SITE}:2`],
    [inServer('listen 80a;'), `invalid port in "80a" of the "listen" directive in ${SITE}:2`],
    [inServer('return 200 ${host;'), `the closing bracket in "host" variable is missing in ${SITE}:2`],
    [inServer('proxy_pass http://web;'), `"proxy_pass" directive is not allowed here in ${SITE}:2`],
    [inServer('location / { proxy_pass web; }'), `invalid URL prefix in ${SITE}:2`],
    [inServer('location / { root; }'), `invalid number of arguments in "root" directive in ${SITE}:2`],
    [inServer('location / {} location / {}'), `duplicate location "/" in ${SITE}:2`],
    [inServer('location / { proxy_set_header X $nope; }'), 'unknown "nope" variable'],
    ['upstream a {}', `no servers are inside upstream in ${SITE}:1`],
    ['upstream a { server b weigth=2; }', `invalid parameter "weigth=2" in ${SITE}:1`],
    [inServer('listen 80 default_server;') + inServer('listen 80 default_server;'), `a duplicate default server for 0.0.0.0:80 in ${SITE}:5`],
  ])('%s', (text, words) => {
    expect(problem(text)).toBe(words);
  });

  it('is a main file without events, and an include that is not there', () => {
    expect(() => readNginx({ '/etc/nginx/nginx.conf': 'http {}' }, false)).toThrow('no "events" section in configuration');
    expect(() => readNginx({ '/etc/nginx/nginx.conf': 'events {}\ninclude none.conf;' }, false)).toThrow(
      'open() "/etc/nginx/none.conf" failed (2: No such file or directory) in /etc/nginx/nginx.conf:2',
    );
  });

  it('names what is read without effect', () => {
    expect(read(inServer('limit_req zone=a; location / { rewrite ^ /x; }')).notSimulated).toEqual(['limit_req', 'rewrite']);
  });
});

describe('who takes a request', () => {
  const plan = read(`
    server { server_name _; }
    server { server_name shop.test; }
    server { server_name *.shop.test; }
    server { server_name "~^api\\d+\\.test$"; }
    server { listen 8080 default_server; server_name b; }
  `);
  const listener = plan.listeners[0];
  it.each([
    ['shop.test', 'shop.test'],
    ['eu.shop.test', '*.shop.test'],
    ['api7.test', '~^api\\d+\\.test$'],
    ['other', '_'],
  ])('%s: the server %s', (host, name) => {
    expect(listener === undefined ? '' : selectServer(listener, host)?.names[0]).toBe(name);
  });

  const server = read(inServer('location = / {} location / {} location /img {} location ^~ /img/raw {} location ~* \\.png$ {} location ~ ^/img/x {}'))
    .listeners[0]?.servers[0];
  it.each([
    ['/', 'exact /'],
    ['/a', 'prefix /'],
    ['/img/a.PNG', 'regex \\.png$'],
    ['/img/raw/a.png', 'prefix-only /img/raw'],
    ['/img/x', 'regex ^/img/x'],
    ['/img/y', 'prefix /img'],
  ])('%s: the location %s', (path, wanted) => {
    const found = server === undefined ? undefined : selectLocation(server, path);
    expect(`${found?.kind} ${found?.value}`).toBe(wanted);
  });

  it.each([
    ['/api/', 'http://b', '/api/v1?x=1', '/api/v1?x=1'],
    ['/api/', 'http://b/', '/api/v1?x=1', '/v1?x=1'],
    ['/api', 'http://b/', '/api/v1', '//v1'],
    ['/api/', 'http://b/base', '/api/v1', '/basev1'],
  ])('location %s with proxy_pass %s: %s goes on as %s', (prefix, pass, asked, target) => {
    const location = read(inServer(`location ${prefix} { proxy_pass ${pass}; }`)).listeners[0]?.servers[0]?.locations[0];
    expect(location === undefined ? '' : passedTarget(location, asked)).toBe(target);
  });
});
