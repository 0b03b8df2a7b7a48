// The BPE model of tokenizer.json: over byte-level words, over characters, or with SentencePiece's byte fallback.
import { charAt } from './aligned';
import { type Merges, mergeWord, PAIR_SHIFT } from './bpeWord';
import { fail, type JsonObject, shown } from './jsonFields';
import { add, addBytes, byteTokens, type Encoding, type WordModel } from './wordModel';

type Vocab = ReadonlyMap<string, number>;

function parseMerge(merge: unknown, i: number): [string, string] {
  if (Array.isArray(merge) && merge.length === 2 && typeof merge[0] === 'string' && typeof merge[1] === 'string')
    return [merge[0], merge[1]];
  if (typeof merge === 'string') {
    const at = merge.indexOf(' ');
    if (at > 0 && merge.indexOf(' ', at + 1) < 0 && at < merge.length - 1)
      return [merge.slice(0, at), merge.slice(at + 1)];
  }
  return fail(`model.merges[${i}]`, `is ${shown(merge)}, expected two tokens`);
}

function parseMerges(json: unknown, vocab: Vocab, prefix: string, forbidden: ReadonlySet<number>): Merges {
  if (!Array.isArray(json))
    fail('model.merges', 'is missing', 'BPE cannot encode without its merges; export the tokenizer again.');
  const merges: Merges = new Map();
  json.forEach((merge: unknown, rank) => {
    const [left, right] = parseMerge(merge, rank);
    const names = [left, right, left + right.slice(prefix.length)];
    const ids = names.map((token) => vocab.get(token));
    const missing = ids.indexOf(undefined);
    if (missing >= 0)
      fail(`model.merges[${rank}]`, `needs the token ${JSON.stringify(names[missing])}, which model.vocab lacks`);
    // As in the library, the later of two equal pairs wins.
    if (!forbidden.has(ids[2]!)) merges.set(ids[0]! * PAIR_SHIFT + ids[1]!, { rank, id: ids[2]! });
  });
  return merges;
}

/**
 * `forbidden` ids never come out of a word. A character without a token becomes its bytes, else the unknown
 * token, else nothing. Throws DataError naming the field at fault.
 */
export function compileBpe(model: JsonObject, vocab: Vocab, forbidden: ReadonlySet<number>): WordModel {
  if (typeof model.dropout === 'number' && model.dropout > 0)
    fail('model.dropout', `is ${model.dropout}, which makes ids random`, 'Set it to null.');
  const prefix = typeof model.continuing_subword_prefix === 'string' ? model.continuing_subword_prefix : '';
  const suffix = typeof model.end_of_word_suffix === 'string' ? model.end_of_word_suffix : '';
  const merges = parseMerges(model.merges, vocab, prefix, forbidden);
  const byteIds = model.byte_fallback === true ? byteTokens(vocab) : undefined;
  const unk = typeof model.unk_token === 'string' ? vocab.get(model.unk_token) : undefined;
  if (typeof model.unk_token === 'string' && unk === undefined)
    fail('model.unk_token', `is ${shown(model.unk_token)}, which model.vocab lacks`);

  return (word) => {
    const whole = model.ignore_merges === true ? vocab.get(word) : undefined;
    if (whole !== undefined && !forbidden.has(whole)) return { ids: [whole], starts: [0], ends: [word.length] };
    const units: Encoding = { ids: [], starts: [], ends: [] };
    let unknown = false;
    for (let at = 0; at < word.length; ) {
      const char = charAt(word, at);
      const end = at + char.length;
      const symbol = (at > 0 ? prefix : '') + char + (end === word.length ? suffix : '');
      const id = vocab.get(symbol);
      const extends_ = unknown && model.fuse_unk === true;
      unknown = false;
      if (id !== undefined) add(units, id, at, end);
      else if (!byteIds || !addBytes(units, char, at, byteIds)) {
        unknown = unk !== undefined;
        if (unk !== undefined && extends_) units.ends[units.ends.length - 1] = end;
        else if (unk !== undefined) add(units, unk, at, end);
      }
      at = end;
    }
    const merged = mergeWord(units.ids, merges);
    const out: Encoding = { ids: merged.ids, starts: [], ends: [] };
    let position = 0;
    for (const size of merged.sizes) {
      out.starts.push(units.starts[position]!);
      position += size;
      out.ends.push(units.ends[position - 1]!);
    }
    return out;
  };
}
