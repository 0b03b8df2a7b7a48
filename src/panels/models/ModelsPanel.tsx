// Models: the person's own and the built-in ones, what each is and can do here, and what this browser stores.
import { useState } from 'react';
import { megabytes } from '../../lib/words';
import { studioClient } from '../../stores/client';
import { loadKits } from '../../stores/kits';
import { BUILTIN_MODELS } from '../../stores/modelNames';
import { loadModels, useModelStore, useStoredModels } from '../../stores/models';
import { useRuns } from '../../stores/runs';
import { storedConsequences } from '../../stores/storedConsequences';
import { Card } from '../../ui/Card';
import { DeleteNote } from '../../ui/DeleteNote';
import type { PickedFile } from '../../ui/droppedFiles';
import { Panel } from '../../ui/Panel';
import { useDeleteQuestion } from '../../ui/useDeleteQuestion';
import { AddAdapter } from './AddAdapter';
import { CardView } from './CardView';
import { ImportCard } from './ImportCard';
import { baseOf, originWords, storedWords } from './modelsView';
import { StorageCard } from './StorageCard';
import '../../ui/parts.css';
import './models.css';

/** Held against this where the base of the adapter that is open is gone; the panel names it. */
const FALLBACK = { ref: 'builtin:micro', name: 'micro-base' };

export function ModelsPanel() {
  const stored = useStoredModels();
  const isLoaded = useModelStore((s) => s.isLoaded);
  const pending = useModelStore((s) => s.pending);
  const runs = useRuns((s) => Object.keys(s.runs).length);
  const [chosen, setChosen] = useState<string>();
  const [adding, setAdding] = useState<{ base: { ref: string; name: string }; files?: readonly PickedFile[] }>();
  const [version, setVersion] = useState(0);
  /** Goes up when notices of imports have had their time. */
  const [settled, setSettled] = useState(0);
  const settle = () => setSettled((n) => n + 1);
  const known = [...stored.map(({ id }) => id), ...BUILTIN_MODELS.map(({ ref }) => ref)];
  const current = chosen !== undefined && known.includes(chosen) ? chosen : (stored[0]?.id ?? 'builtin:micro');
  const model = stored.find(({ id }) => id === current);
  const question = useDeleteQuestion({
    consequences: async (id) => {
      const { held, consequence } = await storedConsequences(id);
      return {
        held: held && `${stored.find((one) => one.id === id)?.name} cannot be deleted now. ${held}`,
        consequence,
      };
    },
    remove: async (id) => {
      const kind = stored.find((one) => one.id === id)?.adapterOf ? 'adapter' : 'model';
      // What is lost with it was said where the person confirmed.
      await studioClient().compute.request('deleteStored', { kind, id, isForced: true });
      setAdding(undefined);
      settle();
      setVersion((n) => n + 1);
      await Promise.all([loadModels(), loadKits()]);
    },
  });
  /** Another model: what was said and asked of the one before is over. */
  const choose = (id: string) => {
    setChosen(id);
    setAdding(undefined);
    question.close();
    settle();
  };
  return (
    <Panel
      title="Models"
      lede="Your own model, as Hugging Face folders hold it, in and out. First lever when the question is about your model; not a way to make a weak one better."
    >
      <div className="models-grid">
        <div className="models-left">
          <ImportCard
            settled={settled}
            onImported={(id) => {
              setAdding(undefined);
              setChosen(id);
            }}
            onAdapter={(files) => setAdding({ base: baseOf(current, model) ?? FALLBACK, files })}
          />
          <Card title="In this browser" note={storedWords(stored)}>
            {!isLoaded && <div className="skeleton-block" aria-hidden="true" />}
            <ul className="models-list" aria-label="Models">
              {stored.map(({ id, name, sizeBytes, isImported, adapterOf, head }) => (
                <li key={id}>
                  <button
                    type="button"
                    className="models-item"
                    aria-pressed={id === current}
                    onClick={() => choose(id)}
                  >
                    <span className="one-line">{name}</span>
                    <small>
                      {originWords({ adapterOf, isImported, head })} · {megabytes(sizeBytes)}
                    </small>
                  </button>
                </li>
              ))}
              {BUILTIN_MODELS.map(({ ref, name }) => (
                <li key={ref}>
                  <button
                    type="button"
                    className="models-item"
                    aria-pressed={ref === current}
                    onClick={() => choose(ref)}
                  >
                    <span className="one-line">{name}</span>
                    <small>built-in</small>
                  </button>
                </li>
              ))}
            </ul>
          </Card>
        </div>
        <div className="models-right">
          {model && question.asked?.id === current && (
            <DeleteNote
              name={model.name}
              question={`Delete ${model.name} (${megabytes(model.sizeBytes)})?`}
              {...question.asked}
              isBusy={question.isBusy}
              onDelete={question.removeNow}
              onClose={question.close}
            />
          )}
          {adding && (
            <AddAdapter
              key={`adapter of ${adding.base.ref}`}
              base={adding.base.ref}
              baseName={adding.base.name}
              given={adding.files}
              onAdded={(id) => {
                choose(id);
              }}
              onClose={() => setAdding(undefined)}
            />
          )}
          <CardView
            key={current}
            onAddAdapter={model?.adapterOf ? undefined : () => setAdding({ base: baseOf(current, model) ?? FALLBACK })}
            modelRef={current}
            stored={model}
            onDelete={model && (() => void question.ask(model.id))}
          />
        </div>
      </div>
      <StorageCard
        version={`${[...stored, ...pending].map(({ id, name }) => id + name).join()} ${runs} ${version}`}
        onChanged={() => {
          settle();
          setVersion((n) => n + 1);
        }}
      />
    </Panel>
  );
}
