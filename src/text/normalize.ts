// Unicode normalisation that remembers where each UTF-16 unit came from, so that token spans point into the original text.

export interface Normalized {
  text: string;
  /** For each unit of `text`: the stretch [start, end) of the original that it came from. */
  starts: number[];
  ends: number[];
}

// A base character with everything that may combine with it: marks, and Hangul jamo that join into one syllable.
const CLUSTER = /[\u1100-\u115f\ua960-\ua97c]*[\uac00-\ud7a3]?[\u1160-\u11ff\ud7b0-\ud7fb]*\p{M}*|\P{M}\p{M}*/gu;

/** Undefined when the text is already in the form. */
export function normalizeWithMap(text: string, form: 'NFC' | 'NFKC' | 'NFD' | 'NFKD'): Normalized | undefined {
  const whole = text.normalize(form);
  if (whole === text) return undefined;
  const out: Normalized = { text: '', starts: [], ends: [] };
  const add = (piece: string, start: number, end: number) => {
    out.text += piece;
    for (let i = 0; i < piece.length; i++) {
      // Equal length: unit by unit; else the whole cluster answers for each unit.
      const same = piece.length === end - start;
      out.starts.push(same ? start + i : start);
      out.ends.push(same ? start + i + 1 : end);
    }
  };
  let at = 0;
  while (at < text.length) {
    CLUSTER.lastIndex = at;
    const found = CLUSTER.exec(text);
    const end =
      found && found.index === at && found[0]
        ? at + found[0].length
        : at + String.fromCodePoint(text.codePointAt(at)!).length;
    add(text.slice(at, end).normalize(form), at, end);
    at = end;
  }
  if (out.text === whole) return out;
  // Rare combinations that join across clusters: keep the ids right, let the spans be coarse.
  return { text: whole, starts: new Array(whole.length).fill(0), ends: new Array(whole.length).fill(text.length) };
}
