// Begins a session: pairs of a preference set, or two samples of a model for each prompt.
import { useState } from 'react';
import { type AnnotationSource, MOST_PAIRS } from '../../protocol/annotations';
import { useDatasets } from '../../stores/datasets';
import { modelOptions } from '../../stores/modelOptions';
import { useStoredModels } from '../../stores/models';
import { useRuns } from '../../stores/runs';
import { Card } from '../../ui/Card';
import { beginSession, useAnnotations } from './annotations';

const SAMPLES = 'samples of a model';

export function NewSession({ onClose }: { onClose: () => void }) {
  const sessions = useAnnotations((s) => s.sessions);
  const sets = (useDatasets().value?.datasets ?? []).filter(({ type }) => type === 'preference');
  const runs = useRuns((s) => s.runs);
  const models = modelOptions(Object.values(runs), useStoredModels());
  const newest = models.find(({ ref }) => ref.startsWith('run:'));
  const [name, setName] = useState(() => freeName(sessions.map((one) => one.name)));
  const [from, setFrom] = useState('builtin:pref\ntrain');
  const [model, setModel] = useState<string>();
  const [temperature, setTemperature] = useState(1);
  const [pairs, setPairs] = useState(20);
  const [seed, setSeed] = useState(1);
  const chosenModel = models.find(({ ref }) => ref === model) ?? newest ?? models.at(-1);
  const isSampled = from === SAMPLES;
  const source = (): AnnotationSource | undefined => {
    if (isSampled) return chosenModel && { kind: 'model', ...chosenModel, temperature };
    const [datasetId, split] = from.split('\n');
    const set = sets.find(({ id }) => id === datasetId);
    return set && split ? { kind: 'set', datasetId: set.id, title: set.title, split } : undefined;
  };
  const number = (
    label: string,
    value: number,
    onChange: (value: number) => void,
    [min, max, step]: [number, number, number],
  ) => (
    <label className="inline-field">
      <span>{label}</span>
      <input
        type="number"
        aria-label={label}
        {...{ min, max, step, value }}
        onChange={(event) => onChange(event.currentTarget.valueAsNumber || 0)}
      />
    </label>
  );
  return (
    <Card
      title="New session"
      actions={
        <>
          <button type="button" className="button" onClick={onClose}>
            Close
          </button>
          <button
            type="button"
            className="button primary"
            disabled={name.trim() === '' || !source()}
            onClick={() => {
              const given = source();
              if (!given) return;
              void beginSession({ name, source: given, pairs, seed });
              onClose();
            }}
          >
            Begin
          </button>
        </>
      }
    >
      <div className="annotate-knobs">
        <label className="inline-field">
          <span>name</span>
          <input
            className="field-input"
            aria-label="Name of the new session"
            value={name}
            onChange={(event) => setName(event.currentTarget.value)}
          />
        </label>
        <label className="inline-field">
          <span>pairs from</span>
          <select
            className="select"
            aria-label="Pairs from"
            value={from}
            onChange={(event) => setFrom(event.currentTarget.value)}
          >
            {sets.flatMap(({ id, title, splits }) =>
              Object.keys(splits).map((split) => (
                <option key={`${id} ${split}`} value={`${id}\n${split}`}>
                  {title} · {split}
                </option>
              )),
            )}
            <option>{SAMPLES}</option>
          </select>
        </label>
        {isSampled && (
          <>
            <label className="inline-field">
              <span>model</span>
              <select
                className="select"
                aria-label="Sample from the model"
                value={chosenModel?.ref ?? ''}
                onChange={(event) => setModel(event.currentTarget.value)}
              >
                {models.map(({ ref, name: title }) => (
                  <option key={ref} value={ref}>
                    {title}
                  </option>
                ))}
              </select>
            </label>
            {number('temperature', temperature, setTemperature, [0.1, 2, 0.1])}
          </>
        )}
        {number('pairs', pairs, setPairs, [1, MOST_PAIRS, 1])}
        {number('seed', seed, setSeed, [0, 2 ** 31, 1])}
      </div>
      <p className="quiet annotate-small">
        {isSampled
          ? 'Two answers for each prompt of Preference pairs, dev; prompts to which both are the same are passed over. They come one by one, and you can vote meanwhile.'
          : 'Pairs and sides are drawn by the seed. Two sessions over the same set and seed hold the same pairs, so two people can be compared.'}
      </p>
    </Card>
  );
}

function freeName(taken: readonly string[]): string {
  for (let i = taken.length + 1; ; i++) if (!taken.includes(`Session ${i}`)) return `Session ${i}`;
}
