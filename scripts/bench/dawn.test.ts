import { afterEach, expect, test, vi } from 'vitest';
import { softwareDriver } from './dawn';

afterEach(() => vi.unstubAllEnvs());
const withoutNames = () => {
  vi.stubEnv('VK_ICD_FILENAMES', '');
  vi.stubEnv('VK_DRIVER_FILES', '');
};

test('a graphics card is measured, not the software driver that lies beside Chromium', () => {
  withoutNames();
  expect(softwareDriver(() => true)).toBeUndefined();
});
test('without a card SwiftShader is named where Chromium ships it', () => {
  withoutNames();
  const found = softwareDriver(() => false);
  // A Chromium without SwiftShader leaves nothing to name.
  if (found) expect(found.VK_ICD_FILENAMES).toMatch(/vk_swiftshader_icd\.json$/);
});
test('a driver that a person names is left alone, and nothing is probed', () => {
  vi.stubEnv('VK_ICD_FILENAMES', '/a/driver.json');
  const probe = vi.fn(() => false);
  expect(softwareDriver(probe)).toBeUndefined();
  expect(probe).not.toHaveBeenCalled();
});
