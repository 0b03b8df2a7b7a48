// Which chat template: built-in or saved ones, by name.
import { MODEL_TEMPLATE } from '../protocol/recipe';
import type { TemplateInfo } from '../protocol/requests';

/** With the choice that stands for the template of an imported model, while a recipe has made it. */
export const withOwn = (templates: readonly TemplateInfo[], value: string): readonly TemplateInfo[] =>
  value === MODEL_TEMPLATE ? [{ ref: MODEL_TEMPLATE, name: 'the model’s own', source: '' }, ...templates] : templates;

export function TemplateSelect({
  label,
  value,
  onChange,
  firstOption,
  templates,
}: {
  label: string;
  /** Ref; '' = the first option. */
  value: string;
  onChange: (ref: string) => void;
  /** Words for '' when there is such a choice. */
  firstOption?: string;
  templates: readonly TemplateInfo[];
}) {
  // The list may still be on its way: the choice in hand is shown all the same.
  const isKnown = value === '' || templates.some(({ ref }) => ref === value);
  return (
    <select
      className="select"
      aria-label={label}
      value={value}
      onChange={(event) => onChange(event.currentTarget.value)}
    >
      {firstOption !== undefined && <option value="">{firstOption}</option>}
      {!isKnown && <option value={value}>{value.startsWith('sha256:') ? `${value.slice(0, 15)}…` : value}</option>}
      {templates.map(({ ref, name }) => (
        <option key={ref} value={ref}>
          {name}
        </option>
      ))}
    </select>
  );
}
