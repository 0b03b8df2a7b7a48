// Shape 2, several turns: a later question leans on an earlier one ("and East China?").
import { answer, callMessage, finalMessage, type Kind, toolMessage, user } from '../item';
import { COMPANIES, cellKey, DATES, DEPARTMENTS, LAST_QUARTER, QUARTERS, REGIONS } from '../state';

const REGION_FOLLOW = [
  'And {r}?',
  'What about {r}?',
  'Same for {r}.',
  'Now {r}.',
  'And in {r}?',
  'How about {r}?',
  'And what of {r}?',
  'Then {r}, please.',
];
const DEPARTMENT_FOLLOW = [
  'And {d}?',
  'What about {d}?',
  'and the {d} department?',
  'Now {d}.',
  'And for {d}?',
  'How about {d}?',
  'Sorry, I meant {d}.',
  'The same for {d}, please.',
];
const INVOICE_FOLLOW = {
  due: [
    'When is it due?',
    'What is the due date?',
    'By when must we pay?',
    'Due when?',
    'On which date is it due?',
    'Until when can we pay it?',
  ],
  amount: [
    'How much is it?',
    'What is the amount?',
    'How much do we owe?',
    'The amount?',
    'How much must we pay?',
    'Which amount is it for?',
  ],
  party: [
    'Who sent it?',
    'From which company?',
    'Who is it from?',
    'Which company was it?',
    'Who must be paid?',
    'Which vendor is it from?',
  ],
};

export const MULTI: Kind[] = [
  {
    shape: 'multi',
    kind: 'region_follow_up',
    weight: 4,
    phrasings: [
      'What was the {d} {m} in {r} for {q}?',
      '{d} {m}, {r}, {q}?',
      'Give me the {q} {m} of {d} in {r}.',
      'How high was the {m} of {d} in {r} in {q}?',
      'I need the {d} {m} for {r}, {q}.',
      'Tell me what {d} had as {m} in {r} in {q}.',
      'For {r}, what is the {q} {m} of {d}?',
    ],
    make: ({ world, rng, say, follow }) => {
      const d = rng.pick(DEPARTMENTS);
      const q = rng.pick(QUARTERS);
      const m = rng.pick(['budget', 'spending'] as const);
      const values = REGIONS.map(
        (r) =>
          [
            r,
            rng.bool(0.3)
              ? (m === 'budget' ? world.budget : world.spend).get(cellKey(d, q, r))!
              : rng.int(11, 99) * 10000,
          ] as const,
      );
      const asked = rng.shuffle(values).slice(0, rng.pick([2, 2, 3]));
      const messages = asked.flatMap(([r, v], i) => [
        user(i === 0 ? say({ d, m, q, r }) : follow(REGION_FOLLOW, { r })),
        finalMessage(answer(`The ${d} ${m} in ${r} for ${q} was ${v} CNY.`, ['context'])),
      ]);
      return {
        entityKey: `${d}|${q}|${m}`,
        context: `${d} ${m} ${q}: ${values.map(([r, v]) => `${r} ${v}`).join(', ')}.`,
        messages,
        truth: asked.map(([r, v]) => ({
          expect: 'final',
          final: answer(`The ${d} ${m} in ${r} for ${q} was ${v} CNY.`, ['context']),
          facts: [r, String(v)],
        })),
      };
    },
  },
  {
    shape: 'multi',
    kind: 'department_follow_up',
    weight: 3,
    phrasings: [
      'What did {d} spend in {q}?',
      'Spending of {d}, {q}?',
      'How much was booked for {d} in {q}?',
      'Give me the {q} spending of {d}.',
      'I would like the {d} figure for {q}.',
      'Which amount did {d} use in {q}?',
      '{q}: the cost of {d}, please.',
    ],
    make: ({ rng, say, follow }) => {
      const q = rng.pick(QUARTERS);
      const values = rng
        .shuffle(DEPARTMENTS)
        .slice(0, 4)
        .map((d) => [d, rng.int(11, 99) * 10000] as const);
      const asked = rng.shuffle(values).slice(0, 2);
      return {
        entityKey: `${asked[0]![0]}|${asked[1]![0]}|${q}`,
        context: `Spending ${q}: ${values.map(([d, v]) => `${d} ${v}`).join(', ')}.`,
        messages: asked.flatMap(([d, v], i) => [
          user(i === 0 ? say({ d, q }) : follow(DEPARTMENT_FOLLOW, { d })),
          finalMessage(answer(`${d} spent ${v} CNY in ${q}.`, ['context'])),
        ]),
        truth: asked.map(([d, v]) => ({
          expect: 'final',
          final: answer(`${d} spent ${v} CNY in ${q}.`, ['context']),
          facts: [d, String(v)],
        })),
      };
    },
  },
  {
    shape: 'multi',
    kind: 'invoice_follow_up',
    weight: 3,
    phrasings: [
      'Invoice {id} from {c}: {a} CNY, due {t}. Please note it.',
      'Note {id}: {c}, {a} CNY, {t}.',
      'We got {id} of {a} CNY from {c}, payable by {t}.',
      '{c} sent {id}. Amount {a} CNY, due date {t}.',
      'Keep in mind: {id}, {c}, {a} CNY, due on {t}.',
      'For later: {c} wants {a} CNY by {t} under {id}.',
      'Please remember {id} from {c}, {a} CNY, until {t}.',
    ],
    make: ({ rng, say, follow }) => {
      const id = `INV-${rng.int(1000, 9999)}`;
      const c = rng.pick(COMPANIES);
      const a = rng.int(8, 990) * 1000;
      const t = rng.pick(DATES);
      const [question, text, fact] = rng.pick([
        [follow(INVOICE_FOLLOW.due, {}), `${id} is due on ${t}.`, t],
        [follow(INVOICE_FOLLOW.amount, {}), `${id} is for ${a} CNY.`, String(a)],
        [follow(INVOICE_FOLLOW.party, {}), `${id} is from ${c}.`, c],
      ] as const);
      const noted = answer(`Noted: ${id}, ${c}, ${a} CNY.`, [id]);
      const final = answer(text, [id]);
      return {
        entityKey: c,
        messages: [user(say({ id, c, a, t })), finalMessage(noted), user(question), finalMessage(final)],
        truth: [
          { expect: 'final', final: noted, facts: [id, c, String(a)] },
          { expect: 'final', final, facts: [fact] },
        ],
      };
    },
  },
  {
    shape: 'multi',
    kind: 'budget_call_follow_up',
    weight: 2,
    phrasings: [
      'What was the {d} budget last quarter{r}?',
      'Last quarter, {d} budget{r}?',
      'Show the {d} budget of last quarter{r}.',
      'How much budget did {d} have{r} last quarter?',
      'I need the last quarter budget of {d}{r}.',
      'Budget of {d}{r}, last quarter, please.',
      'Tell me the budget that {d} had{r} last quarter.',
    ],
    make: ({ world, rng, say, follow }) => {
      const d = rng.pick(DEPARTMENTS);
      const [first, second] = rng.shuffle(REGIONS) as [string, string];
      // The chapter's example asks for the whole department first, then "and East China?".
      const start = rng.bool(0.4) ? undefined : first;
      const leg = (region?: string) => {
        const amount = world.budget.get(cellKey(d, LAST_QUARTER, region))!;
        const place = region ? ` in ${region}` : '';
        return {
          args: { department: d, quarter: LAST_QUARTER, ...(region ? { region } : {}) },
          amount,
          final: answer(`The ${d} budget${place} for ${LAST_QUARTER} was ${amount} CNY.`, ['get_budget']),
          facts: [d, String(amount), ...(region ? [region] : [])],
          place,
        };
      };
      const legs = [leg(start), leg(second)];
      return {
        entityKey: `${d}|${start ?? 'all'}|${second}`,
        tools: ['get_budget'],
        messages: legs.flatMap((l, i) => [
          user(i === 0 ? say({ d, r: l.place }) : follow(REGION_FOLLOW, { r: second })),
          callMessage('get_budget', l.args),
          toolMessage('get_budget', { amount: l.amount, currency: 'CNY' }),
          finalMessage(l.final),
        ]),
        truth: legs.flatMap((l) => [
          { expect: 'call' as const, name: 'get_budget', arguments: l.args },
          { expect: 'final' as const, final: l.final, facts: l.facts },
        ]),
      };
    },
  },
];
