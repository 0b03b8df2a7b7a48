// Where a pair's prompt ends, against TRL's DPOTrainer (scripts/parity/pairPrompts.py): ids and masks of both sides.
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { DatasetRow } from '../protocol/chat';
import { compileTemplate } from './chatTemplate';
import { renderPair } from './render';
import { Tokenizer } from './tokenizer';

interface Side {
  ids: number[];
  mask: number[];
}
interface Case {
  style: string;
  specials: string[];
  names: { eos_token: string; pad_token: string };
  row: DatasetRow;
  options: { max_length?: number; truncation_mode?: 'keep_end' };
  chosen: Side;
  rejected: Side;
}
const cases: Case[] = JSON.parse(readFileSync('test/fixtures/preference/pairPrompts.json', 'utf8'));
const base = JSON.parse(readFileSync('public/models/tokenizer.json', 'utf8'));

const pairOf = ({ style, specials, names, row, options }: Case, side?: 'chosen' | 'rejected') => {
  const first = Object.keys(base.model.vocab).length;
  const added = specials.map((content, i) => ({ ...base.added_tokens[0], id: first + i, content }));
  const source = readFileSync(`test/fixtures/templates/styles/${style}.jinja`, 'utf8');
  const settings = {
    tokenizer: Tokenizer.fromJson({ ...base, added_tokens: [...base.added_tokens, ...added] }),
    template: compileTemplate(source.replace(/\{%-?\s*(?:end)?generation\s*-?%\}/g, '')),
    eosToken: names.eos_token,
    padToken: names.pad_token,
    mode: 'default' as const,
    max_length: 256,
    ...options,
  };
  return renderPair(row, 'row', settings, side);
};
const told = (side: { ids: Int32Array; mask: Uint8Array; unscored?: number }): Side => ({
  ids: [...side.ids],
  // The studio leaves out a first token that nothing predicts; TRL's loss does so later.
  mask: [...side.mask].map((bit, t) => (t === 0 && side.unscored ? 1 : bit)),
});

describe.each(cases.map((one, i) => [`${i}, ${one.style} ${JSON.stringify(one.options)}`, one] as const))(
  '%s',
  (_, one) => {
    test.each([undefined, 'rejected'] as const)('shown: %s', (side) => {
      const pair = pairOf(one, side);
      expect(told(pair.chosen)).toEqual(one.chosen);
      expect(told(pair.rejected)).toEqual(one.rejected);
    });
  },
);

test('where it ends earlier for one side, it does for the other, which alone would have gone on', () => {
  const [parted] = cases;
  const { chosen, rejected, findings } = pairOf(parted!);
  expect([chosen.promptLength, rejected.promptLength]).toEqual([20, 20]);
  expect(findings.map(({ kind }) => kind)).toContain('prompt_not_prefix');
  const alone = pairOf({ ...parted!, row: { ...parted!.row, chosen: parted!.row.rejected! } });
  expect(alone.rejected.promptLength).toBe(29);
});
