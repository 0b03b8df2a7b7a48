// The Unigram model (Kudo 2018): of all ways to cut a word, the one whose tokens have the greatest sum of scores.
// Details (unknown score, fusing, ties) follow encode_optimized of the tokenizers library.
import { charAt } from './aligned';
import { fail, type JsonObject, shown } from './jsonFields';
import { PrefixIndex } from './prefixIndex';
import { add, addBytes, byteTokens, type Encoding, noToken, type WordModel } from './wordModel';

/** Added to the smallest score of the vocabulary for a character without a token. */
const UNKNOWN_PENALTY = 10;

/** [token, score] pairs; the place in the list is the id. */
export function parseUnigramVocab(json: unknown): [string, number][] {
  if (!Array.isArray(json)) fail('model.vocab', 'must be a list of [token, score] for Unigram');
  return json.map((entry: unknown, i) => {
    if (Array.isArray(entry) && typeof entry[0] === 'string' && typeof entry[1] === 'number')
      return [entry[0], entry[1]];
    return fail(`model.vocab[${i}]`, `is ${shown(entry)}, expected [token, score]`);
  });
}

/** `forbidden` ids (special tokens) never come out of a text; the library would give them. */
export function compileUnigram(
  model: JsonObject,
  entries: readonly (readonly [string, number])[],
  vocab: ReadonlyMap<string, number>,
  forbidden: ReadonlySet<number>,
): WordModel {
  const { unk_id: unk } = model;
  if (unk !== null && unk !== undefined && (typeof unk !== 'number' || !Number.isInteger(unk) || !entries[unk]))
    fail('model.unk_id', `is ${shown(unk)}, but the vocabulary has ${entries.length} tokens`);
  const unkId = typeof unk === 'number' ? unk : -1;
  const scores = Float64Array.from(entries, ([, score]) => score);
  const unkScore = scores.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY) - UNKNOWN_PENALTY;
  const index = new PrefixIndex(Array.from(vocab).filter(([, id]) => !forbidden.has(id) || id === unkId));
  const byteIds = model.byte_fallback === true ? byteTokens(vocab) : undefined;

  return (word) => {
    const n = word.length;
    const best = new Float64Array(n + 1);
    const from = new Int32Array(n + 1).fill(-1);
    const idAt = new Int32Array(n + 1);
    let at = 0;
    let charEnd = 0;
    let single = false;
    const offer = (end: number, id: number, score: number) => {
      const total = score + best[at]!;
      if (from[end] !== -1 && total <= best[end]!) return;
      best[end] = total;
      from[end] = at;
      idAt[end] = id;
    };
    const visit = (end: number, id: number) => {
      if (end === charEnd) single = true;
      offer(end, id, scores[id]!);
    };
    while (at < n) {
      charEnd = at + charAt(word, at).length;
      single = false;
      index.visit(word, at, visit);
      if (!single) {
        if (unkId < 0 && from[charEnd] === -1) noToken(word.slice(at, charEnd), 'model.unk_id');
        if (unkId >= 0) offer(charEnd, unkId, unkScore);
      }
      at = charEnd;
    }

    // Backwards along the best path; neighbouring unknown pieces are fused.
    const cuts: [number, number][] = [];
    let fusing = false;
    for (let end = n; end > 0; ) {
      const start = from[end]!;
      const unknown = idAt[end] === unkId;
      if (unknown && fusing) cuts[cuts.length - 1]![0] = start;
      else cuts.push([start, end]);
      fusing = unknown;
      end = start;
    }
    const out: Encoding = { ids: [], starts: [], ends: [] };
    for (const [start, end] of cuts.reverse()) {
      const piece = word.slice(start, end);
      const id = vocab.get(piece);
      if (id !== undefined && !forbidden.has(id)) add(out, id, start, end);
      else if (!byteIds || !addBytes(out, piece, start, byteIds)) {
        if (unkId < 0) noToken(piece, 'model.unk_id');
        add(out, unkId, start, end);
      }
    }
    return out;
  };
}
