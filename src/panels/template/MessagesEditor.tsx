// The conversation that the template renders: roles, texts and tool calls, as fields rather than JSON.
import type { Json, Message, Role } from '../../protocol/chat';

const ROLES: Role[] = ['system', 'user', 'assistant', 'tool'];

export function MessagesEditor({
  messages,
  onChange,
}: {
  messages: Message[];
  onChange: (messages: Message[]) => void;
}) {
  const replace = (i: number, change: Partial<Message>) =>
    onChange(messages.map((m, at) => (at === i ? { ...m, ...change } : m)));
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
        <li key={i} className={`editor-turn ${message.role}`}>
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
          <textarea
            aria-label={`Text of message ${i + 1}, ${message.role}`}
            rows={Math.min(5, Math.max(1, Math.ceil(message.content.length / 48)))}
            value={message.content}
            onChange={(event) => replace(i, { content: event.currentTarget.value })}
          />
          {message.role === 'assistant' &&
            message.tool_calls?.map((call, c) => (
              <ToolCallLine
                // biome-ignore lint/suspicious/noArrayIndexKey: calls have no identity but their place
                key={c}
                call={call.function}
                onRemove={() => replace(i, { tool_calls: message.tool_calls?.filter((_, at) => at !== c) })}
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

function ToolCallLine({
  call,
  onRemove,
}: {
  call: { name: string; arguments: { [key: string]: Json } };
  onRemove: () => void;
}) {
  return (
    <p className="mono call">
      <span>
        <b>{call.name}</b>({JSON.stringify(call.arguments)})
      </span>
      <button type="button" className="icon-button" aria-label={`Remove the call of ${call.name}`} onClick={onRemove}>
        ×
      </button>
    </p>
  );
}
