// What a generated training row is, and the small grammar that varies its surface.
import type { Rng } from '../lib/rng';
import { hashString } from '../lib/rng';
import type { DatasetRow, Json, Message, ToolSchema } from '../protocol/chat';
import { type FinalAnswer, finalText } from '../protocol/contract';
import type { RubricTruth } from './pref/truth';
import { COMPANIES, TENANTS, type Tenant, type TenantMetadata, TODAY, type World } from './state';
import { TOOL_NAMES, TOOLS, type ToolName } from './tools';

export type Split = 'train' | 'dev' | 'heldout';
/** The four SFT shapes, which the weights of a mix share out. */
export type Shape = 'single' | 'multi' | 'tool' | 'safety';
/** Of any built-in row. */
export type RowShape = Shape | 'tenant' | 'where' | 'pref';

/** Words that decide: all of `required` must be in the answer and none of `banned`, in any case. */
export interface Wording {
  required: readonly string[];
  banned: readonly string[];
}
/** What one assistant turn must be. */
export type TurnTruth =
  | { expect: 'call'; name: string; arguments: { [key: string]: Json } }
  /** `facts`: strings that the answer must contain; sources and status must be equal. */
  | {
      expect: 'final';
      final: FinalAnswer;
      facts: string[];
      /** Companies that the case speaks of; the answer may name no other. Absent where any may be named. */
      names?: readonly string[];
      /** The decision by one tenant's policy: these words, and the status. */
      policy?: Wording & { tenant: Tenant['id'] };
      /** House terms that the answer must use, and the plain ones that it must not. */
      house?: Wording;
      /** The answer is written in signs (where/newLanguage.ts). */
      isCoded?: true;
      /** By what answers are compared, where many are acceptable. */
      rubric?: RubricTruth;
    };

export type FinalTruth = Extract<TurnTruth, { expect: 'final' }>;

/** A row of a built-in dataset with its truth. */
export interface BuiltinItem<Row extends DatasetRow = DatasetRow> {
  rowId: string;
  shape: RowShape;
  kind: string;
  tenant: Tenant['id'];
  /** Of rows whose policy lives in an adapter: what a router would read. Never part of the prompt. */
  metadata?: TenantMetadata;
  split: Split;
  /** `${kind}/${index of the phrasing}` */
  templateId: string;
  entityKey: string;
  row: Row;
  /** One per assistant message, in order; of a row with a prompt, of the answer to it. */
  truth: TurnTruth[];
  /** What is kept beside the row: true qualities, votes. */
  columns?: { [name: string]: Json };
}
export type SftItem = BuiltinItem<DatasetRow & { messages: Message[] }>;

/** One way of asking: `[a|b]` are alternatives, `{slot}` is filled. */
export type Phrasing = string;

/** What a maker gets to work with. */
export interface Draft {
  world: World;
  rng: Rng;
  split: Split;
  tenant: Tenant;
  /** Fills one of the kind's phrasings. */
  say(slots: Record<string, string | number>): string;
  /** One of several later questions; they belong to splits as the phrasings do. */
  follow(phrasings: readonly Phrasing[], slots: Record<string, string | number>): string;
  /** A random choice of wording where the split does not matter: notes and rules that are quoted, not questions. */
  vary(grammar: string, slots?: Record<string, string | number>): string;
}
export interface Made {
  entityKey: string;
  /** Appended to the system prompt: facts and rules that the answer may rest on. */
  context?: string;
  /** The right tools; others are added to offer at most three. Empty or absent: no tools are offered. */
  tools?: ToolName[];
  /** Offer exactly `tools`: the row is about what is missing. */
  isComplete?: boolean;
  /** Everything after the system message; the first user message is made by `say`, later ones by `follow`. */
  messages: Message[];
  truth: TurnTruth[];
}
export interface Kind {
  shape: RowShape;
  kind: string;
  /** Relative share within its shape. */
  weight: number;
  phrasings: readonly Phrasing[];
  make(draft: Draft): Made;
}

/** Every sixth phrasing is held out, every sixth (offset 4) is for dev. */
export const phrasingSplit = (index: number): Split =>
  index % 6 === 5 ? 'heldout' : index % 6 === 4 ? 'dev' : 'train';
/** Two of ten entities are held out, one is for dev. */
export function entitySplit(entityKey: string): Split {
  const bucket = hashString(entityKey) % 10;
  return bucket < 2 ? 'heldout' : bucket === 2 ? 'dev' : 'train';
}
/** The companies that belong to a split. */
export const companiesOf = (split: Split): string[] => COMPANIES.filter((c) => entitySplit(c) === split);

type Slots = Record<string, string | number>;
/** Fills `{slots}`. */
export const fill = (grammar: string, slots: Slots): string =>
  grammar.replace(/\{(\w+)\}/g, (_, slot: string) => {
    const value = slots[slot];
    if (value === undefined) throw new Error(`The phrasing "${grammar}" has an unknown slot {${slot}}.`);
    return String(value);
  });
/** Expands `[a|b]` at random and fills `{slots}`. Alternatives do not nest. */
export const expand = (grammar: string, slots: Slots, rng: Rng): string =>
  fill(
    grammar.replace(/\[([^\]]*)\]/g, (_, options: string) => rng.pick(options.split('|'))),
    slots,
  );

export const user = (content: string): Message => ({ role: 'user', content });
export const finalMessage = (final: FinalAnswer): Message => ({ role: 'assistant', content: finalText(final) });
export const callMessage = (name: string, args: { [key: string]: Json }): Message => ({
  role: 'assistant',
  content: '',
  tool_calls: [{ type: 'function', function: { name, arguments: args } }],
});
export const toolMessage = (name: string, result: { [key: string]: Json }): Message => ({
  role: 'tool',
  name,
  content: JSON.stringify(result),
});
export const answer = (
  text: string,
  sources: string[],
  status: FinalAnswer['status'] = 'ok',
  action: FinalAnswer['action'] = null,
): FinalAnswer => ({
  answer: text,
  sources,
  action,
  status,
});

/** System prompts are held out as phrasings are. */
const SYSTEMS: readonly Phrasing[] = [
  'You are the finance assistant of {tenant}. Today is {today}. Reply in strict JSON.',
  'Finance operations assistant, tenant {tenant}, {policy}. Date: {today}. Answer with one JSON object.',
  '{tenant} finance desk. Today: {today}. Output JSON only.',
  'You help the {tenant} finance team. Date {today}. Use JSON with answer, sources, action, status.',
  'Role: financial assistant for {tenant} under {policy}. Today is {today}. JSON replies.',
  'Assistant for {tenant}. It is {today}. Never guess figures. Reply in JSON.',
  'Today is {today}. You answer finance questions of {tenant} as JSON.',
  'Tenant {tenant}. {today}. Finance assistant. Keep to {policy}. Strict JSON.',
  'You are a {style} finance assistant for {tenant}. Date: {today}. One JSON object, no prose.',
  'JSON only. Finance assistant, {tenant}, {today}.',
  'You work for {tenant}, {policy}. The date is {today}. Give strict JSON.',
  'Help the {tenant} team with finance. Today is {today}. Return one JSON object.',
];

export const ofSplit = (phrasings: readonly Phrasing[], split: Split): number[] =>
  phrasings.map((_, i) => i).filter((i) => phrasingSplit(i) === split);

/** Builds one row of a kind for a split. The phrasing and the entity both belong to the split. */
export function buildItem(kind: Kind, world: World, rng: Rng, split: Split, rowId: string): SftItem {
  const index = rng.pick(ofSplit(kind.phrasings, split));
  let tenant: Tenant;
  let made: Made;
  let tries = 0;
  do {
    tenant = rng.pick(TENANTS);
    made = kind.make({
      world,
      rng,
      split,
      tenant,
      say: (slots) => expand(kind.phrasings[index]!, slots, rng),
      follow: (phrasings, slots) => expand(phrasings[rng.pick(ofSplit(phrasings, split))]!, slots, rng),
      vary: (grammar, slots = {}) => expand(grammar, slots, rng),
    });
    if (++tries > 500) throw new Error(`${kind.kind}: no entity of the split ${split} found`);
  } while (entitySplit(made.entityKey) !== split);
  let tools: ToolSchema[] | undefined;
  if (made.tools?.length) {
    const others = rng
      .shuffle(TOOL_NAMES.filter((n) => !made.tools!.includes(n)))
      .slice(0, made.isComplete ? 0 : rng.int(0, 3 - made.tools.length));
    tools = rng.shuffle([...made.tools, ...others]).map((n) => TOOLS[n]);
  }
  const head = expand(
    SYSTEMS[rng.pick(ofSplit(SYSTEMS, split))]!,
    { tenant: tenant.id, today: TODAY, policy: tenant.policyVersion, style: tenant.style },
    rng,
  );
  const system: Message = { role: 'system', content: made.context ? `${head} ${made.context}` : head };
  return {
    rowId,
    shape: kind.shape,
    kind: kind.kind,
    tenant: tenant.id,
    split,
    templateId: `${kind.kind}/${index}`,
    entityKey: made.entityKey,
    row: { messages: [system, ...made.messages], ...(tools ? { tools } : {}) },
    truth: made.truth,
  };
}
