// The settings that are folded away: of the adapter, its patterns, and the run. Under the others, as wide as the page.
import { useEffect, useRef } from 'react';
import { Card } from '../../ui/Card';
import { ConfigForm } from '../../ui/ConfigForm';
import { PeftFields } from '../shared/PeftFields';
import { TemplateAndSeed } from '../shared/RecipeFrame';
import { foldedRunFields, settingsOf } from './AdapterCard';
import { PATTERN_TABLES } from './adapterForm';
import { FOLDED } from './formProblems';
import { PatternTable } from './PatternTable';
import type { Lora } from './useLora';

const PATTERN_HELP = {
  rank_pattern:
    'Another r for some modules: the end of a path, or a regular expression, and its rank. The first key that fits counts.',
  alpha_pattern: 'Another lora_alpha for some modules, by the same keys.',
} as const;

export function MoreSettings({ lora, hasHelp, onClose }: { lora: Lora; hasHelp: boolean; onClose: () => void }) {
  const { recipe, edit, typed, type, problems } = lora;
  const { values, setPeft, args, changeArgs } = settingsOf(lora);
  const frame = useRef<HTMLDivElement>(null);
  useEffect(() => {
    frame.current?.scrollIntoView({ block: 'nearest' });
  }, []);
  const form = { typed, onType: type, hasHelp };
  return (
    <div ref={frame} className="lora-more-settings">
      <Card
        title="More settings"
        note="of the adapter and its run; names are PEFT’s and TRL’s"
        actions={
          <button type="button" className="button" onClick={onClose}>
            Close
          </button>
        }
        className="lora-knobs-card"
      >
        <fieldset className="lora-columns" disabled={lora.isBusy}>
          <legend className="sr-only">More settings</legend>
          <PeftFields keys={FOLDED} peft={recipe.peft} onChange={setPeft} {...form} />
          {PATTERN_TABLES.map((name) => (
            <PatternTable
              key={name}
              name={name}
              rows={lora.rows[name]}
              fallback={name === 'rank_pattern' ? values.r : values.lora_alpha}
              onChange={(rows) => lora.setRows(name, rows)}
              problems={problems.flatMap(({ key, text }) => (key === name ? [text] : []))}
              help={hasHelp ? PATTERN_HELP[name] : undefined}
            />
          ))}
          <TemplateAndSeed recipe={recipe} edit={edit} form={form} />
          <ConfigForm fields={foldedRunFields} value={args} onChange={changeArgs} {...form} />
        </fieldset>
      </Card>
    </div>
  );
}
