/** The bytes against hellos recorded from curl 7.88.1 and openssl 3.0.19. */
import { describe, expect, it } from 'vitest';
import { clientHello, serverNameOf, tlsText } from './tls-hello.ts';

const bytesOf = (hex: string): Uint8Array => Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
const hexOf = (bytes: Uint8Array): string => [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');

const CURL_LOCALHOST = [
  '1603010200010001fc0303b0d5ad689b2e54d97748667f9c2ffc28f8f73e94d85a8d4815e3f888d0f971332080f0313f1d43570e200dfa2e6becbe52d68ed0c868d81ca244e7',
  'bd1cd869e09b003e130213031301c02cc030009fcca9cca8ccaac02bc02f009ec024c028006bc023c0270067c00ac0140039c009c0130033009d009c003d003c0035002f00ff',
  '010001750000000e000c0000096c6f63616c686f7374000b000403000102000a00160014001d0017001e00190018010001010102010301040010000e000c0268320868747470',
  '2f312e31001600000017000000310000000d002a0028040305030603080708080809080a080b080408050806040105010601030303010302040205020602002b000908030403',
  '0303020301002d00020101003300260024001d002000cecdf290ca64c50ba86bfe9c57d04b09425b49d58a0fd95e481c70ac9a230b001500b400000000000000000000000000',
  '00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000',
  '00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000',
  '000000000000000000000000000000000000000000000000000000',
].join('');
const OPENSSL_WEB = [
  '16030101380100013403039f39045b3259034c812cc1c95707881b9ed0e375cac2b83353044e7f2cc98f6e20f9fc985cd88b134d1d45538cbf93d03e35fd9649cf8db5036c76',
  'a70969deadc0003e130213031301c02cc030009fcca9cca8ccaac02bc02f009ec024c028006bc023c0270067c00ac0140039c009c0130033009d009c003d003c0035002f00ff',
  '010000ad00000010000e00000b7765622e6578616d706c65000b000403000102000a00160014001d0017001e0019001801000101010201030104002300000016000000170000',
  '000d002a0028040305030603080708080809080a080b080408050806040105010601030303010302040205020602002b0009080304030303020301002d000201010033002600',
  '24001d0020daaa5be22aca368afa38672eff1cdc832afe2e0b779fe7e6bf26b5003e145a59',
].join('');
const OPENSSL_ADDRESS = [
  '160301012401000120030321307295c70ff3491ca43e987369563dc47d680038b0fd397ea6ccedbb182fb520ab2e3a26563b47e7fa64b914636675a8cf2cc7a5092159a2132a',
  '67a481b508dd003e130213031301c02cc030009fcca9cca8ccaac02bc02f009ec024c028006bc023c0270067c00ac0140039c009c0130033009d009c003d003c0035002f00ff',
  '01000099000b000403000102000a00160014001d0017001e0019001801000101010201030104002300000016000000170000000d002a0028040305030603080708080809080a',
  '080b080408050806040105010601030303010302040205020602002b0009080304030303020301002d00020101003300260024001d002070ff8aadfeae70645ab6304585f4de',
  '74be1f325270b515346fc4388a15eaef2b',
].join('');

/** The three random fields of a recorded hello: the share stands at the end, before curl's padding. */
function secretsOf(hello: Uint8Array) {
  const marker = [0, 0x33, 0, 0x26, 0, 0x24, 0, 0x1d, 0, 0x20];
  const at = hello.findIndex((_byte, i) => marker.every((byte, k) => hello[i + k] === byte)) + marker.length;
  return { random: hello.subarray(11, 43), sessionId: hello.subarray(44, 76), share: hello.subarray(at, at + 32) };
}

describe('a TLS ClientHello', () => {
  it.each([
    ['curl with a name', CURL_LOCALHOST, { style: 'curl', serverName: 'localhost', alpn: ['h2', 'http/1.1'] }],
    ['openssl s_client -servername', OPENSSL_WEB, { style: 'openssl', serverName: 'web.example', alpn: [] }],
    ['openssl s_client with an address', OPENSSL_ADDRESS, { style: 'openssl', alpn: [] }],
  ] as const)('of %s is what it really sends', (_title, recorded, options) => {
    const bytes = bytesOf(recorded);
    expect(hexOf(clientHello(options, secretsOf(bytes)))).toBe(recorded);
  });

  it('names the server it wants', () => {
    expect(serverNameOf(bytesOf(OPENSSL_WEB))).toBe('web.example');
    expect(tlsText(bytesOf(CURL_LOCALHOST))).toBe('TLS ClientHello (localhost)');
    expect(tlsText(bytesOf(OPENSSL_ADDRESS))).toBe('TLS ClientHello');
    expect(tlsText(bytesOf('485454502f312e31'))).toBeUndefined();
  });

  it('is padded to 512 bytes by curl, whatever the name', () => {
    const secrets = secretsOf(bytesOf(CURL_LOCALHOST));
    for (const serverName of ['a', 'web-service.default.svc.cluster.local', 'x'.repeat(150)])
      expect(clientHello({ style: 'curl', serverName, alpn: ['h2', 'http/1.1'] }, secrets)).toHaveLength(517);
  });
});
