// What journeys know about the studio's storage: the metric points of runs, read from the browser's own file system.
import { expect, type Page } from '@playwright/test';

/** Query of a journey on WebAssembly, where a step of the small models takes milliseconds. */
export const WASM = '?backend=wasm';

export interface Point {
  step: number;
  [metric: string]: number | null;
}

/** Ids of all runs that left files, and their metric points in the order they were logged. */
export function storedPoints(page: Page): Promise<Record<string, Point[]>> {
  return page.evaluate(async () => {
    const out: Record<string, Point[]> = {};
    const root = await navigator.storage.getDirectory();
    const studio = await root.getDirectoryHandle('posttrain-studio');
    const runs = await studio.getDirectoryHandle('runs');
    for await (const [id, handle] of runs.entries()) {
      const file = await (handle as FileSystemDirectoryHandle).getFileHandle('points.jsonl').catch(() => undefined);
      if (!file) continue;
      const text = await (await file.getFile()).text();
      out[id] = text
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line));
    }
    return out;
  });
}

/** step → loss of one run's points. */
export function lossCurve(points: Point[]): Map<number, number> {
  return new Map(points.filter((p) => typeof p.loss === 'number').map((p) => [p.step, p.loss as number]));
}

/** Opens the studio and waits until a backend has been chosen. */
export async function openStudio(page: Page, query = '', panel = ''): Promise<void> {
  await page.goto(`./${query}#/${panel}`);
  await expect(page.getByRole('navigation').first()).toBeVisible();
}

/** Addresses (`#/mask`) of all panels in the navigation. */
export async function panels(page: Page): Promise<string[]> {
  const links = page.getByRole('navigation').first().getByRole('link');
  const found = await links.evaluateAll((all) => all.map((link) => (link as HTMLAnchorElement).hash));
  expect(found.length, 'panels in the navigation').toBeGreaterThanOrEqual(7);
  return found;
}

/** Goes to a panel and waits until it has loaded what it shows. */
export async function showPanel(page: Page, address: string): Promise<void> {
  await page.evaluate((hash) => {
    location.hash = hash;
  }, address);
  await expect(page.getByRole('heading', { level: 1 })).toBeVisible();
  await expect(page.locator('.skeleton-block')).toHaveCount(0);
}

/** Sets the SFT recipe's knobs: a run that SwiftShader finishes in seconds, on the real engine. */
export async function setRecipe(page: Page, args: Record<string, number>): Promise<void> {
  await showPanel(page, '#/sft');
  await page.getByRole('radio', { name: 'nano' }).click();
  const more = page.getByRole('button', { name: /more settings/ });
  if (await more.isVisible()) await more.click();
  for (const [name, value] of Object.entries(args)) {
    const knob = page.getByLabel(name, { exact: true });
    await knob.fill(String(value));
    await knob.press('Tab'); // fields take over what was typed when they are left
    await expect(knob).toHaveValue(String(value));
  }
}

export const runButton = (page: Page) => page.getByRole('button', { name: /^Run( again)?$/ });

/** Waits until some run has logged a loss at `step` or later; returns its id. */
export async function loggedStep(page: Page, step: number, not: string[] = []): Promise<string> {
  let id: string | undefined;
  await expect
    .poll(
      async () => {
        const runs = await storedPoints(page).catch(() => ({}) as Record<string, Point[]>); // no run yet
        id = Object.keys(runs).find(
          (key) => !not.includes(key) && Math.max(0, ...lossCurve(runs[key]!).keys()) >= step,
        );
        return id !== undefined;
      },
      { timeout: 240_000, message: `a run reaches step ${step}` },
    )
    .toBe(true);
  return id!;
}

/** On a phone, nothing of the region lies beside the screen. */
export async function expectToFit(page: Page, region: string): Promise<void> {
  const size = page.viewportSize()!;
  await page.setViewportSize({ width: 390, height: 844 });
  const widths = () => page.getByRole('region', { name: region }).evaluate((it) => it.scrollWidth - it.clientWidth);
  await expect.poll(widths).toBeLessThanOrEqual(0);
  await page.setViewportSize(size);
}
