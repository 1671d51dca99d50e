/** Where credentials stand in a request, and what passwords are compared by. */
import { sha1 } from '@noble/hashes/legacy.js';
import { base64ToBytes, bytesToBase64 } from '../../../wire/binary-text.ts';
import { decodeUtf8, encodeUtf8 } from '../../../wire/utf8.ts';
import { type HttpHeader, headerValue } from '../../http-message.ts';
import { cookieValue } from '../edit-message.ts';
import type { Asked } from '../manners.ts';
import { queryValue } from '../select-route.ts';
import type { BasicUsers, Places } from './config.ts';

export const pathOf = (target: string): string => target.split('?', 1)[0] ?? '';
export const queryOf = (target: string): string => (target.includes('?') ? target.slice(target.indexOf('?') + 1) : '');

/** The first that is there, without what stands before it. */
export function credential({ headers = [], params = [], cookies = [] }: Places, asked: Asked): string | undefined {
  for (const { name, prefix = '' } of headers) {
    const value = headerValue(asked.headers, name);
    if (value?.startsWith(prefix) === true) return value.slice(prefix.length);
  }
  for (const name of params) {
    const value = queryValue(queryOf(asked.target), name);
    if (value !== undefined) return value;
  }
  for (const name of cookies) {
    const value = cookieValue(asked.headers, name);
    if (value !== undefined) return value;
  }
  return undefined;
}

export const withHeader = (headers: readonly HttpHeader[], name: string, value: string): readonly HttpHeader[] => [
  ...headers.filter((one) => one.name.toLowerCase() !== name.toLowerCase()),
  { name, value },
];

/** The user's name, or what Envoy says of why there is none. */
export function basicUser({ users }: BasicUsers, headers: readonly HttpHeader[]): { readonly name: string } | { readonly wrong: string } {
  const given = headerValue(headers, 'Authorization');
  if (given === undefined) return { wrong: 'Missing username and password.' };
  if (!given.startsWith('Basic ')) return { wrong: "Expected 'Basic' authentication scheme." };
  const bytes = base64ToBytes(given.slice('Basic '.length).trim());
  const pair = (bytes === undefined ? undefined : decodeUtf8(bytes)) ?? '';
  const colon = pair.indexOf(':');
  if (colon < 0) return { wrong: 'Invalid basic credential format.' };
  const name = pair.slice(0, colon);
  const hash = bytesToBase64(sha1(encodeUtf8(pair.slice(colon + 1))));
  return Object.hasOwn(users, name) && users[name] === hash ? { name } : { wrong: 'Invalid username/password combination.' };
}
