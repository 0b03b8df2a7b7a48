// Chat playground: one prompt, two models side by side, with the raw prompt as text and ids.
import { useMemo, useState } from 'react';
import { count, plural } from '../../lib/words';
import type { DatasetRow, Message, ToolSchema } from '../../protocol/chat';
import type { SamplingOptions } from '../../protocol/model';
import type { TextRequests } from '../../protocol/requests';
import { studioClient } from '../../stores/client';
import { tokenizerOf, trainedBy, trainedTemplate, useModelStore } from '../../stores/models';
import { useRuns } from '../../stores/runs';
import { useTemplates } from '../../stores/templates';
import { useLoaded } from '../../stores/useLoaded';
import { Card } from '../../ui/Card';
import { PromptStrip } from '../../ui/EncodedStrip';
import { Fault } from '../../ui/Fault';
import { Panel } from '../../ui/Panel';
import { Segmented } from '../../ui/Segmented';
import { TemplateSelect } from '../../ui/TemplateSelect';
import { AnswerCard } from './AnswerCard';
import { Composer } from './Composer';
import { openingOf, promptOf } from './chatView';
import { type ChatExample, CONTINUATIONS, EXAMPLES } from './examples';
import { useModels } from './models';
import { usePlainRows } from './plainRows';
import { SamplingFields, samplingProblems, type TypedSampling } from './SamplingFields';
import { useAnswer } from './useAnswer';
import '../../ui/parts.css';
import './chat.css';

const MODES = [
  { id: 'chat', label: 'Chat' },
  { id: 'plain', label: 'Plain continuation' },
] as const;
type Mode = (typeof MODES)[number]['id'];
const START: Message[] = [
  { role: 'system', content: 'You are a finance operations assistant. Answer in strict JSON.' },
  { role: 'user', content: 'Q3 spending of the sales department?' },
];
const SAMPLING: SamplingOptions = { temperature: 0, top_k: 0, top_p: 1, min_p: 0, max_new_tokens: 160, seed: 7 };

export function ChatPanel() {
  const models = useModels();
  const [chosenMode, setMode] = useState<Mode>();
  const [messages, setMessages] = useState(START);
  const [typedText, setText] = useState<string>();
  const [tools, setTools] = useState<ToolSchema[]>([]);
  const [offered, setOffered] = useState<ReadonlySet<string>>(new Set());
  const [sampling, setSampling] = useState(SAMPLING);
  const [typed, setTyped] = useState<TypedSampling>({});
  const [template, setTemplate] = useState('');
  const [exampleError, setExampleError] = useState<string>();
  const left = useAnswer();
  const right = useAnswer();

  const chosenTools = useMemo(() => tools.filter((t) => offered.has(t.function.name)), [tools, offered]);
  const runs = useRuns((s) => s.runs);
  // No template stood in plain rows: the model goes on with a text, as it learnt to.
  const plain = usePlainRows(trainedBy(models.right, runs));
  const mode = chosenMode ?? (plain ? 'plain' : 'chat');
  const text = typedText ?? plain?.prompt ?? CONTINUATIONS[0]!;
  const templates = useTemplates();
  // Served as it was trained, unless the person wants to see what happens otherwise; one that was not reads what the right one reads.
  const stored = useModelStore((s) => s.models);
  const trainedWith = trainedTemplate(models.right, stored, runs);
  const leftTemplate = trainedTemplate(models.left, stored, runs);
  const encode = (model: string, served: string | undefined, signal: AbortSignal): Promise<RenderedPrompt> =>
    mode === 'plain'
      ? studioClient().text.request('encodeText', { text, model }, { signal })
      : studioClient().text.request(
          'encodePrompt',
          {
            messages: promptOf(messages),
            tools: chosenTools.length > 0 ? chosenTools : undefined,
            template: template || served,
            model,
          },
          { signal },
        );
  const said = mode === 'plain' ? ['plain', text] : [messages, chosenTools, template];
  const prompt = useLoaded(
    JSON.stringify([...said, models.right, trainedWith]),
    (signal) => encode(models.right, trainedWith, signal),
    120,
  );
  // Another tokenizer reads the same words as other ids, and its model knows its own template.
  const isAlike = tokenizerOf(models.left, stored, runs) === tokenizerOf(models.right, stored, runs);
  const leftServed = leftTemplate ?? (isAlike ? trainedWith : undefined);
  const leftPrompt = useLoaded(
    JSON.stringify([...said, models.left, leftServed]),
    (signal) => encode(models.left, leftServed, signal),
    120,
  );
  const isBusy = [left, right].some(({ state }) => state.status === 'waiting' || state.status === 'writing');
  const problem = samplingProblems(typed)[0];
  const isEncoded = (one: typeof prompt) => one.value && !one.isLoading && !one.error && one.value.ids.length > 0;
  const ready = isEncoded(prompt) && isEncoded(leftPrompt);
  const ask = () => {
    if (!prompt.value || !leftPrompt.value || !ready || problem) return;
    const { ids, stopIds } = prompt.value;
    const { ids: leftIds, stopIds: leftStops } = leftPrompt.value;
    void left.ask({ ref: models.left, ids: leftIds.slice(), sampling, stopIds: leftStops });
    if (models.right) void right.ask({ ref: models.right, ids: ids.slice(), sampling, stopIds });
  };
  const loadExample = async (i: number) => {
    const example = EXAMPLES[i];
    if (!example) return;
    try {
      const row = (await firstRow(example, 'heldout')) ?? (await firstRow(example, 'train'));
      if (!row?.messages) throw new Error(`No row contains “${example.filter}”.`);
      setMode('chat');
      setMessages(example.filter.startsWith('East') ? promptOf(row.messages) : openingOf(row.messages));
      setTools(row.tools ?? []);
      setOffered(new Set((row.tools ?? []).map((t) => t.function.name)));
      setExampleError(undefined);
      left.reset();
      right.reset();
    } catch (error) {
      setExampleError((error as Error).message);
    }
  };
  return (
    <Panel
      title="Chat"
      lede="One prompt, two models. First look when a curve is good and you do not believe it; one answer is an anecdote, so measure before you change the recipe."
      actions={
        <>
          <Segmented
            label="Prompt as"
            options={MODES}
            value={mode}
            onChange={(next) => {
              setMode(next);
              left.reset(); // answers belong to the prompt that they were given
              right.reset();
            }}
          />
          {isBusy ? (
            <button
              type="button"
              className="button"
              onClick={() => {
                left.stop();
                right.stop();
              }}
            >
              Stop
            </button>
          ) : (
            <button
              type="button"
              className="button primary"
              disabled={!ready || problem !== undefined}
              title={problem}
              onClick={ask}
            >
              Generate
            </button>
          )}
        </>
      }
    >
      <div className="chat-grid">
        <div className="chat-left">
          <Card
            title={mode === 'plain' ? 'Text to continue' : 'Prompt'}
            actions={
              <select
                className="select"
                aria-label="Load an example"
                value=""
                onChange={(event) => {
                  const i = Number(event.currentTarget.value);
                  if (mode === 'plain') setText(CONTINUATIONS[i] ?? text);
                  else void loadExample(i);
                }}
              >
                <option value="" disabled>
                  Load an example
                </option>
                {(mode === 'plain' ? CONTINUATIONS : EXAMPLES.map((e) => e.title)).map((title, i) => (
                  <option key={title} value={i}>
                    {title}
                  </option>
                ))}
              </select>
            }
          >
            {mode === 'plain' ? (
              <textarea
                className="plain-text mono"
                aria-label="Text to continue"
                rows={5}
                value={text}
                onChange={(event) => setText(event.currentTarget.value)}
              />
            ) : (
              <Composer
                messages={messages}
                onChange={setMessages}
                tools={tools}
                offered={offered}
                onOffer={setOffered}
              />
            )}
            <Fault text={exampleError} />
          </Card>
          <Card
            title="Sampling"
            note={sampling.temperature === 0 ? 'greedy: the likeliest token each time' : undefined}
          >
            <SamplingFields value={sampling} onChange={setSampling} typed={typed} onType={setTyped} />
            {mode === 'chat' && (
              <div className="inline-field chat-template">
                <span>template</span>
                <TemplateSelect
                  label="Serve with the template"
                  templates={templates}
                  value={template}
                  onChange={setTemplate}
                  firstOption={
                    trainedWith === undefined
                      ? 'as the base expects'
                      : plain
                        ? 'that of its recipe'
                        : 'as the right model was trained'
                  }
                />
              </div>
            )}
            {mode === 'chat' && plain && (
              <p className="quiet">
                The right model was trained on rows of plain text, without a template: under one it reads what it has
                not learnt.
              </p>
            )}
          </Card>
        </div>
        <div className="chat-right">
          <div className="answers">
            <AnswerCard
              label="Left model"
              models={models.options}
              model={models.left}
              onModel={models.setLeft}
              state={left.state}
              tools={chosenTools}
              isChat={mode === 'chat'}
            />
            <AnswerCard
              label="Right model"
              models={models.options}
              model={models.right}
              onModel={models.setRight}
              state={right.state}
              tools={chosenTools}
              isChat={mode === 'chat'}
              emptyHint={
                models.right.startsWith('builtin:')
                  ? 'Train a model in SFT, and it can answer here beside its base.'
                  : undefined
              }
            />
          </div>
          <RawPrompt
            text={prompt.value?.text}
            tokens={prompt.value?.tokens}
            ids={prompt.value?.ids}
            role={prompt.value?.role}
            origin={prompt.value?.origin}
            error={prompt.error?.message ?? leftPrompt.error?.message}
          />
        </div>
      </div>
    </Panel>
  );
}

/** Plain continuations have no roles. */
type RenderedPrompt = TextRequests['encodePrompt']['reply'];

/** Held-out rows first: a model has not seen their wording. */
async function firstRow({ datasetId, filter }: ChatExample, split: string): Promise<DatasetRow | undefined> {
  const { rows } = await studioClient().text.request('rows', {
    datasetId,
    split,
    offset: 0,
    limit: 1,
    query: { text: filter },
  });
  return rows[0]?.row;
}

const VIEWS = ['tokens', 'string', 'ids'] as const;

function RawPrompt({
  text,
  tokens,
  ids,
  role,
  origin,
  error,
}: {
  text?: string;
  tokens?: string[];
  ids?: Int32Array;
  role?: Uint8Array;
  origin?: Uint8Array;
  error?: string;
}) {
  const [view, setView] = useState<(typeof VIEWS)[number]>('tokens');
  const [chosen, setChosen] = useState(0);
  return (
    <Card
      title="Raw prompt"
      note={tokens ? `what the model reads: ${plural(tokens.length, 'token')}` : undefined}
      actions={<Segmented label="Show the prompt as" options={VIEWS} value={view} onChange={setView} />}
      className="raw-prompt"
    >
      {error ? (
        <Fault text={error} />
      ) : !tokens || !ids ? (
        <div className="skeleton-block" aria-hidden="true" />
      ) : view === 'tokens' ? (
        <>
          <PromptStrip
            tokens={tokens}
            ids={ids}
            role={role}
            origin={origin}
            selected={Math.min(chosen, tokens.length - 1)}
            onSelect={setChosen}
            label="Tokens of the prompt"
          />
          <p className="token-line mono" aria-live="polite">
            token {count(Math.min(chosen, tokens.length - 1))} · id {ids[Math.min(chosen, tokens.length - 1)]}
          </p>
        </>
      ) : view === 'string' ? (
        <pre className="mono rendered-text">{text}</pre>
      ) : (
        <p className="mono ids">{Array.from(ids).join(' ')}</p>
      )}
    </Card>
  );
}
