// One model's answer: who answers, the text as it comes, and what it is worth by the contract.
import type { ToolSchema } from '../../protocol/chat';
import type { ModelOption } from '../../stores/modelOptions';
import { Card } from '../../ui/Card';
import { Fault } from '../../ui/Fault';
import { completionWords, verdictOf } from './chatView';
import type { AnswerState } from './useAnswer';

export function AnswerCard({
  label,
  models,
  model,
  onModel,
  state,
  tools,
  isChat,
  emptyHint,
}: {
  label: string;
  models: ModelOption[];
  model: string;
  onModel: (ref: string) => void;
  state: AnswerState;
  tools: readonly ToolSchema[];
  /** A plain continuation owes nobody JSON. */
  isChat: boolean;
  emptyHint?: string;
}) {
  const verdict =
    isChat && state.status === 'done' && state.completion
      ? verdictOf(state.completion.text, state.completion.terminated, tools)
      : undefined;
  return (
    <Card
      title={
        <select
          className="select model-select"
          aria-label={label}
          value={model}
          onChange={(e) => onModel(e.currentTarget.value)}
        >
          {models.map((option) => (
            <option key={option.ref} value={option.ref}>
              {option.name}
            </option>
          ))}
          {!models.some((option) => option.ref === model) && <option value={model}>{model || 'no model'}</option>}
        </select>
      }
      actions={verdict && <span className={`verdict ${verdict.tone}`}>{verdict.title}</span>}
      className="answer-card"
    >
      <div
        className="answer-body"
        aria-live="polite"
        aria-busy={state.status === 'writing' || state.status === 'waiting'}
      >
        {state.status === 'empty' && <p className="quiet">{emptyHint ?? 'Press Generate: the answer appears here.'}</p>}
        {state.status === 'waiting' && <p className="quiet">Reading the prompt …</p>}
        {(state.status === 'writing' || state.status === 'done' || state.status === 'stopped') && (
          <p className="mono answer-text">
            {state.text || '(nothing yet)'}
            {state.status === 'writing' && <span className="caret" aria-hidden="true" />}
          </p>
        )}
        <Fault text={state.error} />
      </div>
      <p className="answer-foot quiet">
        {verdict ? `${verdict.detail} ` : ''}
        {state.status === 'done' && state.completion
          ? `${completionWords(state.completion)}${verdict ? '' : state.completion.terminated ? ', ended by itself' : ', cut at max_new_tokens'}.`
          : ''}
        {state.status === 'stopped' ? 'Stopped by you.' : ''}
        {state.ref && state.ref !== model && state.status !== 'empty'
          ? ` Written by ${nameOf(models, state.ref)}.`
          : ''}
      </p>
    </Card>
  );
}

const nameOf = (models: ModelOption[], ref: string): string => models.find((m) => m.ref === ref)?.name ?? ref;
