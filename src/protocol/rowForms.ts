// The forms that rows come in, as data: TRL's types by their columns, and the two older forms that are converted into them.
import type { DatasetType } from './rowTypes';

export type FormId = DatasetType | 'sharegpt' | 'alpaca';

export interface FormField {
  /** TRL's name of the column, or that of the older form. */
  name: string;
  isRequired: boolean;
  /** What a value may be: text; text or messages; messages; a list of texts; true or false; a list of those; any JSON. */
  kind: 'text' | 'content' | 'messages' | 'texts' | 'flag' | 'flags' | 'json';
  /** Names under which published datasets have it; a guess that the person confirms. */
  aliases?: readonly string[];
}
export interface RowForm {
  id: FormId;
  /** What its rows become. */
  type: DatasetType;
  title: string;
  fields: readonly FormField[];
  /** What is done to rows of an older form, in a sentence. */
  conversion?: string;
}

/** Which column gives which field. */
export interface RowMapping {
  form: FormId;
  columns: { [field: string]: string };
}

const text = (name: string, aliases: readonly string[] = []): FormField => ({
  name,
  isRequired: true,
  kind: 'text',
  aliases,
});
const content = (name: string, aliases: readonly string[] = []): FormField => ({
  ...text(name, aliases),
  kind: 'content',
});
const optional = (field: FormField): FormField => ({ ...field, isRequired: false });
const TOOLS: FormField = { name: 'tools', isRequired: false, kind: 'json' };
const SYSTEM: FormField = { name: 'system', isRequired: false, kind: 'text', aliases: ['system_prompt'] };
const ASKED = ['question', 'query', 'instruction', 'problem', 'user', 'input', 'request'];
const ANSWERED = ['answer', 'response', 'output', 'solution', 'assistant', 'reply', 'target'];
const PROMPT = content('prompt', ASKED);

/** In the order in which their own column names are looked for: TRL's, in which `messages` come after the columns of other types. */
export const ROW_FORMS: readonly RowForm[] = [
  {
    id: 'preference',
    type: 'preference',
    title: 'prompt, chosen and rejected',
    fields: [
      content('chosen', ['preferred', 'accepted', 'better', 'chosen_response', 'response_chosen', 'winner']),
      content('rejected', ['dispreferred', 'worse', 'rejected_response', 'response_rejected', 'loser']),
      optional(PROMPT),
      SYSTEM,
      TOOLS,
    ],
  },
  {
    id: 'stepwise',
    type: 'stepwise',
    title: 'prompt, completions and labels (steps)',
    fields: [
      text('prompt', ASKED),
      { name: 'completions', isRequired: true, kind: 'texts', aliases: ['steps'] },
      { name: 'labels', isRequired: true, kind: 'flags', aliases: ['ratings', 'step_labels'] },
    ],
  },
  {
    id: 'unpaired-preference',
    type: 'unpaired-preference',
    title: 'prompt, completion and label',
    fields: [PROMPT, content('completion', ANSWERED), { name: 'label', isRequired: true, kind: 'flag' }, SYSTEM],
  },
  {
    id: 'prompt-completion',
    type: 'prompt-completion',
    title: 'prompt and completion',
    fields: [PROMPT, content('completion', ANSWERED), SYSTEM, TOOLS],
  },
  {
    id: 'messages',
    type: 'messages',
    title: 'messages',
    fields: [
      {
        name: 'messages',
        isRequired: true,
        kind: 'messages',
        aliases: ['conversation', 'conversations', 'chat', 'dialog', 'dialogue', 'turns'],
      },
      TOOLS,
    ],
  },
  {
    id: 'sharegpt',
    type: 'messages',
    title: 'ShareGPT: conversations of from and value',
    fields: [{ name: 'conversations', isRequired: true, kind: 'messages', aliases: ['conversation'] }, SYSTEM, TOOLS],
    conversion: 'ShareGPT’s from and value became role and content: human is the user, gpt the assistant.',
  },
  {
    id: 'alpaca',
    type: 'prompt-completion',
    title: 'Alpaca: instruction, input and output',
    fields: [
      text('instruction'),
      optional(text('input')),
      text('output'),
      SYSTEM,
      { name: 'history', isRequired: false, kind: 'json' },
    ],
    conversion:
      'Alpaca’s instruction, with the input below it, became the prompt, its output the completion; system and history come before, as messages.',
  },
  { id: 'text', type: 'text', title: 'text', fields: [text('text', ['content', 'body', 'document', 'article'])] },
  { id: 'prompt-only', type: 'prompt-only', title: 'prompt', fields: [PROMPT, SYSTEM, TOOLS] },
];

export function formOf(id: FormId): RowForm {
  return ROW_FORMS.find((form) => form.id === id)!;
}

/** What the rows of a file are, in words: conversations or texts that are compared may hold their prompt themselves. */
export const titleOf = ({ form, columns }: RowMapping): string =>
  form === 'preference' && columns.prompt === undefined
    ? 'chosen and rejected, whose common start is the prompt'
    : formOf(form).title;

/** Fields that rows need and no column gives yet. */
export const missingFields = ({ form, columns }: RowMapping): string[] =>
  formOf(form)
    .fields.filter(({ name, isRequired }) => isRequired && !columns[name])
    .map(({ name }) => name);

/** The columns that a form finds under its own names, or else under the names that others give them. */
export function suggestMapping(form: FormId, columns: readonly string[]): RowMapping {
  const taken = new Set<string>();
  const found: RowMapping['columns'] = {};
  const byLowerCase = new Map(columns.map((column) => [column.toLowerCase(), column]));
  for (const pass of ['own', 'alias'] as const)
    for (const { name, aliases = [] } of formOf(form).fields) {
      if (found[name]) continue;
      const names = pass === 'own' ? [name] : aliases;
      const column = names.map((n) => byLowerCase.get(n)).find((c) => c !== undefined && !taken.has(c));
      if (column === undefined) continue;
      found[name] = column;
      taken.add(column);
    }
  return { form, columns: found };
}
