// How the next token is chosen. Names and ranges as in transformers' GenerationConfig.
import { type Field, fieldProblem } from '../../lib/fields';
import type { SamplingOptions } from '../../protocol/model';

const FIELDS: Record<keyof SamplingOptions, Field & { type: 'number'; step: number }> = {
  temperature: {
    type: 'number',
    default: 0,
    min: 0,
    max: 2,
    step: 0.1,
    help: '0 takes the likeliest token each time.',
  },
  top_k: { type: 'number', default: 0, min: 0, max: 1024, integer: true, step: 1, help: '0 = off.' },
  top_p: { type: 'number', default: 1, min: 0.01, max: 1, step: 0.05, help: '1 = off.' },
  min_p: {
    type: 'number',
    default: 0,
    min: 0,
    max: 1,
    step: 0.05,
    help: 'Least share of the likeliest token’s probability; 0 = off.',
  },
  max_new_tokens: { type: 'number', default: 160, min: 1, max: 512, integer: true, step: 16, help: 'Cut after this.' },
  seed: {
    type: 'number',
    default: 7,
    min: 0,
    max: 4294967295,
    integer: true,
    step: 1,
    help: 'Same seed, same answer.',
  },
};

export function SamplingFields({
  value,
  onChange,
}: {
  value: SamplingOptions;
  onChange: (value: SamplingOptions) => void;
}) {
  return (
    <div className="sampling">
      {(Object.keys(FIELDS) as (keyof SamplingOptions)[]).map((key) => (
        <label key={key} title={FIELDS[key].help}>
          <span>{key}</span>
          <input
            type="number"
            className="mono"
            min={FIELDS[key].min}
            max={FIELDS[key].max}
            step={FIELDS[key].step}
            defaultValue={value[key]}
            onChange={(event) => {
              const next = event.currentTarget.valueAsNumber;
              const problem = fieldProblem(key, FIELDS[key], next);
              event.currentTarget.setCustomValidity(problem ?? '');
              if (problem) event.currentTarget.reportValidity();
              else onChange({ ...value, [key]: next });
            }}
          />
        </label>
      ))}
    </div>
  );
}
