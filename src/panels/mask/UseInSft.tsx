// From looking to training: the settings of the mask, and the template, go into the SFT recipe.
import { useState } from 'react';
import { settingChanges, withSettings } from '../../labs/recipeSettings';
import { count } from '../../lib/words';
import { MODEL_TEMPLATE } from '../../protocol/recipe';
import { type DatasetType, TYPE_WORDS } from '../../protocol/rowTypes';
import { useKits } from '../../stores/kits';
import { tokenizerOf, useModelName, useModelStore, useStoredModels } from '../../stores/models';
import { useRuns } from '../../stores/runs';
import { type SettingsOrigin, useSftDraft } from '../../stores/sftDraft';
import { saveTemplate, useTemplates } from '../../stores/templates';
import { useWorkbench, type WorkbenchSettings } from '../../stores/workbench';
import { trainers } from '../../trainers/registry';
import { Fault } from '../../ui/Fault';

const BUILTIN = 'builtin:chatml';
const { max: MOST } = trainers.sft.fields.max_length;

export function UseInSft({ data }: { data: SettingsOrigin['data'] }) {
  const { settings, kit, templateSource, templateName } = useWorkbench();
  const { recipe, take } = useSftDraft();
  const templates = useTemplates();
  const kitTitle = useKits().find(({ id }) => id === kit)?.title;
  const stored = useStoredModels();
  const isLoaded = useModelStore((s) => s.isLoaded);
  const runs = useRuns((s) => s.runs);
  const nameOf = useModelName();
  const [error, setError] = useState<string>();
  /** The model of the recipe reads with the tokenizer in hand, so the template can go along. */
  const isModels = isLoaded && tokenizerOf(recipe.model.ref, stored, runs) === kit;
  const own = kit === undefined ? BUILTIN : MODEL_TEMPLATE;
  /** Ref of the template in hand; undefined while it is not saved. */
  const ref = templateSource === undefined ? own : templates.find(({ source }) => source === templateSource)?.ref;
  const after = { ...withSettings(recipe, settings, data?.info.type), template: ref ?? '' };
  const isSame = isModels && ref !== undefined && settingChanges(recipe, after).length === 0;
  const use = async () => {
    setError(undefined);
    try {
      // A recipe names its template, so an edited one is kept first. Another model's tokenizer stays with its template.
      const template = isModels
        ? (ref ?? (await saveTemplate(templateName ?? 'Edited template', templateSource!)).ref)
        : undefined;
      const from = isModels ? undefined : (kitTitle ?? (kit === undefined ? 'the studio' : 'your own'));
      take(settings, { data, template, leftBehind: leftBehind(settings, from, nameOf(recipe.model.ref)) });
      location.hash = '#/sft';
    } catch (cause) {
      setError((cause as Error).message);
    }
  };
  const type = data?.info.type as DatasetType | undefined;
  if (type !== undefined && !(trainers.sft.trainsOn as readonly DatasetType[]).includes(type))
    return (
      <div className="use-in-sft">
        <span className="quiet">SFT does not train on these rows ({TYPE_WORDS[type]}).</span>
      </div>
    );
  return (
    <div className="use-in-sft">
      {isSame ? (
        <span className="quiet">
          <a className="link" href="#/sft">
            SFT
          </a>{' '}
          trains with these settings
        </span>
      ) : (
        <button type="button" className="button" onClick={() => void use()}>
          Use these settings in SFT
        </button>
      )}
      <Fault text={error} />
    </div>
  );
}

/** What a recipe cannot hold, a sentence each. */
function leftBehind(
  { max_length, chat_template_kwargs }: WorkbenchSettings,
  kitTitle: string | undefined,
  model: string,
): string[] {
  const out: string[] = [];
  if (kitTitle)
    out.push(
      `The tokenizer and template of ${kitTitle} stay behind: ${model}, which this recipe trains, reads with its own, and rows have other lengths there. To train with them, import a model that has them, and choose it here.`,
    );
  if (max_length > MOST)
    out.push(`max_length ${count(max_length)} is more than the ${count(MOST)} tokens that the studio’s models read.`);
  if (Object.keys(chat_template_kwargs).length > 0)
    out.push('chat_template_kwargs are no part of a recipe: write them into the rows’ column of that name.');
  return out;
}
