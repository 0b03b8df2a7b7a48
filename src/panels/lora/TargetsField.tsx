// Which layers the adapter sits on: a preset, names, or a regular expression over whole paths. The worker checks it as PEFT
// does, and names the nearest modules for one that is not there.
import { useState } from 'react';
import type { Json } from '../../protocol/chat';
import { Segmented } from '../../ui/Segmented';
import { PRESETS, type PresetId, parseTargets, presetOf, targetsText } from './adapterForm';

export function TargetsField({
  value,
  onChange,
  problem,
}: {
  value: Json | undefined;
  onChange: (targets: Json) => void;
  problem?: string;
}) {
  const preset = presetOf(value);
  /** What is being typed; own targets may say the same as a preset for a moment. */
  const [typed, setTyped] = useState<string>();
  const isOwn = preset === 'own' || typed !== undefined;
  const choose = (id: PresetId) => {
    const targets = PRESETS.find((p) => p.id === id)!.targets;
    if (targets) {
      setTyped(undefined);
      onChange([...(targets as string[])]);
    } else setTyped(targetsText(value ?? ['q_proj', 'v_proj']));
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
          value={typed ?? targetsText(value)}
          placeholder="q_proj, up_proj or .*layers\.0\..*_proj"
          onChange={(event) => {
            const text = event.currentTarget.value;
            setTyped(text);
            const targets = parseTargets(text);
            if (targets !== '' && !(Array.isArray(targets) && targets.length === 0)) onChange(targets);
          }}
        />
      )}
      {problem && (
        <span id="lora-targets-problem" className="field-problem" role="alert">
          {problem}
        </span>
      )}
    </div>
  );
}
