// What axe finds on a page as it stands, by WCAG 2.2 AA: nothing, or the journey fails at its end with all of it.
import AxeBuilder from '@axe-core/playwright';
import { expect, type Page } from '@playwright/test';

/** `where` names the state of the page in the report. */
export async function isAccessible(page: Page, where: string): Promise<void> {
  const { violations } = await new AxeBuilder({ page })
    .withTags(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'])
    .analyze();
  const found = violations.map(
    ({ id, nodes }) =>
      `${id} (${nodes.length}×): ${nodes[0]!.target.join(' ')} ${nodes[0]!.html} ${nodes[0]!.failureSummary}`,
  );
  expect.soft(found, where).toEqual([]);
}
