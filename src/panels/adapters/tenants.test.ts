// What the panel says of a change of the rules that holds where reading the view anew fails.
import { beforeEach, expect, test, vi } from 'vitest';
import { ConfigError, StorageError } from '../../lib/errors';
import type { TenancyView } from '../../protocol/requests';

const request = vi.fn();
vi.mock('../../stores/client', () => ({ studioClient: () => ({ compute: { request } }) }));
const { editRules, useTenants } = await import('./tenants');

const before = { rules: [] } as unknown as TenancyView;
const after = { rules: [{}] } as unknown as TenancyView;
beforeEach(() => {
  request.mockReset();
  useTenants.setState({ view: before, failed: {} });
});

test('a change that holds is no failure: the view is said to be old, until it is read anew', async () => {
  request.mockResolvedValueOnce({ rules: [] }).mockRejectedValueOnce(new StorageError('The disk is gone.'));
  expect(await editRules({ kind: 'reset' })).toBe(true);
  expect(useTenants.getState()).toMatchObject({ view: before, failed: { view: { text: 'The disk is gone.' } } });
  expect(useTenants.getState().failed.rules).toBeUndefined();
  request.mockResolvedValueOnce({ rules: [] }).mockResolvedValueOnce(after).mockResolvedValueOnce({ matrices: [] });
  expect(await editRules({ kind: 'reset' })).toBe(true);
  expect(useTenants.getState()).toMatchObject({ view: after, failed: {} });
  expect(useTenants.getState().failed.view).toBeUndefined();
});

test('a change that is refused does not hold', async () => {
  request.mockRejectedValueOnce(new ConfigError('Rule 4 contradicts rule 1.'));
  expect(await editRules({ kind: 'reset' })).toBe(false);
  expect(useTenants.getState().failed.rules!.text).toBe('Rule 4 contradicts rule 1.');
  expect(request).toHaveBeenCalledTimes(1);
});
