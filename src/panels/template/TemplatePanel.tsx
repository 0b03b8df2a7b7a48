// Template: messages → one string → ids, with who wrote each token; the Jinja source is edited live.
import { useState } from 'react';
import { StudioError } from '../../lib/errors';
import type { TemplateInfo } from '../../protocol/requests';
import { studioClient } from '../../stores/client';
import { shareLink } from '../../stores/openShare';
import { storedConsequences } from '../../stores/storedConsequences';
import { deleteTemplate, saveTemplate, useTemplates } from '../../stores/templates';
import { useLoaded } from '../../stores/useLoaded';
import { type Conversation, requestSettings, useWorkbench } from '../../stores/workbench';
import { Card } from '../../ui/Card';
import { DeleteStored } from '../../ui/DeleteStored';
import { Panel } from '../../ui/Panel';
import { Segmented } from '../../ui/Segmented';
import { ShareButton } from '../../ui/ShareButton';
import { CompareCard } from './CompareCard';
import { EXAMPLES, LIBRARY, type TemplateExample } from './examples';
import { GoldensCard } from './GoldensCard';
import { JsonField } from './JsonField';
import { KitBar } from './KitBar';
import { KwargsEditor, withDocuments } from './KwargsEditor';
import { LintCard } from './LintCard';
import { MarkersNote } from './MarkersNote';
import { MessagesEditor } from './MessagesEditor';
import { MismatchCard } from './MismatchCard';
import { RenderedCard } from './RenderedCard';
import { SourceEditor } from './SourceEditor';
import {
  conversationIn,
  conversationProblem,
  errorPosition,
  messagesProblem,
  shortHash,
  toolsProblem,
} from './templateView';
import '../../ui/parts.css';
import './template.css';

const SIDES = ['messages', 'tools', 'kwargs', 'json', 'source'] as const;
const conversationOf = (example: TemplateExample): Conversation => ({
  messages: example.messages,
  tools: example.tools ?? [],
  documents: example.documents ?? [],
  add_generation_prompt: example.add_generation_prompt ?? false,
  continue_final_message: false,
});

export function TemplatePanel() {
  const workbench = useWorkbench();
  const { templateSource, editTemplate, converse } = workbench;
  const conversation = workbench.conversation ?? conversationOf(EXAMPLES[0]!);
  const { messages, tools, documents } = conversation;
  const change = (part: Partial<Conversation>) => converse({ ...conversation, ...part });
  const [side, setSide] = useState<(typeof SIDES)[number]>('messages');
  const { kit } = workbench;
  // The kit's own template, to tell what was edited; then what is in hand.
  const own = useLoaded(`own template ${kit}`, (signal) =>
    studioClient().text.request('describeTemplate', { kit }, { signal }),
  );
  const inHand = useLoaded(
    JSON.stringify([kit, templateSource]),
    (signal) => studioClient().text.request('describeTemplate', { kit, template: templateSource }, { signal }),
    120,
  );
  const problem = messagesProblem(messages);
  const { add_generation_prompt, continue_final_message } = conversation;
  const inMask = requestSettings(workbench);
  // The documents are this conversation's; the other variables are everybody's.
  const here = { ...inMask, chat_template_kwargs: withDocuments(inMask.chat_template_kwargs, documents) };
  const settings = { ...here, add_generation_prompt, continue_final_message };
  const rendered = useLoaded(
    messages.length === 0 ? undefined : JSON.stringify([messages, tools, settings]),
    (signal) =>
      studioClient().text.request(
        'encodeRow',
        {
          row: { messages, tools: tools.length > 0 ? tools : undefined },
          rowId: 'template panel',
          settings: { ...settings, mode: 'full', max_length: 1_000_000 },
        },
        { signal },
      ),
    120,
  );
  const source = templateSource ?? own.value?.source ?? '';
  const { error } = rendered;
  const loadExample = (example: TemplateExample | undefined) => {
    if (!example) return;
    converse(conversationOf(example));
    if (example.template !== undefined)
      editTemplate(example.template, LIBRARY.find(({ source: known }) => known === example.template)?.name);
  };
  return (
    <Panel
      title="Template"
      lede="How a conversation becomes one string. First lever when training and serving disagree on roles or line ends; do not retrain before the rendered strings are the same, character for character."
      actions={<ShareButton makeLink={() => shareLink('template', conversation)} />}
    >
      <KitBar
        facts={
          <span className="mono quiet hashes">
            template {inHand.error ? 'does not parse' : shortHash(inHand.value?.templateId ?? '…')} · tokenizer{' '}
            {shortHash(inHand.value?.tokenizerId ?? '…')} · ends turns with{' '}
            {inHand.value && !inHand.error ? inHand.value.turnEnds.join(' ') || 'nothing known' : '…'}
          </span>
        }
      >
        <TemplateBar source={source} own={own.value?.source} />
      </KitBar>
      {inHand.value && !inHand.error && (
        <MarkersNote hasGeneration={inHand.value.hasGeneration} conversation={conversation} settings={here} />
      )}
      <div className="template-grid">
        <Card
          title="Input"
          note={
            side !== 'source' && (
              <select
                className="select"
                aria-label="Load an example"
                value=""
                onChange={(event) => loadExample(EXAMPLES[Number(event.currentTarget.value)])}
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
            )
          }
          actions={<Segmented label="Edit" options={SIDES} value={side} onChange={setSide} />}
          className="template-input"
        >
          {side === 'source' ? (
            <>
              {source ? (
                <SourceEditor
                  source={source}
                  onChange={(next) => editTemplate(next === own.value?.source ? undefined : next)}
                  error={error?.message}
                  position={positionOf(error)}
                />
              ) : own.error ? (
                <p className="bad-text">{own.error.message}</p>
              ) : (
                <div className="skeleton-block" aria-hidden="true" />
              )}
              <p className="quiet tools-line">
                {templateSource === undefined
                  ? 'This is the template that comes with the tokenizer. Every edit is rendered at once.'
                  : 'Mask reads your edited template too. Save it, and SFT can train with it.'}
              </p>
            </>
          ) : (
            <>
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
              {side === 'messages' && (
                <MessagesEditor messages={messages} onChange={(next) => change({ messages: next })} />
              )}
              {side === 'tools' && (
                <JsonField
                  label="Tools as JSON"
                  rows={16}
                  value={tools}
                  problemOf={toolsProblem}
                  onChange={(next) => change({ tools: next as unknown as Conversation['tools'] })}
                />
              )}
              {side === 'kwargs' && (
                <KwargsEditor documents={documents} onDocuments={(next) => change({ documents: next })} />
              )}
              {/* Hidden, not gone: what does not parse yet is still there when the person comes back. */}
              <div hidden={side !== 'json'}>
                <JsonField
                  label="Messages as JSON"
                  rows={16}
                  value={messages}
                  problemOf={conversationProblem}
                  onChange={(next) => change(conversationIn(next))}
                />
                <p className="quiet tools-line">
                  A list of messages, or a whole row of a JSONL file with its tools and documents.
                </p>
              </div>
              {tools.length > 0 && side !== 'tools' && (
                <p className="quiet tools-line">
                  {tools.length} {tools.length === 1 ? 'tool' : 'tools'} offered:{' '}
                  <span className="mono">{tools.map((t) => t.function.name).join(', ')}</span>{' '}
                  <button type="button" className="link" onClick={() => change({ tools: [] })}>
                    Offer none
                  </button>
                </p>
              )}
              {documents.length > 0 && side !== 'kwargs' && (
                <p className="quiet tools-line">
                  {documents.length} {documents.length === 1 ? 'document' : 'documents'} given{' '}
                  <button type="button" className="link" onClick={() => change({ documents: [] })}>
                    Give none
                  </button>
                </p>
              )}
              <label className="inline-field tools-line">
                <span>special tokens in content</span>
                <select
                  className="select"
                  value={workbench.settings.mask.special_in_content ?? 'text'}
                  onChange={(event) => {
                    const special_in_content = event.currentTarget.value === 'token' ? 'token' : 'text';
                    workbench.edit({ mask: { ...workbench.settings.mask, special_in_content } });
                  }}
                >
                  <option value="text">as text (safe)</option>
                  <option value="token">as transformers</option>
                </select>
              </label>
              {problem && <p className="warn-text">{problem}</p>}
            </>
          )}
        </Card>
        <RenderedCard
          encoded={rendered.value?.encoded}
          tokens={rendered.value?.tokens}
          isStale={error !== undefined}
          isLoading={rendered.isLoading}
          conversation={conversation}
          onChange={change}
        />
      </div>
      <div className="template-checks">
        <LintCard conversation={conversation} settings={here} />
        <GoldensCard conversation={conversation} settings={inMask} />
        <CompareCard settings={inMask} />
      </div>
      {source && kit === undefined && <MismatchCard source={source} />}
    </Panel>
  );
}

const positionOf = (error: StudioError | undefined) =>
  error instanceof StudioError ? (errorPosition(error.where) ?? errorPosition(error.message)) : undefined;

/** Which template is in hand: built-in, saved, from the library, or edited and not saved yet. */
function TemplateBar({ source, own }: { source: string /** The tokenizer's own template. */; own?: string }) {
  const { templateSource, templateName, editTemplate } = useWorkbench();
  const saved = useTemplates();
  const [name, setName] = useState<string>();
  const [failure, setFailure] = useState<string>();
  const all = [...saved, ...LIBRARY.map((entry): TemplateInfo => ({ ref: `library:${entry.name}`, ...entry }))];
  const current = all.find((info) => info.source === source);
  const save = () =>
    saveTemplate(name ?? '', source).then(
      () => {
        setName(undefined);
        setFailure(undefined);
      },
      (error: unknown) => setFailure((error as Error).message),
    );
  return (
    <div className="template-bar">
      <label className="inline-field">
        <span>template</span>
        <select
          className="select"
          aria-label="Template in hand"
          value={current?.ref ?? ''}
          onChange={(event) => {
            const next = all.find(({ ref }) => ref === event.currentTarget.value);
            if (next) editTemplate(next.source === own ? undefined : next.source, next.name);
          }}
        >
          {!current && (
            <option value="">{templateSource === undefined ? 'the tokenizer’s own' : 'edited, not saved'}</option>
          )}
          {all.map(({ ref, name: title }) => (
            <option key={ref} value={ref}>
              {title}
            </option>
          ))}
        </select>
      </label>
      {name === undefined ? (
        <button
          type="button"
          className="button"
          disabled={templateSource === undefined || saved.some((info) => info.source === source)}
          onClick={() => setName(current?.name ?? templateName ?? 'My template')}
        >
          Save
        </button>
      ) : (
        <form
          className="save-form"
          onSubmit={(event) => {
            event.preventDefault();
            void save();
          }}
        >
          <input
            className="field-input"
            aria-label="Name of the template"
            value={name}
            onChange={(event) => setName(event.currentTarget.value)}
          />
          <button type="submit" className="button primary">
            Save
          </button>
          <button type="button" className="button" onClick={() => setName(undefined)}>
            Cancel
          </button>
        </form>
      )}
      <button
        type="button"
        className="button"
        disabled={templateSource === undefined}
        onClick={() => editTemplate(undefined)}
      >
        Undo all edits
      </button>
      {current?.ref.startsWith('sha256:') && (
        <DeleteStored
          id={current.ref}
          name={current.name}
          words="Delete the saved one"
          consequences={storedConsequences}
          remove={() => deleteTemplate(current.ref)}
        />
      )}
      {failure && (
        <span className="bad-text" role="alert">
          {failure}
        </span>
      )}
    </div>
  );
}
