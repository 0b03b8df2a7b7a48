// Text of what a model writes. A model may have more ids than its tokenizer: vocabularies are padded to round numbers, and an
// untrained place can be drawn.
import type { Tokenizer } from '../text/tokenizer';

export interface ModelText {
  decode(ids: readonly number[]): string;
  token(this: void, id: number): string;
}

export function modelText(tokenizer: Tokenizer): ModelText {
  const isKnown = (id: number): boolean => id < tokenizer.vocabSize;
  return {
    decode(ids) {
      if (ids.every(isKnown)) return tokenizer.decode(ids);
      // Runs of known ids are decoded together: a character may take several.
      let out = '';
      let run: number[] = [];
      for (const id of ids) {
        if (isKnown(id)) {
          run.push(id);
          continue;
        }
        out += `${tokenizer.decode(run)}⟨${id}⟩`;
        run = [];
      }
      return out + tokenizer.decode(run);
    },
    token: (id) => (isKnown(id) ? tokenizer.tokenText(id) : `⟨${id}⟩`),
  };
}
