/** HTTPS through ingress-nginx: which certificate is shown, what curl and openssl say of it, and what the log tells. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { capture } from '../capture.ts';
import { articleFiles, openArticle, runLine } from './article.ts';

const deploy = 'https://raw.githubusercontent.com/kubernetes/ingress-nginx/controller-v1.8.1/deploy/static/provider/baremetal/deploy.yaml';
const yaml = `apiVersion: v1
kind: Pod
metadata: {name: shop, labels: {app: shop}}
spec: {containers: [{name: echo, image: hashicorp/http-echo, args: [-listen=:8080, -text=shop]}]}
---
apiVersion: v1
kind: Service
metadata: {name: shop}
spec: {selector: {app: shop}, ports: [{name: http, port: 8080}]}
---
apiVersion: v1
kind: Namespace
metadata: {name: elsewhere}
---
${['good', 'wrongname', 'elsewhere', 'mutual']
  .map((name) =>
    JSON.stringify({
      apiVersion: 'networking.k8s.io/v1',
      kind: 'Ingress',
      metadata: {
        name,
        annotations: name === 'mutual' ? { 'nginx.ingress.kubernetes.io/auth-tls-secret': 'default/clients' } : {},
      },
      spec: {
        ingressClassName: 'nginx',
        tls: [{ hosts: [`${name}.test`], secretName: `${name}-tls` }],
        rules: [{ host: `${name}.test`, http: { paths: [{ path: '/', pathType: 'Prefix', backend: { service: { name: 'shop', port: { number: 8080 } } } }] } }],
      },
    }),
  )
  .join('\n---\n')}
`;

const EC = '-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes';

describe('HTTPS at ingress-nginx', () => {
  const world = openArticle({ files: [...articleFiles(), { path: 'tls.yaml', text: yaml }] });
  const run = (line: string) => runLine(world, line);
  run(`kubectl apply -f ${deploy} && sleep 30`);
  const ip = run('kubectl get svc -n ingress-nginx ingress-nginx-controller -o jsonpath={.spec.clusterIP}').stdout;
  run(`openssl req -x509 -days 3650 ${EC} -keyout ca.key -out ca.crt -subj /CN=ca`);
  for (const [secret, host, namespace] of [
    ['good-tls', 'good.test', 'default'],
    ['wrongname-tls', 'other.test', 'default'],
    ['elsewhere-tls', 'elsewhere.test', 'elsewhere'],
    ['mutual-tls', 'mutual.test', 'default'],
  ]) {
    run(`openssl req -new ${EC} -keyout k -out r -subj /CN=${host} && echo subjectAltName=DNS:${host} > ext`);
    run('openssl x509 -req -in r -CA ca.crt -CAkey ca.key -out c -days 30 -extfile ext');
    run(`kubectl create secret tls ${secret} -n ${namespace} --cert c --key k`);
  }
  run('openssl req -new -newkey ec -nodes -keyout me.key -out r -subj /CN=me && openssl x509 -req -in r -CA ca.crt -CAkey ca.key -out me.crt -days 30');
  run('kubectl create secret generic clients --from-file=ca.crt=ca.crt && sleep 2');
  const curl = (host: string, options = '') => run(`curl -sS --cacert ca.crt --resolve ${host}:443:${ip} ${options} https://${host}/`);

  it('shows the certificate of the name that is asked for, and says which line made it so', () => {
    const from = world.headSeq;
    expect(curl('good.test', '-i').stdout).toMatch(/^HTTP\/1.1 200 OK[\s\S]*Strict-Transport-Security: max-age=31536000; includeSubDomains\r\n[\s\S]*shop\n$/);
    const told = world.hops(from, world.headSeq).filter((hop) => hop.protocol === 'TLS' && hop.event.step.kind === 'tls');
    expect(told.map((hop) => [hop.summary, hop.why.map(({ text }) => text).join('')])).toEqual([
      [
        'shows Secret/default/good-tls',
        expect.stringContaining('the client asks for the name good.test; spec.tls[0] of Ingress default/good names Secret default/good-tls for it.'),
      ],
      ['TLSv1.3 with good.test', expect.stringContaining('TLS_AES_256_GCM_SHA384 keys by X25519, http/1.1 by ALPN; the server showed CN = good.test')],
      ['TLSv1.3 with good.test', expect.any(String)],
    ]);
  });

  it.skipIf(spawnSync('tshark', ['--version']).status !== 0)('is decrypted by tshark with the secrets in the capture, and not without', () => {
    const from = world.headSeq;
    curl('good.test', '-d a=1');
    curl('good.test', '-X PUT --tls-max 1.2');
    const captured = capture(world, { interfaces: ['controlplane:any'], from, to: world.headSeq });
    const folder = mkdtempSync(join(tmpdir(), 'kubehop-tls-'));
    const [file, bare] = [join(folder, 'tls.pcapng'), join(folder, 'bare.pcapng')];
    writeFileSync(file, captured.ok ? captured.bytes : '');
    const fields = ['http.request.method', 'http.host', 'http.response.code', 'x509sat.uTF8String', '_ws.malformed'].flatMap((one) => ['-e', one]);
    const tshark = (path: string): string => spawnSync('tshark', ['-r', path, '-Y', 'tls', '-T', 'fields', ...fields], { encoding: 'utf8' }).stdout.trim();
    // Inside the records: the server's certificate, the request as the client sent it, and the answer.
    expect(tshark(file)).toMatch(/good\.test[\s\S]*POST\tgood\.test[\s\S]*\t200[\s\S]*PUT\tgood\.test[\s\S]*\t200/);
    spawnSync('editcap', ['--discard-all-secrets', file, bare]);
    expect(tshark(bare)).not.toMatch(/POST|PUT|200/);
    rmSync(folder, { recursive: true });
  });

  it('falls back to TLS 1.2 with clients that know no more, and says so everywhere', () => {
    const { stdout, stderr } = curl('good.test', '-v --tls-max 1.2');
    expect(stdout).toBe('shop\n');
    expect(stderr.match(/TLSv1[^\n]*|ALPN: server[^\n]*/g)).toEqual([
      'TLSv1.2 (OUT), TLS handshake, Client hello (1):',
      'TLSv1.2 (IN), TLS handshake, Server hello (2):',
      'TLSv1.2 (IN), TLS handshake, Certificate (11):',
      'TLSv1.2 (IN), TLS handshake, Server key exchange (12):',
      'TLSv1.2 (IN), TLS handshake, Server finished (14):',
      'TLSv1.2 (OUT), TLS handshake, Client key exchange (16):',
      'TLSv1.2 (OUT), TLS change cipher, Change cipher spec (1):',
      'TLSv1.2 (OUT), TLS handshake, Finished (20):',
      'TLSv1.2 (IN), TLS handshake, Finished (20):',
      'TLSv1.2 / ECDHE-ECDSA-AES128-GCM-SHA256',
      'ALPN: server accepted http/1.1',
    ]);
    const report = run(`openssl s_client -tls1_2 -CAfile ca.crt -connect ${ip}:443 -servername good.test`).stdout;
    expect(report).toMatch(
      /New, TLSv1\.2, Cipher is ECDHE-ECDSA-AES128-GCM-SHA256\n[\s\S]* {4}Session-ID: [0-9A-F]{64}\n[\s\S]* {4}Master-Key: [0-9A-F]{96}\n/,
    );
    expect(curl('good.test', '--tls-max 1.1').stderr).toBe('curl: (35) OpenSSL/3.0.19: error:0A00042E:SSL routines::tlsv1 alert protocol version\n');
    expect(curl('good.test', '--tlsv1.3 --tls-max 1.2').stderr).toBe('curl: (35) CURL_SSLVERSION_MAX incompatible with CURL_SSLVERSION\n');
  });

  it.each([
    ['a Secret in another namespace', 'elsewhere.test', /local SSL certificate default\/elsewhere-tls was not found\. Using default certificate$/m],
    [
      'a certificate for another name',
      'wrongname.test',
      /SSL certificate "default\/wrongname-tls" does not contain a Common Name or Subject Alternative Name for server "wrongname\.test": x509: certificate is valid for other\.test, not wrongname\.test$/m,
    ],
  ])('%s leaves its fake certificate, and a line in its log', (_what, host, line) => {
    expect(curl(host)).toMatchObject({
      exitCode: 60,
      stderr: expect.stringMatching(/^curl: \(60\) SSL certificate problem: unable to get local issuer certificate\n/),
    });
    expect(curl(host, '-k').stdout).toBe('shop\n');
    expect(run(`openssl s_client -connect ${ip}:443 -servername ${host}`).stdout).toContain(
      'subject=O = Acme Co, CN = Kubernetes Ingress Controller Fake Certificate\n',
    );
    expect(run('kubectl logs -n ingress-nginx deploy/ingress-nginx-controller').stdout).toMatch(line);
  });

  it('sends plain requests to HTTPS only where it has a certificate of its own', () => {
    const plain = (host: string) => run(`curl -s -o /dev/null -w '%{http_code} %{redirect_url}' --resolve ${host}:80:${ip} http://${host}/x`).stdout;
    expect([plain('good.test'), plain('wrongname.test')]).toEqual(['308 https://good.test/x', '200 ']);
    expect(run(`curl -sS --cacert ca.crt -L --resolve good.test:80:${ip} --resolve good.test:443:${ip} http://good.test/`).stdout).toBe('shop\n');
  });

  it('asks for certificates of clients, and answers 400 to those that have none or one of nobody', () => {
    run(`openssl req -x509 ${EC} -keyout stranger.key -out stranger.crt -subj /CN=stranger`);
    const page = (options: string) => /<title>(.*)<\/title>/.exec(curl('mutual.test', options).stdout)?.[1];
    expect(page('')).toBe('400 No required SSL certificate was sent');
    expect(page('--cert stranger.crt --key stranger.key')).toBe('400 The SSL certificate error');
    expect(curl('mutual.test', '--cert me.crt --key me.key').stdout).toBe('shop\n');
  });

  it('is expired when the clock says so', () => {
    run(`openssl req -new ${EC} -keyout k -out r -subj /CN=good.test && echo subjectAltName=DNS:good.test > ext`);
    run('openssl x509 -req -in r -CA ca.crt -CAkey ca.key -out old.crt -days 0 -extfile ext && kubectl delete secret good-tls');
    run('kubectl create secret tls good-tls --cert old.crt --key k && sleep 2');
    const from = world.headSeq;
    const warnings = () =>
      world.hops(from, world.headSeq).flatMap(({ event: { step } }) => (step.kind === 'tls' && step.warning !== undefined ? [step.warning] : []));
    expect(curl('good.test')).toMatchObject({ exitCode: 60, stderr: expect.stringContaining('SSL certificate problem: certificate has expired\n') });
    expect(warnings()).toEqual([
      expect.objectContaining({ code: 10, alert: 45, asked: 'good.test', subject: 'CN = good.test', issuer: 'CN = ca', names: ['good.test'] }),
    ]);
    // Whoever goes on all the same is told, too.
    curl('good.test', '-k');
    expect(warnings()[1]).toMatchObject({ code: 10, asked: 'good.test' });
    expect(run('openssl verify -CAfile ca.crt old.crt').stderr).toBe(
      'CN = good.test\nerror 10 at 0 depth lookup: certificate has expired\nerror old.crt: verification failed\n',
    );
  });
});
