// Handlers of the text worker: datasets, templates, encoding, masks. Works in Node too, over the same storage interface.
import { toJsonl } from '../data/jsonl';
import { blobSource } from '../data/source';
import { encodeRecipeSteps, recipeRows } from '../labs/recipeRows';
import type { EncodedRow } from '../protocol/chat';
import type { Recipe } from '../protocol/recipe';
import type { Handlers, TemplateSettings, TextRequests } from '../protocol/requests';
import { artifactId, manifestOf } from '../storage/hash';
import type { Storage } from '../storage/storage';
import { encodePlainPrompt, encodePrompt } from '../text/encodePrompt';
import { insertGenerationMarkers } from '../text/insertMarkers';
import { render } from '../text/render';
import { lintTemplate } from '../text/templateLint';
import { turnEnds } from '../text/turnEnds';
import { Annotations } from './annotations';
import { ArtifactHolds } from './artifactHolds';
import { compareRows } from './compareRows';
import { DatasetChanges } from './datasetChanges';
import { exportDataset } from './datasetExports';
import { Datasets } from './datasets';
import { yieldToMessages } from './deviceQueue';
import { Goldens } from './goldens';
import { maskReport } from './maskReport';
import type { ReadModelFile } from './modelFiles';
import { RenderContexts, templateId } from './renderContexts';
import { transferring } from './rpc';
import type { RunLocks } from './runLocks';
import { Templates } from './templates';

export interface TextEnvironment {
  storage: Storage;
  /** Milliseconds since the epoch; templates may print today's date. */
  now: () => number;
  readModelFile: ReadModelFile;
  locks: RunLocks;
}

/** Rows of the dataset in hand on which inserted markers are proven. */
const PROOF_ROWS = 100;

export function createTextService(env: TextEnvironment): Handlers<TextRequests> {
  const datasets = new Datasets(env.storage, env.now);
  const changes = new DatasetChanges(datasets);
  const contexts = new RenderContexts(env.readModelFile, env.storage, env.now);
  const annotations = new Annotations(env.storage, datasets, env.now);
  const goldens = new Goldens(env.storage);
  const templates = new Templates(env.storage, env.now);
  const holds = new ArtifactHolds(env.storage, env.now, env.locks);
  const settingsOf = async ({ kit, model, template, chat_template_kwargs, ...settings }: TemplateSettings) => {
    const context = await (model === undefined ? contexts.ofKit(kit, template) : contexts.ofModel(model, template));
    return {
      ...context,
      ...settings,
      chat_template_kwargs,
      templateVariables: { ...context.templateVariables, ...chat_template_kwargs },
    };
  };

  return {
    listDatasets: async () => ({ datasets: await datasets.list() }),
    previewDataset: ({ fileId, file, name, mapping }, { progress, signal }) =>
      datasets.preview(fileId, file, name, mapping, { signal, onProgress: progress }),
    importDataset: ({ name, file, mapping, keepFaulty }, { progress, signal }) =>
      datasets.import(blobSource(file, name), {
        mapping,
        keepFaulty,
        onRows: (rows, readBytes, kept) => progress({ rows, readBytes, totalBytes: file.size, kept }),
        signal,
      }),
    deleteDataset: ({ datasetId }) => holds.whileUnread(datasetId, () => datasets.remove(datasetId)),
    renameDataset: ({ datasetId, title }) => datasets.rename(datasetId, title),
    datasetFacets: ({ datasetId }) => datasets.facets(datasetId),
    rows: ({ datasetId, split, ...page }, { signal, progress }) =>
      datasets.page(datasetId, split, page, { signal, onProgress: progress }),
    rowText: ({ datasetId, place }) => changes.text(datasetId, place),
    editRow: ({ datasetId, place, text }) => changes.edit(datasetId, place, text),
    undoEdit: ({ datasetId, place }) =>
      place === undefined ? changes.discard(datasetId) : changes.undo(datasetId, place),
    saveEdits: ({ datasetId }, { signal, progress }) => changes.save(datasetId, { signal, onProgress: progress }),
    previewOperation: ({ datasetId, operation }, { signal, progress }) =>
      changes.preview(datasetId, operation, { signal, onProgress: progress }),
    deriveDataset: ({ datasetId, operation }, { signal, progress }) =>
      changes.derive(datasetId, operation, { signal, onProgress: progress }),
    exportDataset: ({ datasetId, ...asked }, { signal, progress }) =>
      exportDataset(datasets, datasetId, asked, { signal, onProgress: progress }),
    listAnnotations: async () => ({ sessions: await annotations.list() }),
    createAnnotation: (given) => annotations.create(given),
    annotationSession: ({ id }) => annotations.view(id),
    annotationPair: ({ id, pair }) => annotations.pair(id, pair),
    annotate: ({ id, action }) => annotations.act(id, action),
    revealPair: ({ id, pair, crowd }) => annotations.reveal(id, pair, crowd),
    annotationReport: ({ id }) => annotations.report(id),
    makeAnnotationSet: ({ id, options }) => annotations.makeSet(id, options),
    async exportAnnotation({ id }) {
      const { fileName, bytes } = await annotations.export(id);
      const buffer = bytes.buffer as ArrayBuffer;
      return transferring({ fileName, bytes: buffer }, [buffer]);
    },
    deleteAnnotation: ({ id }) => annotations.remove(id),
    async encodeRow({ row, rowId, settings }) {
      const full = await settingsOf(settings);
      const encoded = render(row, rowId, full);
      const { tokenizer, padToken } = full;
      const padId = padToken === undefined ? undefined : tokenizer.idOf(padToken);
      return {
        encoded,
        ...(padId !== undefined && { pad: { id: padId, text: tokenizer.tokenText(padId) } }),
        tokens: Array.from(encoded.ids, (id) => tokenizer.tokenText(id)),
        bytes: Array.from(encoded.ids, (id) => hex(tokenizer.tokenBytes(id))),
      };
    },
    async encodePrompt({ messages, tools, template, model }) {
      const { text, ids, spanStart, spanEnd, role, origin, tokens, stopIds } = encodePrompt(messages, {
        ...(await contexts.served(model, template)),
        tools,
      });
      return { text, ids, spanStart, spanEnd, role, origin, tokens, stopIds };
    },
    encodeText: async ({ text, model }) => encodePlainPrompt(text, await contexts.ofModel(model)),
    async decode({ ids }) {
      const { tokenizer } = await contexts.tokenizer();
      return { text: tokenizer.decode(ids), tokens: ids.map((id) => tokenizer.tokenText(id)) };
    },
    async maskReport({ datasetId, split, settings, limit }, { progress, signal }) {
      const full = await settingsOf(settings);
      return maskReport(datasets.batches(datasetId, split, limit), full, { now: env.now, signal, onColumns: progress });
    },
    async lintTemplate({ messages, tools, settings }) {
      return { findings: lintTemplate(await settingsOf(settings), { messages, tools }) };
    },
    async insertMarkers({ settings, messages, tools, datasetId, split }) {
      const { template, tokenizer, templateVariables, now } = await settingsOf(settings);
      const rows = datasetId
        ? (await datasets.page(datasetId, split ?? 'train', { offset: 0, limit: PROOF_ROWS })).rows
        : [];
      const conversations = [{ messages: messages ?? [], tools }, ...rows.map(({ row }) => row)].flatMap(
        ({ messages: turns, tools: offered }) => (turns?.length ? [{ messages: turns, tools: offered }] : []),
      );
      return insertGenerationMarkers(template.source, {
        conversations,
        specials: tokenizer.addedTokens.filter((token) => token.special).map((token) => token.content),
        tokens: tokenizer.addedTokens.map((token) => token.content),
        variables: templateVariables,
        now,
      });
    },
    async compare({ datasetId, split, limit, a, b }, { signal, progress }) {
      return compareRows(datasets.batches(datasetId, split, limit), [await settingsOf(a), await settingsOf(b)], {
        now: env.now,
        signal,
        onProgress: progress,
      });
    },
    pinGolden: async ({ name, row, settings, replace }) => goldens.pin(name, row, await settingsOf(settings), replace),
    removeGolden: ({ name }) => goldens.remove(name),
    // Each with the variables that it was pinned with.
    checkGoldens: async ({ settings: { kit, template } }) => goldens.check(await contexts.ofKit(kit, template)),
    async exportGoldens() {
      const { fileName, bytes } = await goldens.export();
      const buffer = bytes.buffer as ArrayBuffer;
      return transferring({ fileName, bytes: buffer }, [buffer]);
    },
    importGoldens: ({ bytes, taken }) => goldens.import(new Uint8Array(bytes), taken),
    listKits: async () => ({ kits: await contexts.kits.list() }),
    importKit: ({ name, files }) => contexts.kits.import(name, files),
    deleteKit: ({ id }) => holds.whileUnread(id, () => contexts.kits.remove(id)),
    async describeTemplate({ kit: given, model, template }) {
      const kit = model === undefined ? given : (await contexts.kitOf(model)).kit;
      const context = await (model === undefined ? contexts.ofKit(kit, template) : contexts.ofModel(model, template));
      const { source, hasGeneration } = context.template;
      return {
        templateId: await templateId(source),
        tokenizerId: kit ?? (await contexts.tokenizer()).id,
        source,
        hasGeneration,
        vocabSize: context.tokenizer.vocabSize,
        turnEnds: Array.from(turnEnds(context), (id) => context.tokenizer.tokenText(id)),
      };
    },
    listTemplates: async () => ({ templates: await templates.list() }),
    saveTemplate: ({ name, source }) => templates.save(name, source),
    deleteTemplate: ({ ref }) => holds.whileUnread(ref, () => templates.remove(ref)),
    async encodeRecipe({ recipe, part }, { progress, signal }) {
      const { context, templateId, tokenizerId } = await contexts.ofRecipe(recipe);
      const imported = await datasets.forRecipe(recipe);
      const steps = encodeRecipeSteps(recipe, part, context, { imported });
      let step = steps.next();
      for (; !step.done; step = steps.next()) {
        progress(step.value);
        await yieldToMessages();
        signal.throwIfAborted();
      }
      const { rows, dropped, findings, rules } = step.value;
      const parents: Record<string, string> = { tokenizer: tokenizerId, template: templateId };
      if (recipe.data[part].length) parents[`data/${part}`] = await dataId(recipe, part, imported);
      return transferring({ rows, dropped, parents, findings, rules }, [...new Set(rows.flatMap(buffersOf))]);
    },
  };
}

/** Id of exactly the rows that a recipe reads, in order. */
async function dataId(recipe: Recipe, part: 'train' | 'eval', imported: Parameters<typeof recipeRows>[2]) {
  const rows = recipeRows(recipe, part, imported).map(({ row }) => row);
  return artifactId(await manifestOf('dataset', { 'rows.jsonl': new TextEncoder().encode(toJsonl(rows)) }));
}

const hex = (bytes: Uint8Array): string => Array.from(bytes, (b) => b.toString(16).padStart(2, '0')).join(' ');
const buffersOf = ({ ids, mask, spanStart, spanEnd, role, origin, message, rule }: EncodedRow): ArrayBuffer[] =>
  [ids, mask, spanStart, spanEnd, role, origin, message, rule].map((array) => array.buffer as ArrayBuffer);
