// Template: messages → one string → ids, with who wrote each token; the Jinja source is edited live.
import { useState } from 'react';
import { StudioError } from '../../lib/errors';
import { plural } from '../../lib/words';
import { type EncodedRow, type Message, ORIGIN_NAMES, ROLE_NAMES, type ToolSchema } from '../../protocol/chat';
import { studioClient } from '../../stores/client';
import { useLoaded } from '../../stores/useLoaded';
import { useWorkbench } from '../../stores/workbench';
import { Card } from '../../ui/Card';
import { EncodedStrip } from '../../ui/EncodedStrip';
import { Panel } from '../../ui/Panel';
import { Segmented } from '../../ui/Segmented';
import { EXAMPLES } from './examples';
import { MessagesEditor } from './MessagesEditor';
import { SourceEditor } from './SourceEditor';
import { errorPosition, messagesProblem, renderSentence, roleCounts, shortHash } from './templateView';
import '../../ui/parts.css';
import './template.css';

const VIEWS = ['tokens', 'string', 'ids'] as const;
type View = (typeof VIEWS)[number];
const SIDES = ['messages', 'source'] as const;

export function TemplatePanel() {
  const { templateSource, editTemplate } = useWorkbench();
  const [messages, setMessages] = useState<Message[]>(EXAMPLES[0]!.messages);
  const [tools, setTools] = useState<ToolSchema[]>(EXAMPLES[0]!.tools ?? []);
  const [side, setSide] = useState<(typeof SIDES)[number]>('messages');
  const builtin = useLoaded('builtin template', (signal) =>
    studioClient().text.request('builtinTemplate', {}, { signal }),
  );
  const problem = messagesProblem(messages);
  const rendered = useLoaded(
    messages.length === 0 ? undefined : JSON.stringify([messages, tools, templateSource]),
    (signal) =>
      studioClient().text.request(
        'encodeRow',
        {
          row: { messages, tools: tools.length > 0 ? tools : undefined },
          rowId: 'template panel',
          settings: { template: templateSource, mode: 'full', max_length: 1024 },
        },
        { signal },
      ),
    150,
  );
  const source = templateSource ?? builtin.value?.template ?? '';
  const { error } = rendered;
  return (
    <Panel
      title="Template"
      lede="How a conversation becomes one string. First lever when training and serving disagree on roles or line ends; do not retrain before the rendered strings are the same, character for character."
      actions={
        <div className="hashes">
          <span className="mono quiet">
            template {templateSource === undefined ? shortHash(builtin.value?.hash ?? '…') : 'edited'} · tokenizer{' '}
            {shortHash(builtin.value?.tokenizerHash ?? '…')}
          </span>
          <button
            type="button"
            className="button"
            disabled={templateSource === undefined}
            onClick={() => editTemplate(undefined)}
          >
            Reset to built-in
          </button>
        </div>
      }
    >
      <div className="template-grid">
        <Card
          title="Input"
          actions={
            <>
              {side === 'messages' && (
                <select
                  className="select"
                  aria-label="Load an example"
                  value=""
                  onChange={(event) => {
                    const example = EXAMPLES[Number(event.currentTarget.value)];
                    if (!example) return;
                    setMessages(example.messages);
                    setTools(example.tools ?? []);
                  }}
                >
                  <option value="" disabled>
                    Load an example
                  </option>
                  {EXAMPLES.map((example, i) => (
                    <option key={example.title} value={i}>
                      {example.title}
                    </option>
                  ))}
                </select>
              )}
              <Segmented label="Edit" options={SIDES} value={side} onChange={setSide} />
            </>
          }
          className="template-input"
        >
          {side === 'source' ? (
            <>
              {source ? (
                <SourceEditor
                  source={source}
                  onChange={(next) => editTemplate(next === builtin.value?.template ? undefined : next)}
                  error={error?.message}
                  position={positionOf(error)}
                />
              ) : builtin.error ? (
                <p className="bad-text">{builtin.error.message}</p>
              ) : (
                <div className="skeleton-block" aria-hidden="true" />
              )}
              <p className="quiet tools-line">
                {templateSource === undefined
                  ? 'This is the built-in template. Every edit is rendered at once, on the right.'
                  : 'Mask reads your edited template too. SFT trains with the built-in one.'}
              </p>
            </>
          ) : (
            <>
              <MessagesEditor messages={messages} onChange={setMessages} />
              {tools.length > 0 && (
                <p className="quiet tools-line">
                  {plural(tools.length, 'tool')} offered:{' '}
                  <span className="mono">{tools.map((t) => t.function.name).join(', ')}</span>{' '}
                  <button type="button" className="link" onClick={() => setTools([])}>
                    Offer none
                  </button>
                </p>
              )}
              {problem && <p className="warn-text">{problem}</p>}
              {error && (
                <div className="note bad" role="alert">
                  <div>
                    <b>The template does not render.</b> {error.message}{' '}
                    <button type="button" className="link" onClick={() => setSide('source')}>
                      Open the source
                    </button>
                  </div>
                </div>
              )}
            </>
          )}
        </Card>
        <Rendered
          encoded={rendered.value?.encoded}
          tokens={rendered.value?.tokens}
          isStale={error !== undefined}
          isLoading={rendered.isLoading}
        />
      </div>
    </Panel>
  );
}

const positionOf = (error: StudioError | undefined) =>
  error instanceof StudioError ? (errorPosition(error.where) ?? errorPosition(error.message)) : undefined;

function Rendered({
  encoded,
  tokens,
  isStale,
  isLoading,
}: {
  encoded?: EncodedRow;
  tokens?: string[];
  /** The last render that worked is shown while the template is broken. */
  isStale: boolean;
  isLoading: boolean;
}) {
  const [view, setView] = useState<View>('tokens');
  const [chosen, setChosen] = useState(0);
  if (!encoded || !tokens)
    return (
      <Card title="Rendered" className="template-rendered">
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
      {view === 'tokens' ? (
        <>
          <EncodedStrip row={encoded} tokens={tokens} selected={token} onSelect={setChosen} label="Rendered tokens" />
          <p className="token-line mono" aria-live="polite">
            token {token} · id {encoded.ids[token]} · {ROLE_NAMES[encoded.role[token]!]} ·{' '}
            {ORIGIN_NAMES[encoded.origin[token]!] === 'content' ? 'from the message' : 'from the template'} · characters{' '}
            {encoded.spanStart[token]}–{encoded.spanEnd[token]}
          </p>
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

const LEGEND_CLASS: Record<string, string> = { system: 'sys', user: 'usr', assistant: 'ast', tool: 'tool' };
