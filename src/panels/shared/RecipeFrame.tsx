// The frame of a card of knobs: folded to one line on a phone, with its meanings on demand, and the settings that are out of sight.
import { type ReactNode, useState } from 'react';
import type { Fields } from '../../lib/fields';
import { plural } from '../../lib/words';
import type { Json } from '../../protocol/chat';
import type { Recipe } from '../../protocol/recipe';
import { useTemplates } from '../../stores/templates';
import { SEED_FIELD } from '../../stores/typedFields';
import type { useTraining } from '../../stores/useTraining';
import { Card } from '../../ui/Card';
import { ConfigForm } from '../../ui/ConfigForm';
import { Knob } from '../../ui/Knob';
import { MemoryNote } from '../../ui/MemoryNote';
import { TemplateSelect, withOwn } from '../../ui/TemplateSelect';
import './training.css';

export function RecipeFrame({
  title = 'Recipe',
  note = 'as TRL names it',
  summary,
  folded,
  isBusy,
  hasHelp,
  onHelp,
  className = '',
  knobs = '',
  children,
}: {
  title?: string;
  note?: string;
  /** The recipe in one line, where it is folded. */
  summary: string;
  /** What stays in sight then. */
  folded: ReactNode;
  /** A run is on: the knobs are locked. */
  isBusy: boolean;
  /** The meaning of each setting is in sight. */
  hasHelp: boolean;
  onHelp: (hasHelp: boolean) => void;
  /** Of the card, and of the knobs in it. */
  className?: string;
  knobs?: string;
  children: ReactNode;
}) {
  const [isFolded, setFolded] = useState(() => matchMedia('(max-width: 700px)').matches);
  if (isFolded)
    return (
      <Card
        title={title}
        note={summary}
        actions={
          <button type="button" className="button" onClick={() => setFolded(false)}>
            Change
          </button>
        }
        className={className}
      >
        {folded}
      </Card>
    );
  return (
    <Card
      title={title}
      note={note}
      actions={
        <button type="button" className="link" aria-pressed={hasHelp} onClick={() => onHelp(!hasHelp)}>
          {hasHelp ? 'Hide meanings' : 'Meanings'}
        </button>
      }
      className={className}
    >
      <fieldset className={`form-knobs ${knobs}`} disabled={isBusy}>
        <legend className="sr-only">{title} settings</legend>
        {children}
      </fieldset>
    </Card>
  );
}

/** What a run of the recipe would take, and why it cannot be trained. */
export function RecipeNotes({
  training: { memory, isBusy, complaints },
}: {
  training: Pick<ReturnType<typeof useTraining>, 'memory' | 'isBusy' | 'complaints'>;
}) {
  return (
    <>
      <MemoryNote plan={memory.value?.plan} isLoading={memory.isLoading} isBusy={isBusy} />
      {complaints.map((complaint) => (
        <p key={complaint} className="bad-text train-small">
          {complaint}
        </p>
      ))}
    </>
  );
}

/** What stands in fields in place of their values, and whether their meanings are in sight. */
export interface Form {
  typed: Readonly<Record<string, string>>;
  onType: (key: string, text: string | undefined) => void;
  hasHelp: boolean;
}
interface Edited<R extends Recipe> {
  recipe: R;
  edit: (recipe: R) => void;
  form: Form;
}

/** How many settings TemplateAndSeed has. */
export const TEMPLATE_AND_SEED = 1 + Object.keys(SEED_FIELD).length;
export function TemplateAndSeed<R extends Recipe>({ recipe, edit, form }: Edited<R>) {
  return (
    <>
      <Knob
        name="template"
        help={form.hasHelp ? 'How conversations become text, in training and after it.' : undefined}
      >
        <TemplateSelect
          label="template"
          templates={withOwn(useTemplates(), recipe.template)}
          value={recipe.template}
          onChange={(template) => edit({ ...recipe, template })}
        />
      </Knob>
      <ConfigForm
        fields={SEED_FIELD}
        value={{ seed: recipe.seed }}
        onChange={({ seed }) => edit({ ...recipe, seed: Number(seed) })}
        {...form}
      />
    </>
  );
}

/** The rest of the trainer's settings, with the template and the seed. */
export function FoldedSettings<R extends Recipe>({
  rest,
  args,
  change,
  others,
  ...edited
}: Edited<R> & {
  rest: Fields;
  args: { [key: string]: Json };
  change: (args: { [key: string]: Json }) => void;
  /** More that belong there. */
  others?: { count: number; fields: ReactNode };
}) {
  const [isOpen, setOpen] = useState(false);
  const count = Object.keys(rest).length + TEMPLATE_AND_SEED + (others?.count ?? 0);
  return (
    <>
      <button type="button" className="link" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
        {isOpen ? 'Fewer settings' : plural(count, 'more setting')}
      </button>
      {isOpen && (
        <>
          {others?.fields}
          <TemplateAndSeed {...edited} />
          <ConfigForm fields={rest} value={args} onChange={change} {...edited.form} />
        </>
      )}
    </>
  );
}
