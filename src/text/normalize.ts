// Unicode normalisation that remembers where each UTF-16 unit came from, so that token spans point into the original text.

export interface Normalized {
  text: string;
  /** For each unit of `text`: the stretch [start, end) of the original that it came from. */
  starts: number[];
  ends: number[];
}

// A base character with everything that may combine with it: marks, and Hangul jamo that join into one syllable.
const CLUSTER =
  /(?:[\u1100-\u115f\ua960-\ua97c]+[\uac00-\ud7a3]?|[\uac00-\ud7a3])[\u1160-\u11ff\ud7b0-\ud7fb]*\p{M}*|\P{M}\p{M}*|\p{M}+/gu;

type Form = 'NFC' | 'NFKC' | 'NFD' | 'NFKD';

/** Joins neighbours that combine after all, such as halfwidth katakana and their voiced mark under NFKC. */
function joinCombining(clusters: readonly string[], form: Form): string[] {
  const out: string[] = [];
  for (const cluster of clusters) {
    const last = out.at(-1);
    if (last !== undefined && (last + cluster).normalize(form) !== last.normalize(form) + cluster.normalize(form))
      out[out.length - 1] = last + cluster;
    else out.push(cluster);
  }
  return out;
}

/** Undefined when the text is already in the form. */
export function normalizeWithMap(text: string, form: Form): Normalized | undefined {
  const whole = text.normalize(form);
  if (whole === text) return undefined;
  let clusters: string[] = text.match(CLUSTER) ?? [];
  if (clusters.map((cluster) => cluster.normalize(form)).join('') !== whole) clusters = joinCombining(clusters, form);
  const out: Normalized = { text: '', starts: [], ends: [] };
  let at = 0;
  for (const cluster of clusters) {
    const piece = cluster.normalize(form);
    const end = at + cluster.length;
    out.text += piece;
    for (let i = 0; i < piece.length; i++) {
      // Unchanged: unit by unit; else the whole cluster answers for each unit.
      out.starts.push(piece === cluster ? at + i : at);
      out.ends.push(piece === cluster ? at + i + 1 : end);
    }
    at = end;
  }
  if (out.text === whole) return out;
  // Not known to happen: keep the ids right, let the spans be coarse.
  return { text: whole, starts: new Array(whole.length).fill(0), ends: new Array(whole.length).fill(text.length) };
}
