// Answers of a run to its fixed prompts: one slider over the history, the first answers beside the chosen ones.
import { useState } from 'react';
import { count } from '../lib/words';
import { parseTurn } from '../protocol/contract';
import type { SampleGeneration } from '../protocol/run';
import { Card } from './Card';

export function Answers({ generations, isOver }: { generations: readonly SampleGeneration[]; isOver: boolean }) {
  const steps = [...new Set(generations.map((g) => g.step))].sort((a, b) => a - b);
  const [chosen, setChosen] = useState<number>();
  const [prompt, setPrompt] = useState(0);
  const first = steps[0];
  const at = chosen !== undefined && steps.includes(chosen) ? steps.indexOf(chosen) : steps.length - 1;
  const step = steps[at];
  if (first === undefined || step === undefined)
    return (
      <Card title="Answers">
        <p className="quiet">
          The same prompts are answered before the first step and at every evaluation. The first answers come with step
          0.
        </p>
      </Card>
    );
  const of = (wanted: number) => generations.filter((g) => g.step === wanted);
  const now = of(step);
  const index = Math.min(prompt, now.length - 1);
  const isFirst = step === first;
  return (
    <Card
      title="Answers"
      note={<span className="one-line">“{now[index]?.prompt}”</span>}
      actions={
        <>
          <select
            aria-label="Prompt"
            className="select"
            value={index}
            onChange={(event) => setPrompt(Number(event.currentTarget.value))}
          >
            {now.map((sample, i) => (
              <option key={sample.promptId} value={i}>
                {i + 1} · {sample.prompt.slice(0, 48)}
              </option>
            ))}
          </select>
          <label className="inline-field">
            <span>step</span>
            <input
              type="range"
              min={0}
              max={steps.length - 1}
              value={at}
              disabled={steps.length < 2}
              aria-valuetext={`step ${step}`}
              onChange={(event) => setChosen(steps[event.currentTarget.valueAsNumber])}
            />
            <span className="mono">{count(step)}</span>
          </label>
        </>
      }
    >
      <div className="answers-pair">
        <Answer title={first === 0 ? 'Before training' : `Step ${count(first)}`} sample={of(first)[index]} />
        <Answer
          title={
            !isFirst
              ? `Step ${count(step)}`
              : isOver
                ? 'The run ended before its next answers'
                : 'The next answers come with the next evaluation'
          }
          sample={isFirst ? undefined : now[index]}
        />
      </div>
    </Card>
  );
}

function Answer({ title, sample }: { title: string; sample?: SampleGeneration }) {
  const turn = sample && parseTurn(sample.text);
  const [tone, words] = !turn
    ? ['', '']
    : turn.isValid
      ? ['ok', turn.kind === 'tool_call' ? 'tool call' : 'valid JSON']
      : turn.isJson
        ? ['warn', 'JSON, wrong shape']
        : ['bad', 'not JSON'];
  return (
    <div>
      <p className="answer-title">
        <b>{title}</b> {turn && <span className={`verdict ${tone}`}>{words}</span>}
      </p>
      {sample && (
        <p className="mono answer-text">
          {sample.text || '(nothing)'}
          {!sample.terminated && <span className="quiet"> … cut, no end of turn</span>}
        </p>
      )}
    </div>
  );
}
