/** JSON Web Tokens: read, and verified by RS256 and ES256 against a set of keys (RFC 7515, 7517, 7519). Words are Envoy's: jwt_verify_lib, status.cc. */
import { p256 } from '@noble/curves/nist.js';
import { base64ToBytes } from '../../../wire/binary-text.ts';
import { decodeUtf8, encodeUtf8 } from '../../../wire/utf8.ts';
import { bytesToBigint, digestOf, verifyV15 } from '../../tls/rsa.ts';
import type { JwtProvider } from './config.ts';

/** Clocks may differ by so much. Envoy: clock_skew_seconds. */
const SKEW_SECONDS = 60;
const MAX_TOKEN_CHARACTERS = 16_384;

type Json = Readonly<Record<string, unknown>>;
export interface Claims {
  readonly [name: string]: unknown;
}

export interface JwtRefusal {
  readonly status: 401 | 403;
  readonly text: string;
}

export function base64UrlBytes(text: string): Uint8Array | undefined {
  if (!/^[\w-]*$/.test(text)) return undefined;
  const plain = text.replaceAll('-', '+').replaceAll('_', '/');
  return base64ToBytes(plain + '='.repeat((4 - (plain.length % 4)) % 4));
}

function jsonObject(bytes: Uint8Array | undefined): Json | undefined {
  const text = bytes === undefined ? undefined : decodeUtf8(bytes);
  if (text === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : undefined;
  } catch {
    return undefined;
  }
}

const refuse = (text: string, status: JwtRefusal['status'] = 401): JwtRefusal => ({ status, text });

export interface ReadToken {
  readonly header: Json;
  readonly claims: Claims;
  readonly signed: string;
  readonly signature: Uint8Array;
}

const IMPLEMENTED = new Set(['RS256', 'ES256']);

export function readToken(token: string): ReadToken | JwtRefusal {
  const parts = token.split('.');
  const [head = '', body = '', sign = ''] = parts;
  if (parts.length !== 3 || token.length > MAX_TOKEN_CHARACTERS)
    return refuse('Jwt is not in the form of Header.Payload.Signature with two dots and 3 sections');
  const header = jsonObject(base64UrlBytes(head));
  if (header === undefined) return refuse('Jwt header is an invalid JSON');
  if (typeof header.alg !== 'string') return refuse('Jwt header [alg] field is required and must be a string');
  if (!IMPLEMENTED.has(header.alg)) return refuse('Jwt header [alg] is not supported');
  const claims = jsonObject(base64UrlBytes(body));
  if (claims === undefined) return refuse('Jwt payload is an invalid JSON');
  const signature = base64UrlBytes(sign);
  return signature === undefined ? refuse('Jwt signature is an invalid Base64url encoded') : { header, claims, signed: `${head}.${body}`, signature };
}

/** All that is asked of a token but its signature. */
export function judgeClaims({ claims }: ReadToken, { issuer, audiences }: JwtProvider, nowMs: number): JwtRefusal | undefined {
  const seconds = Math.floor(nowMs / 1000);
  if (issuer !== '' && claims.iss !== issuer) return refuse('Jwt issuer is not configured');
  if (typeof claims.nbf === 'number' && seconds < claims.nbf - SKEW_SECONDS) return refuse('Jwt not yet valid');
  if (typeof claims.exp === 'number' && seconds > claims.exp + SKEW_SECONDS) return refuse('Jwt is expired');
  const given: readonly unknown[] = Array.isArray(claims.aud) ? claims.aud : [claims.aud];
  if (audiences.length > 0 && !audiences.some((one) => given.includes(one))) return refuse('Audiences in Jwt are not allowed', 403);
  return undefined;
}

const text = (value: unknown): string => (typeof value === 'string' ? value : '');

function signatureFits(key: Json, { header, signed, signature }: ReadToken): boolean {
  const message = encodeUtf8(signed);
  if (header.alg === 'RS256') {
    const [n, e] = [base64UrlBytes(text(key.n)), base64UrlBytes(text(key.e))];
    if (n === undefined || e === undefined || n.length < 64) return false;
    return verifyV15({ kind: 'rsa', n: bytesToBigint(n), e: bytesToBigint(e) }, 'sha256', message, signature);
  }
  const [x, y] = [base64UrlBytes(text(key.x)), base64UrlBytes(text(key.y))];
  if (x?.length !== 32 || y?.length !== 32 || signature.length !== 64) return false;
  const point = new Uint8Array(65);
  point[0] = 4;
  point.set(x, 1);
  point.set(y, 33);
  try {
    return p256.verify(signature, digestOf('sha256', message), point, { prehash: false, lowS: false });
  } catch {
    // A point that is not on the curve.
    return false;
  }
}

/** Undefined where a key of the set has signed it. */
export function verifyToken(token: ReadToken, set: string): JwtRefusal | undefined {
  const parsed = jsonObject(encodeUtf8(set));
  if (parsed === undefined) return refuse('Jwks is an invalid JSON');
  if (!Array.isArray(parsed.keys)) return refuse(parsed.keys === undefined ? 'Jwks does not have [keys]' : '[keys] in Jwks is not an array');
  const { alg, kid } = token.header;
  const type = alg === 'RS256' ? 'RSA' : 'EC';
  const fitting = (parsed.keys as readonly Json[]).filter(
    (key) => key.kty === type && (kid === undefined || key.kid === undefined || key.kid === kid) && (key.alg === undefined || key.alg === alg),
  );
  if (fitting.length === 0) return refuse("Jwks doesn't have key to match kid or alg from Jwt");
  return fitting.some((key) => signatureFits(key, token)) ? undefined : refuse('Jwt verification fails');
}

/** `realm_access.roles`: a claim, or one inside of it. */
export function claimAt(claims: Claims, path: string): unknown {
  if (Object.hasOwn(claims, path)) return claims[path];
  let value: unknown = claims;
  for (const name of path.split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
    value = (value as Json)[name];
  }
  return value;
}
