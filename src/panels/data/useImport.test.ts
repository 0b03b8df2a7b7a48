import { expect, test } from 'vitest';
import { ownAddress } from './useImport';

const PAGE = 'https://example.org/studio/index.html#/data';

test('addresses of this site are taken as written, also relative ones', () => {
  expect(ownAddress(' data/rows.jsonl ', PAGE).href).toBe('https://example.org/studio/data/rows.jsonl');
  expect(ownAddress('https://example.org/rows.csv', PAGE).pathname).toBe('/rows.csv');
});
test.each([
  'https://huggingface.co/x.parquet',
  '//other.org/x',
  'http://example.org/x',
  'data:text/plain,a',
  'file:///etc/passwd',
])('%s is not asked, and it is said why', (address) => {
  expect(() => ownAddress(address, PAGE)).toThrow(
    /The studio cannot ask .*its own site only.*Download the file and drop it here/,
  );
});
test('what is no address is said to be none', () => {
  expect(() => ownAddress('http://', PAGE)).toThrow(/is not an address/);
});
