/** Makes worker addresses that a page under `require-trusted-types-for 'script'` accepts: only scripts of our own origin. */

interface TrustedTypes {
  createPolicy(name: string, rules: { createScriptURL(url: string): string }): { createScriptURL(url: string): unknown };
}

function ownScript(url: string): string {
  const { origin } = new URL(url, location.href);
  if (origin !== location.origin) throw new Error(`refused to run a script of ${origin}`);
  return url;
}

/** Returns a function that turns a bundled script's address into what `new Worker` takes. The policy's name must be in the page's Content-Security-Policy. */
export function createScriptAddress(policyName: string): (url: string) => string | URL {
  const { trustedTypes } = globalThis as { readonly trustedTypes?: TrustedTypes };
  if (trustedTypes === undefined) return ownScript;
  const policy = trustedTypes.createPolicy(policyName, { createScriptURL: ownScript });
  // `Worker` is typed for strings; a TrustedScriptURL is what it takes here.
  return (url) => policy.createScriptURL(url) as string;
}
