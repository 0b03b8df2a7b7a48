// Settings that came from another panel: which, looked at on which rows, and what a recipe could not take.
import { X } from 'lucide-react';
import { dataOf, withData } from '../../labs/recipeData';
import type { Recipe } from '../../protocol/recipe';
import { useSftDraft } from '../../stores/sftDraft';
import { useTemplates } from '../../stores/templates';

export function SettingsNote({ recipe, onEdit }: { recipe: Recipe; onEdit: (recipe: Recipe) => void }) {
  const { origin, forgetOrigin } = useSftDraft();
  const templates = useTemplates();
  if (!origin) return null;
  const { data, changes, leftBehind } = origin;
  const nameOf = (key: string, value: string) =>
    key === 'template' ? (templates.find(({ ref }) => ref === value)?.name ?? value.slice(0, 15)) : value;
  const isOther = data && dataOf(recipe) !== data.info.id;
  return (
    <section className="note settings-note" aria-label="Settings from Mask">
      <div>
        <b>The mask settings come from Mask.</b>{' '}
        {changes.length === 0
          ? 'The recipe had them already.'
          : changes.map(({ key, was, is }, i) => (
              <span key={key}>
                {i > 0 && ', '}
                <span className="mono">{key}</span> {nameOf(key, was)} → <b>{nameOf(key, is)}</b>
              </span>
            ))}
        {changes.length > 0 && '.'}{' '}
        {data && (
          <>
            They were looked at on {data.info.title} · {data.split}
            {isOther ? ', and the recipe trains on other rows. ' : '. '}
            {isOther && (
              <button type="button" className="link" onClick={() => onEdit(withData(recipe, data.info))}>
                Train on {data.info.title}
              </button>
            )}{' '}
          </>
        )}
        {leftBehind.map((sentence) => (
          <span key={sentence} className="warn-text">
            {sentence}{' '}
          </span>
        ))}
        <a className="link" href="#/mask">
          Back to Mask
        </a>
      </div>
      <button type="button" className="icon-button" aria-label="Close the note on settings" onClick={forgetOrigin}>
        <X size={14} aria-hidden="true" />
      </button>
    </section>
  );
}
