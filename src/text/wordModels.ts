// WordLevel (a word is a token) and WordPiece (the longest token that fits, again and again) of tokenizer.json.
import { charAt } from './aligned';
import { fail, type JsonObject, shown } from './jsonFields';
import { add, type Encoding, noToken, type WordModel } from './wordModel';

type Vocab = ReadonlyMap<string, number>;

export function compileWordLevel(model: JsonObject, vocab: Vocab, forbidden: ReadonlySet<number>): WordModel {
  const unk = typeof model.unk_token === 'string' ? vocab.get(model.unk_token) : undefined;
  return (word) => {
    const id = vocab.get(word);
    const known = id !== undefined && !forbidden.has(id) ? id : unk;
    if (known === undefined) noToken(word, 'model.unk_token');
    return { ids: [known], starts: [0], ends: [word.length] };
  };
}

export function compileWordPiece(model: JsonObject, vocab: Vocab, forbidden: ReadonlySet<number>): WordModel {
  const unk = typeof model.unk_token === 'string' ? vocab.get(model.unk_token) : undefined;
  if (unk === undefined) fail('model.unk_token', `is ${shown(model.unk_token)}, which model.vocab lacks`);
  const prefix = typeof model.continuing_subword_prefix === 'string' ? model.continuing_subword_prefix : '##';
  const limit = typeof model.max_input_chars_per_word === 'number' ? model.max_input_chars_per_word : 100;
  return (word) => {
    const unknown = { ids: [unk], starts: [0], ends: [word.length] };
    const ends: number[] = [];
    for (let at = 0; at < word.length; ) {
      at += charAt(word, at).length;
      ends.push(at);
      if (ends.length > limit) return unknown;
    }
    const out: Encoding = { ids: [], starts: [], ends: [] };
    let start = 0;
    while (start < word.length) {
      let id: number | undefined;
      let end = word.length;
      for (let i = ends.length - 1; i >= 0 && ends[i]! > start; i--) {
        end = ends[i]!;
        const found = vocab.get((start > 0 ? prefix : '') + word.slice(start, end));
        id = found !== undefined && forbidden.has(found) ? undefined : found;
        if (id !== undefined) break;
      }
      if (id === undefined) return unknown;
      add(out, id, start, end);
      start = end;
    }
    return out;
  };
}
