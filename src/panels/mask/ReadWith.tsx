// With what Mask reads: the tokenizer and the template in hand, as the Template page has them, and what the recipe of SFT reads with
// where that is something else.
import { useKits } from '../../stores/kits';
import { readWithRecipe } from '../../stores/lookInMask';
import { tokenizerOf, useModelName, useModelStore, useStoredModels } from '../../stores/models';
import { useRuns } from '../../stores/runs';
import { useSftDraft } from '../../stores/sftDraft';
import { useTemplates } from '../../stores/templates';
import { useWorkbench } from '../../stores/workbench';
import { TokenizerSelect } from '../../ui/TokenizerSelect';

/** In the template's select: what comes with the tokenizer, and what is saved nowhere. */
const OWN = '';
const EDITED = 'edited';
const BUILTIN = 'builtin:chatml';

export function ReadWith() {
  const { kit, templateSource, templateName, openKit, editTemplate } = useWorkbench();
  const kits = useKits();
  const templates = useTemplates();
  const stored = useStoredModels();
  const runs = useRuns((s) => s.runs);
  const recipe = useSftDraft((s) => s.recipe);
  const nameOf = useModelName();
  const inHand = kits.find(({ id }) => id === kit);
  // Without a template of its own a tokenizer is read under ChatML.
  const ownName = kit === undefined || (inHand && inHand.template === undefined) ? 'ChatML (built-in)' : 'the tokenizer’s own'; // biome-ignore format: one choice
  const others = templates.filter(({ ref }) => kit !== undefined || ref !== BUILTIN);
  const saved = others.find(({ source }) => source === templateSource);
  const isLoaded = useModelStore((s) => s.isLoaded);
  const ofSft = tokenizerOf(recipe.model.ref, stored, runs);
  return (
    <div className="mask-choices mask-reads">
      <TokenizerSelect label="Tokenizer that Mask reads with" kits={kits} value={kit} onChange={openKit} />
      <label className="inline-field">
        <span>template</span>
        <select
          className="select"
          aria-label="Template that Mask reads with"
          value={templateSource === undefined ? OWN : (saved?.ref ?? EDITED)}
          onChange={(event) => {
            const next = others.find(({ ref }) => ref === event.currentTarget.value);
            editTemplate(next?.source, next?.name);
          }}
        >
          <option value={OWN}>{ownName}</option>
          {templateSource !== undefined && !saved && (
            <option value={EDITED}>{templateName ?? 'edited, not saved'}</option>
          )}
          {others.map(({ ref, name }) => (
            <option key={ref} value={ref}>
              {name}
            </option>
          ))}
        </select>
      </label>
      {isLoaded && ofSft !== kit && (
        <span className="quiet">
          SFT trains {nameOf(recipe.model.ref)}, which reads with {ofSft === undefined ? 'the studio’s own' : 'another'}{' '}
          tokenizer.{' '}
          <button type="button" className="link" onClick={() => readWithRecipe(recipe, templates)}>
            Read as SFT does
          </button>
        </span>
      )}
    </div>
  );
}
