// Models in this browser beside the built-in ones, as every panel lists them; the import that runs; what Chat was asked to open.
import { useEffect } from 'react';
import { create } from 'zustand';
import { CancelledError } from '../lib/errors';
import { MODEL_TEMPLATE, type Recipe } from '../protocol/recipe';
import type { GivenBlob, ModelImportProgress, ModelRef, PendingImport, StoredModel } from '../protocol/requests';
import type { RunRecord } from '../protocol/run';
import { studioClient } from './client';
import { modelName } from './modelNames';
import { askToKeep } from './persistence';
import { useRuns } from './runs';

/** An import outlives the panel that began it. */
interface RunningImport {
  name: string;
  progress?: ModelImportProgress;
  error?: string;
}
export interface WantedInChat {
  right: ModelRef;
  left?: ModelRef;
}
interface ModelsState {
  models: StoredModel[];
  pending: PendingImport[];
  /** Models and runs (`run:<id>`) that were deleted here, by name. */
  removed: { id: string; name: string }[];
  isLoaded: boolean;
  importing?: RunningImport;
  /** The last import brought what was there already, under this name. */
  known?: StoredModel;
  /** What Chat was asked to open: the model on its right side, and what it is to be held against. */
  wanted?: WantedInChat;
  /** Reward model that its page was asked to judge. */
  wantedReward?: ModelRef;
  /** Base that LoRA takes when it opens, once. */
  wantedBase?: { ref: ModelRef; tokenizer?: string };
}
export const useModelStore = create<ModelsState>()(() => ({
  models: [],
  pending: [],
  removed: [],
  isLoaded: false,
}));

/** All of them; the list is read anew when a panel that shows it opens. */
export function useStoredModels(): StoredModel[] {
  useEffect(() => {
    loadModels().catch(() => {}); // what was listed before stays
  }, []);
  return useModelStore((s) => s.models);
}
export async function loadModels(): Promise<void> {
  const listed = await studioClient().compute.request('listModels', {});
  useModelStore.setState(({ wanted }) => {
    // Only what was deleted: an adapter that a run has left is in no list, and opens all the same.
    const isGone = [wanted?.right, wanted?.left].some((ref) => listed.removed.some(({ id }) => id === ref));
    return { ...listed, isLoaded: true, ...(isGone && { wanted: undefined }) };
  });
}

/** Chat opens with these two, whatever was chosen there before. */
export function openInChat(right: ModelRef, left?: ModelRef): void {
  useModelStore.setState({ wanted: { right, ...(left !== undefined && { left }) } });
  location.hash = '#/chat';
}

/** Its page opens with this one judged, whatever was chosen there before. */
export function openInReward(wantedReward: ModelRef): void {
  useModelStore.setState({ wantedReward });
  location.hash = '#/reward';
}

let controller: AbortController | undefined;
/** Reads a folder's files; progress and a failure are in the store. Resolves to the model, undefined when it did not come in. */
export async function importModel(name: string, files: GivenBlob[]): Promise<StoredModel | undefined> {
  if (controller) return undefined;
  controller = new AbortController();
  const { signal } = controller;
  useModelStore.setState({ importing: { name }, known: undefined });
  void askToKeep();
  try {
    const { isKnown, ...model } = await studioClient().compute.request(
      'importModel',
      { name, files },
      { signal, onProgress: (progress) => useModelStore.setState({ importing: { name, progress } }) },
    );
    useModelStore.setState({ importing: undefined, ...(isKnown && { known: model }) });
    return model;
  } catch (error) {
    const isCancelled = error instanceof CancelledError;
    useModelStore.setState({ importing: isCancelled ? undefined : { name, error: (error as Error).message } });
    return undefined;
  } finally {
    controller = undefined;
    await loadModels().catch(() => {});
  }
}
/** Keeps an adapter beside a model; one that is there already is told as `known`. Throws in words. */
export async function addAdapter(base: ModelRef, files: GivenBlob[], isBaseConfirmed: boolean): Promise<StoredModel> {
  useModelStore.setState({ known: undefined });
  void askToKeep();
  const { isKnown, ...added } = await studioClient().compute.request('addModelAdapter', { base, files, isBaseConfirmed }); // biome-ignore format: one request
  useModelStore.setState({ ...(isKnown && { known: added }) });
  await loadModels().catch(() => {}); // it is kept all the same
  return added;
}
export const cancelImport = (): void => controller?.abort();
/** What was said of the last import; one that runs goes on. */
export const dismissImport = (): void =>
  useModelStore.setState(({ importing }) => ({ importing: importing?.error === undefined ? importing : undefined, known: undefined })); // biome-ignore format: one change

export async function discardImport(id: string): Promise<void> {
  await studioClient().compute.request('discardImport', { id });
  await loadModels();
}
export async function renameModel(id: string, name: string): Promise<void> {
  await studioClient().compute.request('renameModel', { id, name });
  await loadModels();
}

/** Names of all models, those that are gone among them; the panel reads the list (`useStoredModels`). */
export function useModelName(): (ref: ModelRef) => string {
  const { models, removed, isLoaded } = useModelStore();
  const runs = useRuns((s) => s.runs);
  // Before the list is there nobody knows what is missing.
  return (ref) => (isLoaded || !ref.startsWith('sha256:') ? modelName(ref, { models, removed, runs }) : '…');
}
/** Artifact id of the tokenizer that a model reads with; undefined for the studio's own. */
export function tokenizerOf(
  ref: ModelRef,
  models: readonly StoredModel[],
  runs: Record<string, RunRecord>,
): string | undefined {
  let at = ref;
  // A run may be trained on a run; each step goes to an older one.
  for (let i = 0; i < 32; i++) {
    const runId = /^run:([\w-]+)/.exec(at)?.[1];
    if (runId === undefined) return models.find(({ id }) => id === at)?.tokenizer;
    const next = runs[runId]?.recipe.model.ref;
    if (next === undefined) return undefined;
    at = next;
  }
  return undefined;
}

/** The template that a model was trained with; undefined also for what no list shows: the worker that renders for it knows. */
export function trainedTemplate(
  ref: ModelRef,
  models: readonly StoredModel[],
  runs: Record<string, RunRecord>,
): string | undefined {
  const runId = /^run:([\w-]+)/.exec(ref)?.[1];
  return runId === undefined ? models.find(({ id }) => id === ref)?.template : runs[runId]?.recipe.template;
}
/** The run that a ref means, or that has left the artifact. */
export function trainedBy(ref: ModelRef, runs: Record<string, RunRecord>): RunRecord | undefined {
  const runId = /^run:([\w-]+)/.exec(ref)?.[1];
  return runId === undefined
    ? Object.values(runs).find(({ outputs }) => Object.values(outputs).includes(ref))
    : runs[runId];
}

/** The recipe on another model, with a template that the model's tokenizer can write. */
export function withModel<R extends Recipe>(recipe: R, ref: ModelRef, tokenizer: string | undefined): R {
  const { quantization } = recipe.model;
  const own = tokenizer === undefined ? 'builtin:chatml' : MODEL_TEMPLATE;
  const isOther = (recipe.template === MODEL_TEMPLATE) !== (tokenizer !== undefined);
  return {
    ...recipe,
    model: { ref, ...(quantization && { quantization }) },
    template: isOther ? own : recipe.template,
  };
}
