/** An nginx whose ConfigMap makes it a reverse proxy: it asks DNS when it starts and never again, tries the next backend, and ends where a name is unknown. */
import { describe, expect, it } from 'vitest';
import { openArticle, runLine } from './article.ts';

const front = (conf: string, name = 'front') => `apiVersion: v1
kind: ConfigMap
metadata: {name: ${name}}
data:
  default.conf: |
    ${conf.trim().replaceAll('\n', '\n    ')}
  index.html: a page of ours
---
apiVersion: v1
kind: Pod
metadata: {name: ${name}, labels: {app: ${name}}}
spec:
  containers:
  - name: nginx
    image: nginx:1.29.3
    volumeMounts: [{name: conf, mountPath: /etc/nginx/conf.d}, {name: conf, mountPath: /usr/share/nginx/html}]
  volumes: [{name: conf, configMap: {name: ${name}}}]
`;
const world = openArticle();
const run = (line: string) => runLine(world, line).output;
const apply = (text: string) => run(`kubectl apply -f - <<'X'\n${text}X`);
const ask = (name: string, path = '/', more = '') =>
  run(`kubectl exec client -- curl -s ${more} http://$(kubectl get pod ${name} -o jsonpath='{.status.podIP}')${path}`);

describe('a reverse proxy by its ConfigMap', () => {
  apply(
    front(`
upstream web { server web-service; server 10.244.1.250:81 backup; }
server {
  listen 80;
  location / { proxy_pass http://web; proxy_set_header Host $host; proxy_set_header X-Real-IP $remote_addr; }
  location /page { alias /usr/share/nginx/html; index index.html; }
  location /gone { return 301 /; }
  location = /health { access_log off; add_header X-Ok yes; return 200 "ok\\n"; }
  location /closed { deny all; }
}`),
  );
  run('sleep 3');

  it('asks its backend with one request of HTTP/1.0 on a connection of its own', () => {
    expect(ask('front')).toMatch(/^Hello from web-/);
    expect(run('kubectl logs front')).toMatch(/^\S+ - - \[04\/Apr\/2026:09:15:\d\d \+0000\] "GET \/ HTTP\/1\.1" 200 \d+ "-" "curl\/\S+" "-"\n$/);
  });

  it('answers itself: a text, a page, a redirect, a refusal', () => {
    expect(ask('front', '/health', '-i')).toMatch(
      /^HTTP\/1\.1 200 OK\r\nServer: nginx\/1\.29\.3\r\nDate: .*\r\nContent-Type: application\/octet-stream\r\n.*X-Ok: yes\r\n\r\nok\n$/s,
    );
    expect(ask('front', '/page/')).toBe('a page of ours');
    expect(ask('front', '/gone', '-i')).toMatch(/^HTTP\/1\.1 301 Moved Permanently\r\n.*Location: http:\/\/10\.244\.\d+\.\d+\/\r\n/s);
    expect(ask('front', '/closed', "-o /dev/null -w '%{http_code}'")).toBe('403');
  });

  it('sends wget on, which says so', () => {
    const ip = run("kubectl get pod front -o jsonpath='{.status.podIP}'");
    expect(run(`wget -O- http://${ip}/gone`)).toMatch(
      /awaiting response\.\.\. 301 Moved Permanently\nLocation: (http:\S+) \[following\]\n--\S+ \S+-- {2}\1\nConnecting to \S+ connected\.\nHTTP request sent, awaiting response\.\.\. 200 OK\n/,
    );
  });

  it('holds on to an address that its Service has lost, until it is started again', () => {
    run("kubectl get svc web-service -o yaml | grep -v -e clusterIP -e '- 10\\.' > /tmp/s.yaml; kubectl delete svc web-service; kubectl create -f /tmp/s.yaml");
    expect(ask('front', '/', "-m 5 -o /dev/null -w '%{http_code}'")).toMatch(/^(?:000|50[24])$/);
    run('kubectl delete pod front');
    apply(front('server { location / { proxy_pass http://web-service/; } }'));
    run('sleep 3');
    expect(ask('front')).toMatch(/^Hello from web-/);
  });
});

describe('a name that nobody knows', () => {
  it('ends it at once, again and again, until there is one', () => {
    apply(front('server { location / { proxy_pass http://late; } }', 'early'));
    run('sleep 20');
    expect(run('kubectl logs early --previous')).toMatch(
      /^2026\/04\/04 09:\d\d:\d\d \[emerg\] 1#1: host not found in upstream "late" in \/etc\/nginx\/conf.d\/default.conf:1\nnginx: \[emerg\] host not found in upstream "late" in /,
    );
    expect(run('kubectl get pod early --no-headers')).toMatch(/CrashLoopBackOff|Error/);
    run('kubectl expose deployment web --name late --port 80; sleep 60');
    expect(ask('early')).toMatch(/^Hello from web-/);
  });
});

describe('listen 443 ssl', () => {
  it('shows the certificate of a mounted Secret, and says what plain HTTP is there', () => {
    run(
      'openssl req -x509 -nodes -newkey ec -pkeyopt ec_paramgen_curve:P-256 -days 9 -keyout /tmp/k -out /tmp/c -subj /CN=shop.test -addext subjectAltName=DNS:shop.test',
    );
    run('kubectl create secret tls shop --key /tmp/k --cert /tmp/c');
    const pod = front('server { listen 443 ssl; ssl_certificate ssl/tls.crt; ssl_certificate_key ssl/tls.key; location / { return 200 $scheme; } }', 'shop')
      .replace('volumeMounts: [', 'volumeMounts: [{name: tls, mountPath: /etc/nginx/ssl}, ')
      .replace('volumes: [', 'volumes: [{name: tls, secret: {secretName: shop}}, ');
    apply(pod);
    run('sleep 3');
    const ip = run("kubectl get pod shop -o jsonpath='{.status.podIP}'");
    expect(run(`curl -s --cacert /tmp/c --resolve shop.test:443:${ip} https://shop.test/`)).toBe('https');
    expect(run(`curl -s http://${ip}:443/`)).toContain('<center>The plain HTTP request was sent to HTTPS port</center>');
  });

  it('is distrusted by GNU’s wget, and by busybox’ not looked at', () => {
    const ip = run("kubectl get pod shop -o jsonpath='{.status.podIP}'");
    expect(runLine(world, `wget -O- https://${ip}/`)).toMatchObject({
      output: expect.stringContaining(
        `Connecting to ${ip}:443... connected.\nERROR: The certificate of ‘${ip}’ is not trusted.\nERROR: The certificate of ‘${ip}’ doesn't have a known issuer.\nThe certificate's owner does not match hostname ‘${ip}’\n`,
      ),
      exitCode: 5,
    });
    expect(run(`wget -qO- --no-check-certificate https://${ip}/`)).toBe('https');
    expect(run(`wget -O- https://${ip}:80/; kubectl run box --image=busybox --restart=Never -- sleep 99; sleep 3`)).toContain('failed: Connection refused.');
    expect(run(`kubectl exec box -- wget -O- https://${ip}/`)).toMatch(
      /^wget: note: TLS certificate validation not implemented\nConnecting to .*\nwriting to stdout\nhttps/,
    );
  });

  it('does not start without one', () => {
    apply(front('server { listen 443 ssl; }', 'bare'));
    run('sleep 3');
    expect(run('kubectl logs bare --previous || kubectl logs bare')).toContain(
      'nginx: [emerg] no "ssl_certificate" is defined for the "listen ... ssl" directive in /etc/nginx/conf.d/default.conf:1\n',
    );
  });
});
