// Sessions of comparisons through the workers' own channels: what is kept, what is hidden until a vote, what becomes of the votes.
import { afterEach, expect, test } from 'vitest';
import { Rng } from '../lib/rng';
import type { AnnotationAction, SampledPair } from '../protocol/annotations';
import type { DatasetRow } from '../protocol/chat';
import { MemoryStorage } from '../storage/memoryStorage';
import { type TestBed, testBed } from './testBed';

const beds: TestBed[] = [];
function bed(storage = new MemoryStorage()): TestBed {
  const made = testBed({ storage });
  beds.push(made);
  return made;
}
afterEach(() => {
  for (const made of beds.splice(0)) made.close();
});
const PREF = { kind: 'set', datasetId: 'builtin:pref', title: 'Preference pairs', split: 'train' } as const;
const CROWD = { n: 10, habits: 'careful' } as const;
const begin = ({ text }: TestBed, name = 'Monday', pairs = 5) =>
  text.request('createAnnotation', { name, source: PREF, pairs, seed: 3 });
const act = ({ text }: TestBed, id: string, action: AnnotationAction) => text.request('annotate', { id, action });

test('the chapter’s pair comes first, the others are drawn without repeats, and nothing tells which answer is which', async () => {
  const on = bed();
  const { id, pairs, states } = await begin(on, 'Monday', 30);
  expect([pairs, new Set(states)]).toEqual([30, new Set(['open'])]);
  const shown = await Promise.all(states.map((_, pair) => on.text.request('annotationPair', { id, pair })));
  expect(shown[0]!.prompt.at(-1)!.text).toContain('cash-flow risk');
  expect([shown[0]!.left.text, shown[0]!.right.text].some((text) => text.includes('Management should be strengthened'))).toBe(true); // biome-ignore format: one sentence
  expect(new Set(shown.map((pair) => JSON.stringify(pair.prompt))).size).toBeGreaterThan(25);
  expect(JSON.stringify(shown)).not.toMatch(/chapter|worked example|chosen in|quality/);
  await expect(on.text.request('revealPair', { id, pair: 0, crowd: CROWD })).rejects.toThrow('once you have voted');
  await act(on, id, { do: 'vote', pair: 0, choice: 'left', ms: 10 });
  const reveal = await on.text.request('revealPair', { id, pair: 0, crowd: CROWD });
  expect([reveal.left.origin, reveal.right.origin].sort()).toEqual(['first answer of the worked example', 'second answer of the worked example']); // biome-ignore format: one comparison
  const a = reveal.left.origin.includes('first answer') ? reveal.left : reveal.right;
  expect(a.quality).toBe(1);
});

test('a seed that draws the chapter’s row too shows it once', async () => {
  const on = bed();
  const { text } = on;
  const drawn = (seed: number) =>
    new Rng(seed, 'pairs').shuffle(Array.from({ length: 4000 }, (_, i) => i)).slice(0, 20);
  let seed = 0;
  while (!drawn(seed).includes(0)) seed++;
  const { id, states } = await text.request('createAnnotation', { name: 'Twice', source: PREF, pairs: 21, seed });
  const shown = await Promise.all(states.map((_, pair) => text.request('annotationPair', { id, pair })));
  const chapter = JSON.stringify(shown[0]!.prompt);
  expect(shown.filter(({ prompt }) => JSON.stringify(prompt) === chapter)).toHaveLength(1);
  expect(shown).toHaveLength(21);
});

test('votes, notes and names survive a new worker; another tab sees them; a session can be deleted', async () => {
  const storage = new MemoryStorage();
  const on = bed(storage);
  const { id } = await begin(on);
  await act(on, id, { do: 'vote', pair: 0, choice: 'left', ms: 1200 });
  await act(on, id, { do: 'mark', pair: 0, note: 'clear', scores: { evidence: { left: 5, right: 1 } } });
  await act(on, id, { do: 'skip', pair: 1 });
  await act(on, id, { do: 'rename', name: 'Tuesday' });
  const other = bed(storage).text;
  const { sessions } = await other.request('listAnnotations', {});
  expect(sessions).toMatchObject([{ id, name: 'Tuesday', pairs: 5, voted: 1, skipped: 1 }]);
  expect(await other.request('annotationPair', { id, pair: 0 })).toMatchObject({ choice: 'left', note: 'clear' });
  expect((await other.request('annotationSession', { id })).undoes).toBe(1);
  const report = await other.request('annotationReport', { id });
  expect(report).toMatchObject({ votes: 1, medianMs: 1200, informed: 0 });
  await other.request('deleteAnnotation', { id });
  expect(await on.text.request('listAnnotations', {})).toEqual({ sessions: [] });
  await expect(on.text.request('annotationSession', { id })).rejects.toThrow('not in this browser any more');
});

test('what cannot be is refused in words: no name, a taken one, no pairs, rows of another type, a crowd of none', async () => {
  const on = bed();
  const { id } = await begin(on);
  await expect(begin(on, ' ')).rejects.toThrow('needs a name');
  await expect(begin(on, 'Monday')).rejects.toThrow('already a session “Monday”');
  await expect(begin(on, 'None', 0)).rejects.toThrow('1 to 500 pairs, got 0');
  await expect(
    on.text.request('createAnnotation', {
      ...{ name: 'SFT', pairs: 3, seed: 1 },
      source: { ...PREF, datasetId: 'builtin:sft/single' },
    }),
  ).rejects.toThrow('pairs to compare need chosen and rejected answers');
  await expect(on.text.request('makeAnnotationSet', { id, options: { title: '', ties: 'keep' } })).rejects.toThrow(
    'nothing was voted on yet',
  );
  await act(on, id, { do: 'vote', pair: 0, choice: 'tie', ms: 1 });
  await expect(on.text.request('makeAnnotationSet', { id, options: { title: '', ties: 'leave_out' } })).rejects.toThrow(
    '1 pair of this session ended in a tie',
  );
  await expect(on.text.request('revealPair', { id, pair: 0, crowd: { ...CROWD, n: 0 } })).rejects.toThrow('got 0');
});

test('the votes become a preference set that Data lists and training reads', async () => {
  const on = bed();
  const { id } = await begin(on, 'Monday', 6);
  const choices = ['left', 'right', 'tie', 'right', 'left'] as const;
  for (const [pair, choice] of choices.entries()) await act(on, id, { do: 'vote', pair, choice, ms: 1 });
  await act(on, id, { do: 'mark', pair: 1, note: 'B cites' });
  const { info, undecided } = await on.text.request('makeAnnotationSet', {
    id,
    options: { title: 'My votes', ties: 'leave_out' },
  });
  expect(info).toMatchObject({ title: 'My votes', type: 'preference', rows: 4, origin: 'imported' });
  expect([info.description, undecided]).toEqual(['Votes of Monday on Preference pairs. Ties are left out.', 1]);
  expect((await on.text.request('listDatasets', {})).datasets).toContainEqual(info);
  const { rows } = await on.text.request('rows', { datasetId: info.id, split: 'train', offset: 0, limit: 9 });
  const shown = await on.text.request('annotationPair', { id, pair: 1 });
  expect(rows).toHaveLength(4);
  expect(rows[1]!.row.chosen).toEqual([{ role: 'assistant', content: shown.right.text }]);
  expect(rows[1]!.row.margin).toBe(1);
  const { blob } = await on.text.request('exportDataset', { datasetId: info.id, split: 'train' });
  const line = JSON.parse((await blob.text()).split('\n')[1]!) as DatasetRow & { note: string };
  expect(line).toMatchObject({ note: 'B cites', share: 1, votes_chosen: 1 });
  const kept = await on.text.request('makeAnnotationSet', { id, options: { title: '', ties: 'keep', crowd: CROWD } });
  expect(kept.info).toMatchObject({ title: 'Monday · votes', rows: 5 });
  const votes = await on.text.request('exportAnnotation', { id });
  expect(votes.fileName).toBe('Monday-votes.jsonl');
  expect(new TextDecoder().decode(votes.bytes).trim().split('\n')).toHaveLength(5);
});

test('an imported set of texts is compared without a rubric, and its rows stay texts', async () => {
  const on = bed();
  const lines = Array.from({ length: 3 }, (_, i) => ({ prompt: `Question ${i}?`, chosen: `yes ${i}`, rejected: `no ${i}` })); // biome-ignore format: rows
  const file = new Blob([lines.map((row) => `${JSON.stringify(row)}\n`).join('')]);
  const mine = await on.text.request('importDataset', { name: 'mine.jsonl', file });
  const { id, pairs } = await on.text.request('createAnnotation', {
    ...{ name: 'Own', pairs: 20, seed: 1 },
    source: { kind: 'set', datasetId: mine.id, title: mine.title, split: 'train' },
  });
  expect(pairs).toBe(3);
  const shown = await on.text.request('annotationPair', { id, pair: 0 });
  await act(on, id, { do: 'vote', pair: 0, choice: 'left', ms: 1 });
  const reveal = await on.text.request('revealPair', { id, pair: 0, crowd: CROWD });
  expect(Object.keys(reveal)).toEqual(['left', 'right']);
  expect([reveal.left.origin, reveal.right.origin].sort()).toEqual(['chosen in mine', 'rejected in mine']);
  expect((await on.text.request('annotationReport', { id })).agreements[0]!.n).toBe(0);
  const { info } = await on.text.request('makeAnnotationSet', { id, options: { title: 'Voted', ties: 'leave_out' } });
  const { rows } = await on.text.request('rows', { datasetId: info.id, split: 'train', offset: 0, limit: 9 });
  expect(rows[0]!.row).toMatchObject({ chosen: shown.left.text, rejected: shown.right.text });
});

test('a model’s own answers are sampled one by one: never two alike, the same from one seed, and they can be voted on', async () => {
  const on = bed();
  const sample = async (temperature: number, pairs = 2, from = 0) => {
    const found: SampledPair[] = [];
    const params = { ref: 'builtin:tiny', from, pairs, seed: 5, temperature, max_new_tokens: 8 };
    const reply = await on.compute.request('samplePairs', params, { onProgress: (pair) => void found.push(pair) });
    return { found, reply };
  };
  const { found, reply } = await sample(1);
  expect(reply).toEqual({ next: 2, found: 2, same: 0 });
  for (const { a, b } of found) expect(a.text).not.toBe(b.text);
  expect((await sample(1)).found).toEqual(found);
  expect((await sample(1, 1, 1)).found[0]).toEqual(found[1]);
  await expect(sample(0)).rejects.toThrow('two greedy answers are the same');
  // Near 0 both draws are the same, so every prompt of dev is passed over.
  expect((await sample(1e-6, 1, 396)).reply).toEqual({ next: 400, found: 0, same: 4 });
  const source = { kind: 'model', ref: 'builtin:tiny', name: 'tiny', temperature: 1 } as const;
  const { id } = await on.text.request('createAnnotation', { name: 'Samples', source, pairs: 2, seed: 5 });
  for (const sampled of found) await act(on, id, { do: 'add', sampled });
  const view = await on.text.request('annotationSession', { id });
  expect([view.pairs, view.nextPlace]).toEqual([2, 2]);
  const shown = await on.text.request('annotationPair', { id, pair: 1 });
  expect([shown.left.text, shown.right.text].sort()).toEqual([found[1]!.a.text, found[1]!.b.text].sort());
  expect(shown.left.isCut).toBe(true);
  await act(on, id, { do: 'vote', pair: 1, choice: 'right', ms: 1 });
  const reveal = await on.text.request('revealPair', { id, pair: 1, crowd: CROWD });
  expect(reveal.left.dimensions).toHaveLength(6);
  expect([reveal.left.origin, reveal.right.origin].sort()).toEqual(['first sample of tiny', 'second sample of tiny']);
});
