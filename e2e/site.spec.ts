// The built site as such: every panel is accessible in both themes, fits a phone, works offline and by keyboard.
import AxeBuilder from '@axe-core/playwright';
import type { Page } from '@playwright/test';
import { expect, test } from './guarded';
import { openStudio, panels, showPanel } from './studio';

/** What makes a page wider than the window, for the message of a failure. */
const tooWide = (page: Page) =>
  page.evaluate(() => {
    const width = document.documentElement.clientWidth;
    if (document.documentElement.scrollWidth <= width) return [];
    return [...document.querySelectorAll('body *')]
      .filter((element) => element.getBoundingClientRect().right > width + 1)
      .slice(0, 5)
      .map((element) => `${element.tagName.toLowerCase()}.${element.className} in a page of ${width} px`);
  });

for (const colorScheme of ['light', 'dark'] as const)
  test(`axe finds nothing on any panel, ${colorScheme}`, async ({ page }) => {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    await openStudio(page);
    for (const panel of await panels(page)) {
      await showPanel(page, panel);
      const { violations } = await new AxeBuilder({ page })
        .withTags(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'])
        .analyze();
      // A few places a rule are enough to mend it.
      const found = violations.flatMap(({ id, nodes }) =>
        nodes
          .slice(0, 3)
          .map((node) => `${id} (${nodes.length}×): ${node.target.join(' ')} ${node.failureSummary ?? ''}`),
      );
      expect.soft(found, `${panel} in ${colorScheme}`).toEqual([]);
    }
  });

test('no panel scrolls sideways at 390 px', async ({ page }) => {
  await openStudio(page);
  const all = await panels(page);
  await page.setViewportSize({ width: 390, height: 844 }); // where the navigation is behind a button
  for (const panel of all) {
    await showPanel(page, panel);
    expect.soft(await tooWide(page), panel).toEqual([]);
  }
});

test('the second visit needs no network', async ({ page, context }) => {
  await openStudio(page);
  await page.waitForFunction(() => navigator.serviceWorker.controller !== null);
  await context.setOffline(true);
  await page.reload();
  await openStudio(page);
  // Panels, workers, tokenizer and models come from the cache as well.
  for (const panel of await panels(page)) await showPanel(page, panel);
});

test('the keyboard alone reaches a panel through the command palette', async ({ page }) => {
  await openStudio(page);
  await expect(page.getByRole('heading', { level: 1 })).toBeVisible();
  await page.keyboard.press('Control+k');
  await expect(page.getByRole('dialog')).toBeVisible();
  await page.keyboard.type('mask');
  await page.keyboard.press('Enter');
  await expect(page.getByRole('heading', { level: 1, name: 'Mask' })).toBeVisible();
  await expect(page.getByRole('dialog')).toBeHidden();
});
