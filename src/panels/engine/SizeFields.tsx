// The sizes of the step to be measured: checked while they are typed, each complaint beside its field.
import { useId } from 'react';
import { SIZE_KEYS, SIZE_NAMES, type SizeKey, sizeLimits } from '../../protocol/engineReport';
import { useEngineMeasures } from '../../stores/engineMeasures';
import { Segmented } from '../../ui/Segmented';
import { PRESET_NAMES } from './engineView';

export interface SizeFieldsProps {
  problems: Partial<Record<SizeKey, string>>;
  isDisabled: boolean;
}

export function SizeFields({ problems, isDisabled }: SizeFieldsProps) {
  const { preset, sizes } = useEngineMeasures();
  const id = useId();
  const limits = sizeLimits(preset);
  return (
    <fieldset className="engine-shape engine-sizes" disabled={isDisabled}>
      <legend className="sr-only">Sizes of the step</legend>
      <Segmented
        label="Model"
        options={PRESET_NAMES}
        value={preset}
        onChange={(next) => useEngineMeasures.setState({ preset: next })}
      />
      {SIZE_KEYS.map((key) => (
        <div key={key} className="engine-size">
          <label className="inline-field">
            {SIZE_NAMES[key]}
            {key === 'r' && ', 0: all weights'}
            <input
              type="number"
              min={limits[key][0]}
              max={limits[key][1]}
              value={sizes[key]}
              aria-invalid={problems[key] !== undefined}
              aria-describedby={problems[key] && `${id}-${key}`}
              onChange={(event) => useEngineMeasures.setState({ sizes: { ...sizes, [key]: event.target.value } })}
            />
          </label>
          {problems[key] && (
            <span id={`${id}-${key}`} className="field-problem" role="alert">
              {problems[key]}
            </span>
          )}
        </div>
      ))}
    </fieldset>
  );
}
