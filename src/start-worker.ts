/**
 * Starts the simulation's worker before any other script is here. Not a module of the app: the build writes it into index.html, which saves a slow line one way there and back,
 * and allows it by its hash. Where it does not run (the development server, a host with a stricter policy) the app starts the worker itself.
 */

/** Where the build has put the worker. */
declare const KUBEHOP_WORKER_URL: string;

interface TrustedTypes {
  createPolicy(name: string, rules: { createScriptURL(): string }): { createScriptURL(url: string): string };
}

/** What the app finds of it. */
interface StartedWorker {
  start(): Worker;
  /** Until somebody takes it. */
  first: Worker | undefined;
  failed: boolean;
}

((scope: { readonly trustedTypes?: TrustedTypes; kubehopWorker?: StartedWorker }) => {
  // The policy's name must be in the page's Content-Security-Policy; it knows one address only.
  const policy = scope.trustedTypes?.createPolicy('kubehop-worker', { createScriptURL: () => KUBEHOP_WORKER_URL });
  const start = () => new Worker(policy?.createScriptURL('') ?? KUBEHOP_WORKER_URL, { type: 'module', name: 'kubehop' });
  const started: StartedWorker = { start, first: undefined, failed: false };
  scope.kubehopWorker = started;
  try {
    started.first = start();
    started.first.onerror = (event) => {
      event.preventDefault();
      started.failed = true;
    };
  } catch {
    started.failed = true;
  }
})(globalThis as object);

export type { StartedWorker };
