// The test that all journeys use: besides its own claims each journey asserts that nothing leaves the origin, that the
// content security policy is never violated and that no error goes unhandled.
import { type BrowserContext, test as base, expect } from '@playwright/test';

declare global {
  interface Window {
    cspViolations?: string[];
  }
}

interface Guards {
  /** Origins other than the studio's that were asked for, with the URL. */
  foreign: string[];
  errors: string[];
  /** A journey that provokes errors on purpose empties this first. */
  forgive: (pattern: RegExp) => void;
}

function watch(context: BrowserContext, origin: string): Guards {
  const guards: Guards = {
    foreign: [],
    errors: [],
    forgive: (pattern) => {
      guards.errors = guards.errors.filter((error) => !pattern.test(error));
    },
  };
  // Requests of pages and their workers.
  context.on('request', (request) => {
    const url = new URL(request.url());
    const isLocal = url.origin === origin || url.protocol === 'data:' || url.protocol === 'blob:';
    if (!isLocal) guards.foreign.push(request.url());
  });
  context.on('page', (page) => {
    page.on('pageerror', (error) => guards.errors.push(`${error.name}: ${error.message}`));
    page.on('websocket', (socket) => guards.foreign.push(socket.url()));
  });
  context.on('console', (message) => {
    const text = message.text();
    if (/content security policy/i.test(text)) guards.errors.push(text);
    else if (message.type() === 'error') guards.errors.push(`console: ${text}`);
  });
  return guards;
}

export const test = base.extend<{ guards: Guards }>({
  guards: [
    async ({ context, baseURL }, use) => {
      const guards = watch(context, new URL(baseURL!).origin);
      await context.addInitScript(() => {
        window.cspViolations = [];
        document.addEventListener('securitypolicyviolation', (event) =>
          window.cspViolations?.push(`${event.violatedDirective} ${event.blockedURI}`),
        );
      });
      await use(guards);
      for (const page of context.pages()) {
        const violations = await page.evaluate(() => window.cspViolations ?? []).catch(() => []); // a crashed page
        expect(violations, 'violations of the content security policy').toEqual([]);
      }
      expect(guards.foreign, 'requests to other origins').toEqual([]);
      expect(guards.errors, 'errors on the page').toEqual([]);
    },
    { auto: true },
  ],
});
export { expect } from '@playwright/test';
