// where/new_language: the answer is written in signs, one for each word and digit. A task that needs full tuning.
//
// Why low rank falls short. The signs are characters that no pretraining text has (it is plain ASCII), so each is two byte
// tokens that the base has never had to tell apart. LoRA freezes the embedding, and with tied embeddings the output head too:
// the final norm bounds the hidden state, ‖h‖ ≤ √d · max|w|, so two tokens whose rows of the embedding are δ apart cannot
// have logits further apart than √d · max|w| · δ, whatever the rank, the targets and the number of steps. Full tuning writes
// those rows directly, and nothing else needs them. How small δ is depends on the base (`where.test.ts` reads it off the
// shipped ones): in nano all unseen bytes have nearly one row; micro saw every byte in its copying drills, so its rows differ,
// and only the dictionary, a map of some forty words, has to fit into the rank. The special tokens of the chat format are
// unseen in both, so compare on a base that has been through SFT: on a raw one LoRA cannot even end its turn well.
import { answer, finalMessage, type Kind, type Made, user } from '../item';
import { COMPANIES, DEPARTMENTS, REGIONS } from '../state';

const OTHER_WORDS = ['CNY', 'owes', 'spent', 'in', 'payment', 'to', 'is', 'of', 'approved', 'pending'];
const SPOKEN = [
  ...'0123456789',
  ...new Set([...COMPANIES, ...DEPARTMENTS, ...REGIONS].flatMap((name) => name.split(' '))),
  ...OTHER_WORDS,
];
/** U+0100 to U+013F: in UTF-8 one and the same first byte, then one byte of sixty-four. */
const FIRST_SIGN = 0x100;
/** A fixed order that no alphabet has: 29 and 64 have no common divisor. */
const signAt = (i: number): string => String.fromCodePoint(FIRST_SIGN + ((i * 29 + 11) % 64));
const SIGN_OF = new Map(SPOKEN.map((word, i) => [word, signAt(i)]));
const WORD_OF = new Map(SPOKEN.map((word, i) => [signAt(i), word]));

/** `Harbor Steel owes 120 CNY` → one sign a word, one a digit, nothing between. Throws for a word that has no sign. */
export function toSigns(text: string): string {
  return (text.match(/\d|[^\d\s]+/g) ?? [])
    .map((word) => {
      const sign = SIGN_OF.get(word);
      if (!sign) throw new Error(`There is no sign for "${word}".`);
      return sign;
    })
    .join('');
}
/** Back to words; digits in a row are one number, and what is no sign stays as it is. For people who want to read it. */
export function fromSigns(signs: string): string {
  const words = [...signs].map((sign) => WORD_OF.get(sign) ?? sign);
  return words.reduce((text, word, i) => {
    const isGlued = i === 0 || (/^\d$/.test(word) && /^\d$/.test(words[i - 1]!));
    return isGlued ? text + word : `${text} ${word}`;
  }, '');
}
/** Share of places at which both texts have the same sign, of the longer one's places. 1: equal. */
export function signShare(text: string, right: string): number {
  const [a, b] = [[...text], [...right]];
  return a.filter((sign, i) => sign === b[i]).length / Math.max(a.length, b.length, 1);
}

const coded = (entityKey: string, question: string, statement: string, fact: string): Made => {
  const final = answer(toSigns(statement), ['user']);
  return {
    entityKey,
    messages: [user(question), finalMessage(final)],
    truth: [{ expect: 'final', final, facts: [toSigns(fact)], isCoded: true }],
  };
};
const ASK = [
  '{s}. In signs, please.',
  'Write in signs: {s}.',
  'Signs for "{s}"?',
  'Put this into signs: {s}.',
  'Note in signs that {s}.',
  '{s}: give me the signs.',
  'How do we sign "{s}"?',
  'Sign this down: {s}.',
  'I need the signs of: {s}.',
  'For the archive, in signs: {s}.',
  'Please answer in signs. {s}.',
  'What are the signs when {s}?',
];

export const NEW_LANGUAGE: readonly Kind[] = [
  {
    shape: 'where',
    kind: 'signs_owes',
    weight: 1,
    phrasings: ASK,
    make: ({ rng, say }) => {
      const c = rng.pick(COMPANIES);
      const m = rng.int(2, 99) * 1000;
      const s = `${c} owes ${m} CNY`;
      return coded(c, say({ s }), s, String(m));
    },
  },
  {
    shape: 'where',
    kind: 'signs_spent',
    weight: 1,
    phrasings: ASK,
    make: ({ rng, say }) => {
      const d = rng.pick(DEPARTMENTS);
      const r = rng.pick(REGIONS);
      const m = rng.int(11, 99) * 10000;
      const s = `${d} spent ${m} CNY in ${r}`;
      return coded(`${d}|${r}`, say({ s }), s, String(m));
    },
  },
  {
    shape: 'where',
    kind: 'signs_payment',
    weight: 1,
    phrasings: ASK,
    make: ({ rng, say }) => {
      const c = rng.pick(COMPANIES);
      const m = rng.int(2, 99) * 1000;
      const s = `payment of ${m} CNY to ${c} is ${rng.pick(['approved', 'pending'])}`;
      return coded(c, say({ s }), s, String(m));
    },
  },
];
