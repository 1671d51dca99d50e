/** What every end-to-end test stands on: the built site behind a static server, a second site to embed it in, and a watch that fails the test on any error, CSP violation or foreign request. */

import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { join } from 'node:path';
import { type BrowserContext, test as base, expect } from '@playwright/test';
import { createStaticServer, listen } from '../scripts/serve.mjs';
import { App } from './app.ts';

export { expect } from '@playwright/test';

const root = join(import.meta.dirname, '..');
const SUB_PATH = '/docs/tools/kubehop/';
const FIRST_PORT = 4300;
/** A button that is not there after so long will not come. */
const ACTION_TIMEOUT_MS = 15_000;

/** The text of a file of the article's cluster, as the reader finds it in the editor. */
export const articleFile = (name: string): string => readFileSync(join(root, 'src', 'content', 'examples', 'article', name), 'utf8');

export interface Site {
  /** `http://127.0.0.1:<port>/`, with the site at its root. */
  readonly url: string;
  /** The same files under a deeper path. */
  readonly deepUrl: string;
}

export interface HostSite {
  /** Another site, in the browser's sense, than the one with the embed. */
  readonly url: string;
  /** Serves this text as a page; returns its address. */
  serve(html: string): string;
}

/** Collects whatever should never happen. */
export class Watch {
  readonly #seen: string[] = [];
  readonly #expected: RegExp[] = [];
  readonly #origins: Set<string>;

  constructor(origins: readonly string[]) {
    this.#origins = new Set(origins);
  }

  /** A test that provokes an error says so. */
  expectProblem(pattern: RegExp): void {
    this.#expected.push(pattern);
  }

  get problems(): readonly string[] {
    return this.#seen.filter((text) => !this.#expected.some((pattern) => pattern.test(text)));
  }

  async over(context: BrowserContext): Promise<void> {
    await context.exposeBinding('kubehopViolation', (_, text: string) => {
      this.#seen.push(`Content-Security-Policy: ${text}`);
    });
    await context.addInitScript(() => {
      document.addEventListener('securitypolicyviolation', (event) => {
        const report = (globalThis as unknown as { kubehopViolation(text: string): void }).kubehopViolation;
        report(`${event.violatedDirective} blocked ${event.blockedURI} ${event.sample} (${event.sourceFile}:${event.lineNumber})`);
      });
    });
    context.on('console', (message) => {
      // A browser asks for the icon of a page that names none; a page in a frame needs none.
      if (message.type() === 'error' && !message.location().url.endsWith('/favicon.ico'))
        this.#seen.push(`console: ${message.text()} (${message.location().url})`);
    });
    context.on('weberror', (event) => {
      this.#seen.push(`uncaught: ${event.error().stack ?? event.error().message}`);
    });
    context.on('request', (request) => {
      const url = new URL(request.url());
      if ((url.protocol === 'http:' || url.protocol === 'https:') && !this.#origins.has(url.origin)) this.#seen.push(`request to another host: ${url.href}`);
    });
    context.on('requestfailed', (request) => {
      // A frame that is taken away cancels what it was loading.
      const reason = request.failure()?.errorText ?? '';
      if (reason !== 'net::ERR_ABORTED') this.#seen.push(`failed request: ${request.url()} ${reason}`);
    });
  }
}

interface TestFixtures {
  readonly watch: Watch;
  readonly app: App;
}
interface WorkerFixtures {
  readonly site: Site;
  readonly host: HostSite;
}

const close = (server: Server) =>
  new Promise<void>((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });

export const test = base.extend<TestFixtures, WorkerFixtures>({
  site: [
    // biome's rule for empty patterns does not know Playwright, which wants one here.
    async ({ browserName: _ }, use) => {
      const files = createStaticServer(join(root, 'dist'));
      const server = createServer((request, response) => {
        if (request.url?.startsWith(SUB_PATH) === true) request.url = request.url.slice(SUB_PATH.length - 1);
        files.emit('request', request, response);
      });
      const port = (await listen(server, FIRST_PORT)) as number;
      const url = `http://127.0.0.1:${port}/`;
      await use({ url, deepUrl: new URL(SUB_PATH.slice(1), url).href });
      await close(server);
    },
    { scope: 'worker' },
  ],

  host: [
    async ({ browserName: _ }, use) => {
      const pages = new Map<string, string>();
      const server = createServer((request, response) => {
        const page = pages.get(request.url ?? '');
        response.writeHead(page === undefined ? 404 : 200, { 'Content-Type': 'text/html; charset=utf-8' }).end(page ?? '');
      });
      const port = (await listen(server, FIRST_PORT + 100)) as number;
      const url = `http://localhost:${port}/`;
      await use({
        url,
        serve: (html) => {
          const path = `/page-${pages.size + 1}.html`;
          pages.set(path, html);
          return new URL(path, url).href;
        },
      });
      await close(server);
    },
    { scope: 'worker' },
  ],

  watch: async ({ site, host }, use) => {
    const origins = [site.url, host.url].flatMap((url) => [url, url.replace(/\/\/[^:/]+/, '//plain.test')]);
    const watch = new Watch(origins.map((url) => new URL(url).origin));
    await use(watch);
    expect(watch.problems, 'errors, policy violations and foreign requests').toEqual([]);
  },

  context: async ({ context, watch, site }, use) => {
    await watch.over(context);
    await context.grantPermissions(['clipboard-read', 'clipboard-write'], { origin: new URL(site.url).origin });
    await use(context);
  },

  app: async ({ page, site }, use) => {
    page.setDefaultTimeout(ACTION_TIMEOUT_MS);
    await use(new App(page, site.url));
  },
});
