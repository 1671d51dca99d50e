/** Names for new documents. */

/** Not to be guessed or met twice; also where the page came over plain http, which gives no `randomUUID`. */
export function newDocumentId(): string {
  if (typeof crypto.randomUUID === 'function') return crypto.randomUUID();
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}
