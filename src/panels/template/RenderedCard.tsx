// What the template made of the conversation: tokens by role and origin, the plain string, or ids.
import { useState } from 'react';
import { type EncodedRow, ORIGIN_NAMES, ROLE_NAMES } from '../../protocol/chat';
import type { Conversation } from '../../stores/workbench';
import { Card } from '../../ui/Card';
import { EncodedStrip } from '../../ui/EncodedStrip';
import { Segmented } from '../../ui/Segmented';
import { renderSentence, roleCounts } from './templateView';

const VIEWS = ['tokens', 'string', 'ids'] as const;
type View = (typeof VIEWS)[number];
const LEGEND_CLASS: Record<string, string> = { system: 'sys', user: 'usr', assistant: 'ast', tool: 'tool' };

export function RenderedCard({
  encoded,
  tokens,
  isStale,
  isLoading,
  conversation,
  onChange,
}: {
  encoded?: EncodedRow;
  tokens?: string[];
  /** The last render that worked is shown while the template is broken. */
  isStale: boolean;
  isLoading: boolean;
  conversation: Conversation;
  onChange: (part: Partial<Conversation>) => void;
}) {
  const [view, setView] = useState<View>('tokens');
  const [chosen, setChosen] = useState(0);
  const { add_generation_prompt, continue_final_message } = conversation;
  const options = (
    <p className="render-options mono">
      <label>
        <input
          type="checkbox"
          checked={add_generation_prompt}
          onChange={(event) =>
            onChange({ add_generation_prompt: event.currentTarget.checked, continue_final_message: false })
          }
        />
        add_generation_prompt
      </label>
      <label>
        <input
          type="checkbox"
          checked={continue_final_message}
          onChange={(event) =>
            onChange({ continue_final_message: event.currentTarget.checked, add_generation_prompt: false })
          }
        />
        continue_final_message
      </label>
    </p>
  );
  if (!encoded || !tokens)
    return (
      <Card title="Rendered" className="template-rendered">
        {options}
        {isLoading ? (
          <div className="skeleton-block" aria-hidden="true" />
        ) : (
          <p className="quiet">Nothing is rendered yet. Add a message, or correct the template.</p>
        )}
      </Card>
    );
  const token = Math.min(chosen, encoded.ids.length - 1);
  return (
    <Card
      title="Rendered"
      note={isStale ? 'last version that worked' : renderSentence(encoded)}
      actions={<Segmented label="Show" options={VIEWS} value={view} onChange={setView} />}
      className={`template-rendered${isStale ? ' is-stale' : ''}`}
    >
      {options}
      {view === 'tokens' ? (
        <>
          <EncodedStrip row={encoded} tokens={tokens} selected={token} onSelect={setChosen} label="Rendered tokens" />
          {encoded.ids.length > 0 && (
            <p className="token-line mono" aria-live="polite">
              token {token} · id {encoded.ids[token]} · {ROLE_NAMES[encoded.role[token]!]} ·{' '}
              {ORIGIN_NAMES[encoded.origin[token]!] === 'content' ? 'from the message' : 'from the template'} ·
              characters {encoded.spanStart[token]}–{encoded.spanEnd[token]}
            </p>
          )}
        </>
      ) : view === 'string' ? (
        <pre className="mono rendered-text">{encoded.text}</pre>
      ) : (
        <p className="mono ids">{Array.from(encoded.ids).join(' ')}</p>
      )}
      <p className="strip-legend">
        {roleCounts(encoded).map(({ role, tokens: n }) => (
          <span key={role} className={`t ${LEGEND_CLASS[role] ?? 'x'}`}>
            {role} {n}
          </span>
        ))}
      </p>
    </Card>
  );
}
