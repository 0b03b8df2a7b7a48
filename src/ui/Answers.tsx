// Answers to the fixed prompts, step by step: one slider over the history, the base's answer beside the chosen one.
import { useState } from 'react';
import { count } from '../lib/words';
import type { SampleGeneration } from '../protocol/run';
import { Card } from './Card';
import { generationSteps, generationsAt, turnVerdict } from './runWords';

export function Answers({
  generations,
  isOver,
  of,
  heldOut = true,
}: {
  generations: readonly SampleGeneration[];
  /** No more answers come. */
  isOver: boolean;
  /** The run holds rows out: prompts of the person's own rows are of those. */
  heldOut?: boolean;
  /** Whose answers, where more than one run is on the page. */
  of?: string;
}) {
  const steps = generationSteps(generations);
  const [chosen, setChosen] = useState<number>();
  const [prompt, setPrompt] = useState(0);
  const at = chosen !== undefined && steps.includes(chosen) ? steps.indexOf(chosen) : steps.length - 1;
  const first = steps[0];
  const step = steps[at];
  if (first === undefined || step === undefined)
    return (
      <Card title="Answers" note={of}>
        <p className="quiet">
          The same prompts are answered before the first step and at every evaluation. The first answers come with step
          0.
        </p>
      </Card>
    );
  const before = generationsAt(generations, first);
  const now = generationsAt(generations, step);
  const index = Math.min(prompt, now.length - 1);
  const question = now[index]?.prompt ?? '';
  const adapter = now[index]?.adapter;
  // Rows of the person's own are named by their set; the contract of the finance cases says nothing about them.
  const isOwn = /^(sha256|file):/.test(now[index]?.promptId ?? '');
  return (
    <Card
      title="Answers"
      note={
        <>
          {of && `${of}: `}
          {isOwn && `${heldOut ? 'your held-out row' : 'your training row (none is held out)'}: `}
          {adapter !== undefined && `${adapter} on `}“{question}”
        </>
      }
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
                {i + 1} · {sample.adapter !== undefined && `${sample.adapter} · `}
                {sample.prompt.slice(0, 48)}
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
            <span className="mono fixed-number">{count(step)}</span>
          </label>
        </>
      }
    >
      <div className="answer-pair">
        <Answer
          title={first === 0 ? 'Before training' : `Step ${count(first)}`}
          sample={before[index]}
          isJudged={!isOwn}
        />
        <Answer
          title={
            step === first
              ? isOver
                ? 'The run ended before its next answers'
                : 'The next answers come with the next evaluation'
              : `Step ${count(step)}`
          }
          sample={step === first ? undefined : now[index]}
          isJudged={!isOwn}
        />
      </div>
    </Card>
  );
}

function Answer({
  title,
  sample,
  isJudged,
}: {
  title: string;
  sample?: SampleGeneration;
  /** By the contract of the finance cases. */
  isJudged: boolean;
}) {
  const verdict = sample && isJudged && turnVerdict(sample.text);
  return (
    <div className="answer">
      <p className="answer-head">
        <b>{title}</b> {verdict && <span className={`verdict ${verdict.tone}`}>{verdict.title}</span>}
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
