// A model's card: what it is, what it came from, and what this device can do with it.
import { useState } from 'react';
import { dataOf } from '../../labs/recipeData';
import { megabytes } from '../../lib/words';
import type { ModelCard, StoredModel } from '../../protocol/requests';
import { studioClient } from '../../stores/client';
import { useDatasets } from '../../stores/datasets';
import { builtinName } from '../../stores/modelNames';
import { openInChat, openInReward, renameModel, useModelStore, withModel } from '../../stores/models';
import { saveBlob } from '../../stores/saveFile';
import { useSession } from '../../stores/session';
import { setNames } from '../../stores/setNames';
import { useSftDraft } from '../../stores/sftDraft';
import { useLoaded } from '../../stores/useLoaded';
import { useWorkbench } from '../../stores/workbench';
import { Card } from '../../ui/Card';
import { Fault } from '../../ui/Fault';
import { Progress } from './ImportCard';
import {
  adapterFacts,
  dtypeWords,
  memoryNotes,
  memoryWords,
  originWords,
  shapeFacts,
  tokenizerWords,
  USE_NAMES,
} from './modelsView';

export function CardView({
  modelRef,
  stored,
  onAddAdapter,
  onDelete,
}: {
  modelRef: string;
  stored?: StoredModel;
  /** Absent for an adapter: one is not put beside another. */
  onAddAdapter?: () => void;
  onDelete?: () => void;
}) {
  const restarts = useSession((s) => s.restarts);
  const card = useLoaded(`${modelRef} ${stored?.name ?? ''} ${restarts}`, (signal) =>
    studioClient().compute.request('modelCard', { ref: modelRef }, { signal }),
  );
  const value = card.value?.info.ref === modelRef ? card.value : undefined;
  const [draft, setDraft] = useState<string>();
  const [exporting, setExporting] = useState<{ controller: AbortController; share: number }>();
  const [error, setError] = useState<string>();
  const name = stored?.name ?? builtinName(modelRef) ?? value?.info.name ?? modelRef;

  const rename = () => {
    const next = draft?.trim();
    if (stored && next && next !== stored.name)
      renameModel(stored.id, next).catch((cause: Error) => setError(cause.message));
    setDraft(undefined);
  };
  const exportPeft = async () => {
    setError(undefined);
    try {
      const { fileName, blob } = await studioClient().compute.request('exportAdapter', { ref: modelRef, form: 'peft' });
      saveBlob(fileName, blob);
    } catch (cause) {
      setError((cause as Error).message);
    }
  };
  const exportIt = async () => {
    const controller = new AbortController();
    setError(undefined);
    setExporting({ controller, share: 0 });
    try {
      const { fileName, blob } = await studioClient().compute.request(
        'exportModel',
        { ref: modelRef },
        {
          signal: controller.signal,
          onProgress: ({ doneBytes, totalBytes }) => setExporting({ controller, share: doneBytes / totalBytes }),
        },
      );
      saveBlob(fileName, blob);
    } catch (cause) {
      if (!controller.signal.aborted) setError((cause as Error).message);
    } finally {
      setExporting(undefined);
    }
  };
  const failure = error ?? card.error?.message;
  return (
    <Card
      title={
        draft === undefined ? (
          name
        ) : (
          <input
            className="field-input"
            aria-label="New name of the model"
            // biome-ignore lint/a11y/noAutofocus: the person has just asked to type here
            autoFocus
            value={draft}
            onChange={(event) => setDraft(event.currentTarget.value)}
            onBlur={rename}
            onKeyDown={(event) => {
              if (event.key === 'Enter') rename();
              if (event.key === 'Escape') setDraft(undefined);
            }}
          />
        )
      }
      note={stored ? originWords(stored) : 'ships with the studio'}
      className="models-card"
      actions={
        <>
          {stored && (
            <button type="button" className="link" aria-label={`Rename ${name}`} onClick={() => setDraft(stored.name)}>
              Rename
            </button>
          )}
          {exporting ? (
            <button
              type="button"
              className="link"
              aria-label={`Stop exporting ${name}`}
              onClick={() => exporting.controller.abort()}
            >
              Stop exporting
            </button>
          ) : stored?.adapterOf?.isGone ? null : (
            <button
              type="button"
              className="link"
              aria-label={`${stored?.adapterOf ? 'Export merged (.zip)' : 'Export as a folder (.zip)'}: ${name}`}
              onClick={() => void exportIt()}
            >
              {stored?.adapterOf ? 'Export merged (.zip)' : 'Export as a folder (.zip)'}
            </button>
          )}
          {stored?.adapterOf && (
            <button
              type="button"
              className="link"
              aria-label={`Export in PEFT’s files (.zip): ${name}`}
              onClick={() => void exportPeft()}
            >
              Export in PEFT’s files (.zip)
            </button>
          )}
          {onAddAdapter && (
            <button type="button" className="link" aria-label={`Add an adapter to ${name}`} onClick={onAddAdapter}>
              Add an adapter
            </button>
          )}
          {onDelete && (
            <button type="button" className="link" aria-label={`Delete ${name}`} onClick={onDelete}>
              Delete
            </button>
          )}
        </>
      }
    >
      {exporting && <Progress value={exporting.share} label="Export progress" />}
      <Fault text={failure} />
      {stored?.adapterOf?.isGone && (
        <p className="quiet">The adapter itself is here: its own files go out with “Export in PEFT’s files”.</p>
      )}
      {value ? (
        <CardBody card={value} stored={stored} />
      ) : (
        !failure && <div className="skeleton-block" aria-hidden="true" />
      )}
    </Card>
  );
}

function Facts({ facts }: { facts: readonly [string, string][] }) {
  return (
    <dl className="facts">
      {facts.map(([label, words]) => (
        <div key={label} className="facts-pair">
          <dt>{label}</dt>
          <dd>{words}</dd>
        </div>
      ))}
    </dl>
  );
}

function CardBody({ card, stored }: { card: ModelCard; stored?: StoredModel }) {
  const { recipe, edit } = useSftDraft();
  const { info, tokenizer, uses, shape, parents } = card;
  const data = dataOf(recipe);
  const sets = useDatasets().value?.datasets ?? [];
  const isReward = info.head === 'score';
  const runs = (use: string) => !isReward && uses.some((one) => one.use === use && !one.refusal);
  const isBase = !['builtin:micro-sft', 'builtin:micro-demos'].includes(info.ref);
  const { openKit, bringKit } = useWorkbench();
  /** With this model in hand there; Template and Mask read with its tokenizer from then on. */
  const open = (panel: '#/sft' | '#/lora') => {
    if (panel === '#/lora') useModelStore.setState({ wantedBase: { ref: info.ref, tokenizer: stored?.tokenizer } });
    else edit(withModel(recipe, info.ref, stored?.tokenizer));
    bringKit(stored?.tokenizer);
    location.hash = panel;
  };
  return (
    <>
      <div className="models-verbs">
        {isReward && (
          <button type="button" className="button primary" onClick={() => openInReward(info.ref)}>
            Judge it in Reward model
          </button>
        )}
        {runs('chat') && (
          <button type="button" className="button primary" onClick={() => openInChat(info.ref, card.base?.ref)}>
            {card.base === undefined ? 'Chat with it' : 'Compare with its base in Chat'}
          </button>
        )}
        {runs('full') && isBase && (
          <button type="button" className="button" onClick={() => open('#/sft')}>
            Train in SFT
          </button>
        )}
        {runs('lora') && (
          <button type="button" className="button" onClick={() => open('#/lora')}>
            {stored?.adapterOf ? 'Train on it, merged' : 'Train an adapter'}
          </button>
        )}
        {(['template', 'mask'] as const).map((page) => (
          <a
            key={page}
            className="button"
            href={`#/${page}`}
            title={`With the tokenizer and template of ${tokenizer.name}`}
            onClick={() => openKit(stored?.tokenizer)}
          >
            {page === 'template' ? 'Open in Template' : 'Open in Mask'}
          </a>
        ))}
      </div>
      {isReward && (
        <p className="quiet">
          A reward model gives texts numbers and writes none, so Chat, SFT and LoRA take language models only. Its
          export says how AutoModelForSequenceClassification reads it.
        </p>
      )}
      {runs('full') && isBase && (
        <p className="quiet models-small">
          Train in SFT keeps the rows of the recipe there:{' '}
          {data === undefined ? 'a mixture of several sets' : (setNames(sets).get(data) ?? 'a set that is not listed')}.
          To train on others, choose them there, or on the Data page.
        </p>
      )}
      <div className="models-facts">
        <div>
          {info.adapters && (
            <>
              <h3>The adapter</h3>
              <Facts facts={adapterFacts(card)} />
              <h3>Its base{card.base && `, ${card.base.name}`}</h3>
            </>
          )}
          <Facts facts={shapeFacts(card)} />
        </div>
        <dl className="facts">
          <div className="facts-pair">
            <dt>{info.adapters ? 'weights of its base' : 'weights'}</dt>
            <dd>{dtypeWords(card.dtypes)}</dd>
          </div>
          <div className="facts-pair">
            <dt>tokenizer</dt>
            <dd>{tokenizerWords(card)}</dd>
          </div>
          {[['id', info.artifactId], ...Object.entries(parents)].map(([role, id]) => (
            <div key={role} className="facts-pair">
              <dt>{role === 'id' ? 'id' : `from ${role}`}</dt>
              <dd>
                <button
                  type="button"
                  className="link"
                  title={`Copy ${id}`}
                  onClick={() => void navigator.clipboard.writeText(id!)}
                >
                  {id!.replace('sha256:', '').slice(0, 12)}
                </button>
              </dd>
            </div>
          ))}
          {card.files.map(({ path, sizeBytes }) => (
            <div key={path} className="facts-pair">
              <dt className="mono">{path}</dt>
              <dd>{megabytes(sizeBytes)}</dd>
            </div>
          ))}
        </dl>
      </div>
      <h3>What runs on this device</h3>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrollable region must be reachable by keyboard */}
      <section className="models-scroll" aria-label="What runs on this device" tabIndex={0}>
        <table className="data-table">
          <thead>
            <tr>
              <th>use</th>
              <th className="n">memory: weights + on the way</th>
              <th>here</th>
            </tr>
          </thead>
          <tbody>
            {uses.map((use) => (
              <tr key={use.use}>
                <td>{USE_NAMES[use.use]}</td>
                <td className="n mono">{memoryWords(use)}</td>
                <td>
                  {use.refusal ? (
                    <span className="bad-text">{use.refusal}</span>
                  ) : (
                    <span className="verdict ok">runs</span>
                  )}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
      {memoryNotes(uses).map((note) => (
        <p key={note} className="quiet models-small">
          {note}
        </p>
      ))}
      <p className="quiet models-small">
        Planned for {shape.B} row of {shape.T} tokens, f32. More rows take more; the forms of SFT and LoRA say how much
        before anything starts.
      </p>
      {[...card.notes, ...tokenizer.notes].map((note) => (
        <p key={note} className="warn-text models-small">
          {note}
        </p>
      ))}
    </>
  );
}
