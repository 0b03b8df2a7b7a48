// The conversation being composed: system prompt, turns, tools offered.
import type { Message, Role, ToolSchema } from '../../protocol/chat';

const ROLES: Role[] = ['system', 'user', 'assistant', 'tool'];

export function Composer({
  messages,
  onChange,
  tools,
  offered,
  onOffer,
}: {
  messages: Message[];
  onChange: (messages: Message[]) => void;
  /** All tools that may be offered. */
  tools: ToolSchema[];
  offered: ReadonlySet<string>;
  onOffer: (names: ReadonlySet<string>) => void;
}) {
  const replace = (i: number, change: Partial<Message>) =>
    onChange(messages.map((m, at) => (at === i ? { ...m, ...change } : m)));
  const lastRole = messages.at(-1)?.role;
  return (
    <div className="composer">
      {messages.map((message, i) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: turns have no identity but their place
        <div key={i} className={`composer-turn ${message.role}`}>
          <select
            aria-label={`Role of turn ${i + 1}`}
            className="role-select"
            value={message.role}
            onChange={(event) => replace(i, { role: event.currentTarget.value as Role })}
          >
            {ROLES.map((role) => (
              <option key={role}>{role}</option>
            ))}
          </select>
          <textarea
            aria-label={`Text of turn ${i + 1}, ${message.role}`}
            rows={rowsFor(message.content)}
            value={message.content}
            placeholder={
              message.tool_calls?.length
                ? message.tool_calls.map((c) => `${c.function.name}(${JSON.stringify(c.function.arguments)})`).join(' ')
                : `What the ${message.role} says`
            }
            onChange={(event) => replace(i, { content: event.currentTarget.value })}
          />
          <button
            type="button"
            className="icon-button"
            aria-label={`Remove turn ${i + 1}`}
            onClick={() => onChange(messages.filter((_, at) => at !== i))}
          >
            ×
          </button>
        </div>
      ))}
      <div className="composer-foot">
        <button
          type="button"
          className="link"
          onClick={() => onChange([...messages, { role: lastRole === 'user' ? 'assistant' : 'user', content: '' }])}
        >
          Add a turn
        </button>
        {tools.length > 0 && (
          <details className="tool-picker">
            <summary>
              {offered.size === 0 ? 'No tool offered' : `${offered.size} of ${tools.length} tools offered`}
            </summary>
            <ul>
              {tools.map(({ function: f }) => (
                <li key={f.name}>
                  <label title={f.description}>
                    <input
                      type="checkbox"
                      checked={offered.has(f.name)}
                      onChange={(event) => {
                        const next = new Set(offered);
                        if (event.currentTarget.checked) next.add(f.name);
                        else next.delete(f.name);
                        onOffer(next);
                      }}
                    />
                    <span className="mono">{f.name}</span>
                  </label>
                </li>
              ))}
            </ul>
          </details>
        )}
      </div>
    </div>
  );
}

const rowsFor = (text: string): number =>
  Math.min(8, Math.max(1, Math.ceil(text.length / 60), text.split('\n').length));
