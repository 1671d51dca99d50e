/** What OpenSSL's s_client takes for a name that is told to the server. */

/** A name with a dot in it is told; addresses and bare names are not. */
export const isDnsName = (host: string): boolean => host.includes('.') && !/^[\d.]+$/.test(host) && !host.includes(':');
