// Which layers the adapter sits on: a preset, names, or a regular expression over whole paths. The worker checks it as PEFT
// does, and names the nearest modules for one that is not there.
import type { Json } from '../../protocol/chat';
import { Segmented } from '../../ui/Segmented';
import { PRESETS, type PresetId, parseTargets, presetOf, targetsText } from './adapterForm';

export function TargetsField({
  value,
  onChange,
  typed,
  onType,
  problem,
  help,
}: {
  value: Json | undefined;
  onChange: (targets: Json) => void;
  /** What is being typed: it stays in sight where it is no target. */
  typed: string | undefined;
  onType: (text: string | undefined) => void;
  problem?: string;
  /** In sight where the form is explained. */
  help?: string;
}) {
  const preset = presetOf(value);
  // Own targets may say the same as a preset; what a link has changed meanwhile is not what was typed.
  const parsed = typed === undefined ? undefined : parseTargets(typed);
  const isNothing = Array.isArray(parsed) && parsed.length === 0;
  const own = isNothing || JSON.stringify(parsed) === JSON.stringify(value) ? typed : undefined;
  const isOwn = preset === 'own' || own !== undefined;
  const choose = (id: PresetId) => {
    const targets = PRESETS.find((p) => p.id === id)!.targets;
    if (targets) {
      onType(undefined);
      onChange([...(targets as string[])]);
    } else onType(targetsText(value ?? ['q_proj', 'v_proj']));
  };
  return (
    <div className="lora-targets">
      <span className="mono lora-key" id="lora-targets-label">
        target_modules
      </span>
      <Segmented
        label="target_modules"
        options={PRESETS.map(({ id, label }) => ({ id, label }))}
        value={isOwn ? 'own' : preset}
        onChange={choose}
      />
      {isOwn && (
        <input
          className="field-input mono"
          aria-label="Module names, or one regular expression"
          aria-invalid={problem !== undefined}
          aria-describedby={problem ? 'lora-targets-problem' : undefined}
          spellCheck={false}
          value={own ?? targetsText(value)}
          placeholder="q_proj, up_proj or .*layers\.0\..*_proj"
          onChange={(event) => {
            const text = event.currentTarget.value;
            onType(text);
            const targets = parseTargets(text);
            if (!Array.isArray(targets) || targets.length > 0) onChange(targets);
          }}
        />
      )}
      {help && <span className="field-help">{help}</span>}
      {problem && (
        <span id="lora-targets-problem" className="field-problem" role="alert">
          {problem}
        </span>
      )}
    </div>
  );
}
