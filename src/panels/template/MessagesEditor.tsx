// The conversation that the template renders: roles, texts, reasoning and tool calls.
import { useState } from 'react';
import { type Message, ROLES, type Role, roleName, type ToolCall } from '../../protocol/chat';
import { JsonField } from './JsonField';
import { callProblem, movedSpans } from './templateView';

const NEW_CALL: ToolCall = { type: 'function', function: { name: 'query_erp', arguments: {} } };

export function MessagesEditor({
  messages,
  onChange,
}: {
  messages: Message[];
  onChange: (messages: Message[]) => void;
}) {
  /** Text that is selected in a message, UTF-16 offsets. */
  const [picked, setPicked] = useState<{ message: number; start: number; end: number }>();
  const replace = (i: number, change: Partial<Message>) =>
    onChange(messages.map((m, at) => (at === i ? clean({ ...m, ...change }) : m)));
  const move = (i: number, by: number) => {
    const next = messages.slice();
    const [taken] = next.splice(i, 1);
    if (taken) next.splice(i + by, 0, taken);
    onChange(next);
  };
  return (
    <ol className="messages-editor">
      {messages.map((message, i) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: turns have no identity but their place
        <li key={i} className={`editor-turn ${roleName(message.role)}`}>
          <div className="editor-head">
            <select
              aria-label={`Role of message ${i + 1}`}
              className="role-select"
              value={message.role}
              onChange={(event) => replace(i, { role: event.currentTarget.value as Role })}
            >
              {ROLES.map((role) => (
                <option key={role}>{role}</option>
              ))}
            </select>
            <span className="grow" />
            {message.role === 'assistant' && (
              <>
                <button
                  type="button"
                  className="link"
                  onClick={() => replace(i, { tool_calls: [...(message.tool_calls ?? []), NEW_CALL] })}
                >
                  + call
                </button>
                {message.reasoning_content === undefined && (
                  <button type="button" className="link" onClick={() => replace(i, { reasoning_content: '' })}>
                    + reasoning
                  </button>
                )}
                <label className="train-box" title="train: false keeps this message out of every mask.">
                  <input
                    type="checkbox"
                    checked={message.train !== false}
                    onChange={(event) => replace(i, { train: event.currentTarget.checked ? undefined : false })}
                  />
                  train
                </label>
              </>
            )}
            <button
              type="button"
              className="icon-button"
              aria-label={`Move message ${i + 1} up`}
              disabled={i === 0}
              onClick={() => move(i, -1)}
            >
              ↑
            </button>
            <button
              type="button"
              className="icon-button"
              aria-label={`Remove message ${i + 1}`}
              onClick={() => onChange(messages.filter((_, at) => at !== i))}
            >
              ×
            </button>
          </div>
          {message.reasoning_content !== undefined && (
            <div className="reasoning">
              <textarea
                aria-label={`Reasoning of message ${i + 1}`}
                placeholder="reasoning_content"
                rows={1}
                value={message.reasoning_content}
                onChange={(event) => replace(i, { reasoning_content: event.currentTarget.value })}
              />
              <button
                type="button"
                className="icon-button"
                aria-label={`Remove the reasoning of message ${i + 1}`}
                onClick={() => replace(i, { reasoning_content: undefined })}
              >
                ×
              </button>
            </div>
          )}
          <textarea
            aria-label={`Text of message ${i + 1}, ${message.role}`}
            placeholder={message.tool_calls?.length ? 'no text beside the call' : undefined}
            rows={Math.min(5, Math.max(1, Math.ceil((message.content ?? '').length / 48)))}
            value={message.content ?? ''}
            onChange={(event) => {
              const content = event.currentTarget.value;
              const spans = movedSpans(message.train_spans ?? [], message.content ?? '', content);
              replace(i, {
                content,
                content_is_null: undefined,
                content_parts: undefined,
                train_spans: spans.length > 0 ? spans : undefined,
              });
            }}
            onSelect={(event) => {
              const { selectionStart: start, selectionEnd: end } = event.currentTarget;
              setPicked({ message: i, start, end });
            }}
          />
          {message.role === 'assistant' && picked?.message === i && picked.end > picked.start && (
            <button
              type="button"
              className="link"
              onClick={() => {
                const span = { start: picked.start, end: picked.end, train: false };
                replace(i, { train_spans: [...(message.train_spans ?? []), span] });
                setPicked(undefined);
              }}
            >
              Do not train “{message.content.slice(picked.start, picked.end).slice(0, 24)}”
            </button>
          )}
          {message.train_spans?.map((span, s) => (
            <span key={`${span.start} ${span.end}`} className="quiet">
              {span.train ? 'trained' : 'not trained'}: “{message.content.slice(span.start, span.end).slice(0, 40)}”{' '}
              <button
                type="button"
                className="icon-button"
                aria-label={`Remove train span ${s + 1} of message ${i + 1}`}
                onClick={() => {
                  const left = message.train_spans!.filter((_, at) => at !== s);
                  replace(i, { train_spans: left.length > 0 ? left : undefined });
                }}
              >
                ×
              </button>
            </span>
          ))}
          {message.role === 'assistant' &&
            message.tool_calls?.map((call, c) => (
              <ToolCallEditor
                // biome-ignore lint/suspicious/noArrayIndexKey: calls have no identity but their place
                key={c}
                label={`call ${c + 1} of message ${i + 1}`}
                call={call}
                onChange={(next) =>
                  replace(i, { tool_calls: message.tool_calls!.map((old, at) => (at === c ? next : old)) })
                }
                onRemove={() => {
                  const left = message.tool_calls!.filter((_, at) => at !== c);
                  replace(i, { tool_calls: left.length > 0 ? left : undefined });
                }}
              />
            ))}
        </li>
      ))}
      <li>
        <button
          type="button"
          className="link"
          onClick={() =>
            onChange([...messages, { role: messages.at(-1)?.role === 'user' ? 'assistant' : 'user', content: '' }])
          }
        >
          Add a message
        </button>
      </li>
    </ol>
  );
}

/** Keys that were taken away are gone, so that the template does not see them as none. */
const clean = (message: Message): Message =>
  Object.fromEntries(Object.entries(message).filter(([, value]) => value !== undefined)) as unknown as Message;

function ToolCallEditor({
  label,
  call,
  onChange,
  onRemove,
}: {
  label: string;
  call: ToolCall;
  onChange: (call: ToolCall) => void;
  onRemove: () => void;
}) {
  const { name, arguments: args } = call.function;
  return (
    <div className="call">
      <div className="call-head">
        <input
          className="mono"
          aria-label={`Name of ${label}`}
          value={name}
          onChange={(event) => onChange({ ...call, function: { name: event.currentTarget.value, arguments: args } })}
        />
        <button type="button" className="icon-button" aria-label={`Remove ${label}`} onClick={onRemove}>
          ×
        </button>
      </div>
      <JsonField
        label={`Arguments of ${label}`}
        value={args}
        rows={2}
        problemOf={callProblem}
        onChange={(value) =>
          onChange({ ...call, function: { name, arguments: value as ToolCall['function']['arguments'] } })
        }
      />
    </div>
  );
}
