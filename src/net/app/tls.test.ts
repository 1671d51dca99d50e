/** curl https and openssl s_client: a real hello, and what is made of the answers; texts as curl 7.88.1 and openssl 3.0.19 print them. */
import { describe, expect, it } from 'vitest';
import { textToBytes } from '../wire/binary-text.ts';
import { tlsText } from '../wire/tls-hello.ts';
import { appWorld } from './testing/app-world.ts';

const CLIENT = 'controlplane/netns/client.default';

/** What the client sent in TLS records. */
function records(w: ReturnType<typeof appWorld>): string[] {
  return w.network.frames(new Set([`${CLIENT}/device/eth0`])).flatMap(({ direction, packet }) => {
    const octets = direction === 'out' ? packet.payload?.octets : undefined;
    const bytes = octets === undefined ? undefined : textToBytes(octets);
    return bytes === undefined ? [] : [`${tlsText(bytes)} ${bytes.length}`];
  });
}

describe('TLS', () => {
  it('to a port that speaks HTTP is a wrong version number', () => {
    const w = appWorld();
    const { stderr, exitCode } = w.run(CLIENT, 'curl -v https://web-service:80/', { tty: true });
    expect(exitCode).toBe(35);
    expect(stderr).toBe(
      '*   Trying 10.97.253.216:80...\n* Connected to web-service (10.97.253.216) port 80 (#0)\n* ALPN: offers h2,http/1.1\n' +
        '* TLSv1.3 (OUT), TLS handshake, Client hello (1):\n*  CAfile: /etc/ssl/certs/ca-certificates.crt\n*  CApath: /etc/ssl/certs\n' +
        '* OpenSSL/3.0.19: error:0A00010B:SSL routines::wrong version number\n* Closing connection 0\n' +
        'curl: (35) OpenSSL/3.0.19: error:0A00010B:SSL routines::wrong version number\n',
    );
    expect(records(w)).toEqual(['TLS ClientHello (web-service) 517']);
  });

  it('to a closed port is refused before any hello', () => {
    const w = appWorld();
    expect(w.run(CLIENT, 'curl -s https://10.244.1.3/')).toMatchObject({ exitCode: 7, stderr: '' });
    expect(records(w)).toEqual([]);
  });

  it('is shown by s_client with what was read and written', () => {
    const w = appWorld();
    const { stdout, stderr, exitCode } = w.run(CLIENT, 'openssl s_client -connect web-service:80 -servername web.example');
    expect(exitCode).toBe(1);
    expect(stdout).toMatch(/^CONNECTED\(00000003\)\n---\nno peer certificate available\n[\s\S]*SSL handshake has read 5 bytes and written 317 bytes\n/);
    expect(stderr).toMatch(/^40[0-9A-F]{6}F97F0000:error:0A00010B:SSL routines:ssl3_get_record:wrong version number:\.\.\/ssl\/record\/ssl3_record\.c:350:\n$/);
    expect(records(w)).toEqual(['TLS ClientHello (web.example) 317']);
    expect(w.run(CLIENT, 'openssl s_client -connect 10.244.1.3:81').stderr).toMatch(
      /error:8000006F:system library:BIO_connect:Connection refused:\.\.\/crypto\/bio\/bio_sock2\.c:117:calling connect\(\)\n.*\nconnect:errno=111\n$/,
    );
  });

  it('is the same hello for the same seed', () => {
    const hello = (seed: number) => {
      const w = appWorld({ seed });
      w.run(CLIENT, 'curl -s https://10.244.1.3:80/');
      return w.network.frames(new Set([`${CLIENT}/device/eth0`])).find(({ packet }) => packet.payload?.octets !== undefined)?.packet.payload?.octets;
    };
    expect(hello(3)).toBe(hello(3));
    expect(hello(3)).not.toBe(hello(4));
  });
});
