// How the next token is chosen. Names and ranges as in transformers' GenerationConfig.
import { useId } from 'react';
import { type Field, fieldProblem, typedNumber, typedProblems } from '../../lib/fields';
import type { SamplingOptions } from '../../protocol/model';

const FIELDS: Record<keyof SamplingOptions, Field & { type: 'number' }> = {
  temperature: {
    type: 'number',
    default: 0,
    min: 0,
    max: 2,
    help: '0 takes the likeliest token each time.',
  },
  top_k: { type: 'number', default: 0, min: 0, max: 1024, integer: true, help: '0 = off.' },
  top_p: { type: 'number', default: 1, min: 0.01, max: 1, help: '1 = off.' },
  min_p: {
    type: 'number',
    default: 0,
    min: 0,
    max: 1,
    help: 'Least share of the likeliest token’s probability; 0 = off.',
  },
  max_new_tokens: { type: 'number', default: 160, min: 1, max: 512, integer: true, help: 'Cut after this.' },
  seed: {
    type: 'number',
    default: 7,
    min: 0,
    max: 4294967295,
    integer: true,
    help: 'Same seed, same answer.',
  },
};

/** What stands in the fields in place of a value, while it is typed and as long as it does not fit. */
export type TypedSampling = Partial<Record<keyof SamplingOptions, string>>;
/** One complaint for each field that holds what cannot be used. */
export const samplingProblems = (typed: TypedSampling): string[] => Object.values(typedProblems(FIELDS, typed));

export function SamplingFields({
  value,
  onChange,
  typed,
  onType,
}: {
  value: SamplingOptions;
  onChange: (value: SamplingOptions) => void;
  typed: TypedSampling;
  onType: (typed: TypedSampling) => void;
}) {
  const id = useId();
  const problems = typedProblems(FIELDS, typed);
  return (
    <>
      <div className="sampling">
        {(Object.keys(FIELDS) as (keyof SamplingOptions)[]).map((key) => {
          const { [key]: text, ...others } = typed;
          return (
            <label key={key} title={FIELDS[key].help}>
              <span>{key}</span>
              <input
                type="text"
                inputMode="decimal"
                className="mono"
                value={text ?? String(value[key])}
                aria-invalid={problems[key] !== undefined}
                aria-describedby={problems[key] ? `${id}-${key}` : undefined}
                onChange={(event) => {
                  const next = typedNumber(event.currentTarget.value);
                  onType({ ...typed, [key]: event.currentTarget.value });
                  if (fieldProblem(key, FIELDS[key], next) === undefined) onChange({ ...value, [key]: next as number });
                }}
                onBlur={() => problems[key] === undefined && text !== undefined && onType(others)}
              />
            </label>
          );
        })}
      </div>
      {Object.entries(problems).map(([key, problem]) => (
        <p key={key} id={`${id}-${key}`} className="sampling-problem bad-text" role="alert">
          {problem}
        </p>
      ))}
    </>
  );
}
