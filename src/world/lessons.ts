// Copying lessons for pretraining: documents whose second half can be read off their first. A small model learns to look
// something up in its context only if it must do so often; the reports of corpus.ts repeat one figure in a hundred tokens,
// these repeat nearly every token. (Induction heads: Olsson et al. 2022, arXiv 2209.11895.)
import type { Rng } from '../lib/rng';
import { COMPANIES, DATES, DEPARTMENTS, PEOPLE, POLICY_TOPICS, QUARTERS, REGIONS } from './state';

type Maker = (r: Rng) => string;
const account: Maker = (r) => `A-${r.int(101, 140)}`;
const invoice: Maker = (r) => `INV-${r.int(1000, 9999)}`;
const amount: Maker = (r) => String(r.int(2, 999) * r.pick([10, 100, 1000, 10000]));
const company: Maker = (r) => r.pick(COMPANIES);
const date: Maker = (r) => r.pick(DATES);
const person: Maker = (r) => r.pick(PEOPLE);
const department: Maker = (r) => r.pick(DEPARTMENTS);
const region: Maker = (r) => r.pick(REGIONS);
const quarter: Maker = (r) => r.pick(QUARTERS);
const topic: Maker = (r) => r.pick(POLICY_TOPICS);
const MAKERS = [account, invoice, amount, company, date, person, department, region, quarter, topic];

/** Things in any order, then once more in the same order. */
const twice: Maker = (r) => {
  const maker = r.bool(0.4) ? r.pick(MAKERS) : undefined;
  const items = Array.from({ length: r.int(3, 9) }, () => (maker ?? r.pick(MAKERS))(r));
  const line = items.join(r.pick([', ', '; ', ' | ', '\n', ' / ', ' ']));
  return `${r.pick(['', 'List: ', 'Original: ', 'Note: '])}${line}\n${r.pick(['', 'Copy: ', 'Again: ', 'Repeated: '])}${line}`;
};

/** Keys with values, then some of the keys asked for in another order. */
const lookup: Maker = (r) => {
  const key = r.pick([account, invoice, company, person, department, region, topic]);
  const value = r.pick([amount, date, account, person, company].filter((m) => m !== key));
  const table = new Map(Array.from({ length: r.int(3, 7) }, () => [key(r), value(r)]));
  const sep = r.pick([': ', ' ', ' | ', ' = ', ' has ']);
  const ask = r.pick([
    (k: string, v: string) => `${k}? ${v}.`,
    (k: string, v: string) => `What is on ${k}? ${v}`,
    (k: string, v: string) => `"${k}": "${v}"`,
    (k: string, v: string) => `${k} stands at ${v}.`,
  ]);
  return [
    [...table].map(([k, v]) => `${k}${sep}${v}`).join(r.pick(['\n', ', ', '; '])),
    ...r.shuffle([...table]).map(([k, v]) => ask(k, v)),
  ].join('\n');
};

/** One record as a sentence and as fields, in either order. */
const record: Maker = (r) => {
  const [who, dept, area, q] = [person(r), department(r), region(r), quarter(r)];
  const [id, inv, party, sum, day, subject] = [account(r), invoice(r), company(r), amount(r), date(r), topic(r)];
  const [sentence, fields] = r.pick<[string, Record<string, string | number>]>([
    [`${party} sent ${inv}: ${sum} CNY, payable by ${day}.`, { party, invoice: inv, amount: Number(sum), due: day }],
    [`Who looked up the ${dept} budget of ${area} for ${q}?`, { department: dept, quarter: q, region: area }],
    [`Look up ${dept}, ${q}.`, { department: dept, quarter: q }],
    [`How much did ${dept} spend in ${area} in ${q}?`, { department: dept, region: area, quarter: q }],
    [`Tell me what ${id} held on ${day}.`, { account_id: id, date: day }],
    [`The balance of ${id}, please.`, { account_id: id }],
    [`${who} reads the ${subject} rules.`, { reader: who, query: subject }],
    [`Rules on ${subject}?`, { query: subject }],
    [`Move ${sum} CNY from ${id} for ${party}.`, { from: id, amount: Number(sum), party }],
    [`${who} of ${dept} claims ${sum} CNY of ${day}.`, { name: who, department: dept, amount: Number(sum), date: day }],
    [`Anything due before ${day} from ${party}?`, { before: day, party }],
  ]);
  const form = r.bool(0.6)
    ? JSON.stringify(fields)
    : Object.entries(fields)
        .map(([k, v]) => `${k}: ${v}`)
        .join(r.pick(['\n', ', ', '; ']));
  return r.bool(0.75) ? `${sentence}\n${form}` : `${form}\n${sentence}`;
};

/**
 * A row of `length` ids below `vocabSize` that repeats itself: stretches of random tokens, each several times over. Nothing
 * but looking back predicts them. At `progress` 0 stretches are short: these teach it
 * in a few hundred steps, long ones hardly at all. At 1 all are long.
 */
export function copyDrill(r: Rng, length: number, vocabSize: number, progress: number): Int32Array {
  const out = new Int32Array(length);
  let at = 0;
  while (at < length) {
    const isLong = r.bool(progress);
    const stretch = Array.from({ length: isLong ? r.int(8, 48) : r.int(2, 8) }, () =>
      r.int(FIRST_DRILL_ID, vocabSize - 1),
    );
    for (let times = isLong ? 2 : 6; times > 0; times--) for (const id of stretch) if (at < length) out[at++] = id;
  }
  return out;
}
/** Special tokens come first in the studio's tokenizer; they keep their meaning. */
const FIRST_DRILL_ID = 6;

/** One document; the same stream gives the same text. */
export function copyLesson(r: Rng): string {
  const kind = r.pick([twice, twice, lookup, lookup, record, record, record]);
  return Array.from({ length: r.pick([1, 2, 3]) }, () => kind(r)).join('\n');
}
