/** What `openssl s_client` 3.0 prints of a connection. OpenSSL: apps/s_client.c print_stuff, apps/lib/s_cb.c. */
import { type Certificate, certificateDate, formatName, hexOf } from './certificate.ts';
import type { TlsConnection, TlsInfo } from './connection.ts';
import { SCHEME_ECDSA, SIGNATURES } from './keys.ts';
import { TLS12 } from './older.ts';
import { formatPem } from './pem.ts';
import { cipherName } from './schedule.ts';
import { VERIFY_TEXTS, type VerifyProblem } from './verify.ts';
import { versionName } from './words.ts';

/** The last error counts. */
export function verifyResult(problems: readonly VerifyProblem[]): { readonly code: number; readonly text: string } {
  const code = problems.at(-1)?.code ?? 0;
  return { code, text: VERIFY_TEXTS[code] ?? '' };
}

/** Errors of dates and signatures are found on the way down the chain, all others before. */
const BELOW: ReadonlySet<number> = new Set([7, 9, 10]);

export function verifyLines({ chain, problems, peer }: TlsInfo, brief = false): string {
  if (peer.length === 0) return '';
  const nameAt = (depth: number): string => formatName((chain[depth] as Certificate).subject);
  const error = ({ code, depth }: VerifyProblem): string => {
    const one = chain[depth];
    const date =
      one === undefined
        ? ''
        : code === 10
          ? `notAfter=${certificateDate(one.notAfterMs)}\n`
          : code === 9
            ? `notBefore=${certificateDate(one.notBeforeMs)}\n`
            : '';
    return `depth=${depth} ${nameAt(depth)}\nverify error:num=${code}:${VERIFY_TEXTS[code]}\n${date}${brief ? '' : 'verify return:1\n'}`;
  };
  let text = problems
    .filter(({ code }) => !BELOW.has(code))
    .map(error)
    .join('');
  for (let depth = chain.length - 1; depth >= 0; depth -= 1) {
    text += problems
      .filter((one) => one.depth === depth && BELOW.has(one.code))
      .map(error)
      .join('');
    if (!brief) text += `depth=${depth} ${nameAt(depth)}\nverify return:1\n`;
  }
  return text;
}

const bitsOf = ({ publicKey }: Certificate): number => (publicKey === undefined ? 0 : publicKey.kind === 'ec' ? 256 : publicKey.n.toString(2).length);

function chainEntry(one: Certificate, index: number, show: boolean): string {
  const algorithm = SIGNATURES[one.signatureAlgorithm];
  const signature = algorithm === undefined ? one.signatureAlgorithm : algorithm.kind === 'rsa' ? `RSA-${algorithm.hash.toUpperCase()}` : algorithm.name;
  return (
    ` ${index} s:${formatName(one.subject)}\n   i:${formatName(one.issuer)}\n` +
    `   a:PKEY: ${one.publicKey?.kind === 'rsa' ? 'rsaEncryption' : 'id-ecPublicKey'}, ${bitsOf(one)} (bit); sigalg: ${signature}\n` +
    `   v:NotBefore: ${certificateDate(one.notBeforeMs)}; NotAfter: ${certificateDate(one.notAfterMs)}\n${show ? formatPem('CERTIFICATE', one.der) : ''}`
  );
}

/** The signature algorithms that a server of ours asks for. */
const REQUESTED =
  'ECDSA+SHA256:ECDSA+SHA384:ECDSA+SHA512:Ed25519:Ed448:RSA-PSS+SHA256:RSA-PSS+SHA384:RSA-PSS+SHA512:RSA-PSS+SHA256:RSA-PSS+SHA384:RSA-PSS+SHA512:RSA+SHA256:RSA+SHA384:RSA+SHA512';

const signatureType = (info: TlsInfo): string => (info.scheme === SCHEME_ECDSA ? 'ECDSA' : 'RSA-PSS');

/** With TLS 1.2 it takes more, and names some of them otherwise. */
const OLDER_REQUESTED =
  'ECDSA+SHA256:ECDSA+SHA384:ECDSA+SHA512:ed25519:ed448:rsa_pss_pss_sha256:rsa_pss_pss_sha384:rsa_pss_pss_sha512:RSA-PSS+SHA256:RSA-PSS+SHA384:RSA-PSS+SHA512:RSA+SHA256:RSA+SHA384:RSA+SHA512:ECDSA+SHA224:RSA+SHA224:DSA+SHA224:DSA+SHA256:DSA+SHA384:DSA+SHA512';

/** `nowMs`: Unix time. */
export function olderSession(connection: TlsConnection | undefined, result: { readonly code: number; readonly text: string }, nowMs: number): string {
  const older = connection?.older;
  const lines: readonly [string, string][] = [
    ['Protocol  ', 'TLSv1.2'],
    ['Cipher    ', connection === undefined || connection.suite === 0 ? '0000' : cipherName(connection.suite)],
    ['Session-ID', older === undefined ? '' : hexOf(older.sessionId).toUpperCase()],
    ['Session-ID-ctx', ''],
    ['Master-Key', older?.isMaster === true ? hexOf(older.secret).toUpperCase() : ''],
    ['PSK identity', 'None'],
    ['PSK identity hint', 'None'],
    ['SRP username', 'None'],
    ['Start Time', String(Math.floor(nowMs / 1000))],
    ['Timeout   ', '7200 (sec)'],
    ['Verify return code', `${result.code} (${result.text})`],
    ['Extended master secret', older?.isMaster === true && older.extendedMaster ? 'yes' : 'no'],
  ];
  return `SSL-Session:\n${lines.map(([name, value]) => `    ${name}: ${value}\n`).join('')}---\n`;
}

export function connectedText(connection: TlsConnection, showAll: boolean, nowMs: number): string {
  const { info, readBytes, writtenBytes, version, suite } = connection;
  const isOlder = version === TLS12;
  const [leaf] = info.peer;
  if (leaf === undefined) return '';
  const result = verifyResult(info.problems);
  const wanted =
    info.wanted === undefined || info.wanted.length === 0
      ? 'No client certificate CA names sent\n'
      : `Acceptable client certificate CA names\n${info.wantedNames?.map((name) => `${formatName(name)}\n`).join('') ?? ''}`;
  const requested = isOlder ? OLDER_REQUESTED : REQUESTED;
  const algorithms =
    info.wanted === undefined
      ? ''
      : `${isOlder ? 'Client Certificate Types: RSA sign, DSA sign, ECDSA sign\n' : ''}Requested Signature Algorithms: ${requested}\nShared Requested Signature Algorithms: ${requested}\n`;
  return (
    `---\nCertificate chain\n${info.peer.map((one, index) => chainEntry(one, index, showAll)).join('')}---\nServer certificate\n` +
    `${showAll ? '' : formatPem('CERTIFICATE', leaf.der)}subject=${formatName(leaf.subject)}\nissuer=${formatName(leaf.issuer)}\n---\n` +
    `${wanted}${algorithms}Peer signing digest: SHA256\nPeer signature type: ${signatureType(info)}\nServer Temp Key: X25519, 253 bits\n---\n` +
    `SSL handshake has read ${readBytes} bytes and written ${writtenBytes} bytes\nVerification${result.code === 0 ? ': OK' : ` error: ${result.text}`}\n---\n` +
    `New, ${versionName(version)}, Cipher is ${cipherName(suite)}\nServer public key is ${bitsOf(leaf)} bit\nSecure Renegotiation IS ${isOlder ? '' : 'NOT '}supported\nCompression: NONE\nExpansion: NONE\n` +
    `${info.alpn === undefined ? 'No ALPN negotiated' : `ALPN protocol: ${info.alpn}`}\n` +
    (isOlder ? olderSession(connection, result, nowMs) : `Early data was not sent\nVerify return code: ${result.code} (${result.text})\n---\n`)
  );
}

export function briefText({ info, version, suite }: TlsConnection): string {
  const [leaf] = info.peer;
  const result = verifyResult(info.problems);
  return (
    `CONNECTION ESTABLISHED\nProtocol version: ${versionName(version)}\nCiphersuite: ${cipherName(suite)}\nPeer certificate: ${leaf === undefined ? '' : formatName(leaf.subject)}\n` +
    `Hash used: SHA256\nSignature type: ${signatureType(info)}\nVerification${result.code === 0 ? ': OK' : ` error: ${result.text}`}\n` +
    `${version === TLS12 ? 'Supported Elliptic Curve Point Formats: uncompressed:ansiX962_compressed_prime:ansiX962_compressed_char2\n' : ''}Server Temp Key: X25519, 253 bits\n`
  );
}
