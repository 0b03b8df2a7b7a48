// Models, tokenizer and template for scripts that run in Node: `builtin:nano`, or `file:<folder>` with HF files.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { recipeAdapters } from '../src/labs/recipeAdapters';
import { referenceModel } from '../src/labs/reference';
import { rewardRefs } from '../src/labs/rewardRefs';
import { requireLanguageModel, startFiles } from '../src/labs/startModel';
import { ConfigError, DataError } from '../src/lib/errors';
import { parseConfig } from '../src/lib/fields';
import { headOf } from '../src/nn/hfConfig';
import { loadModel, type ModelFiles } from '../src/nn/loadModel';
import { withPadToken } from '../src/nn/rewardModel';
import type { LoraAdapter, ModelEngine } from '../src/nn/seam';
import type { Quantization, Recipe } from '../src/protocol/recipe';
import { artifactId, manifestOf } from '../src/storage/hash';
import { BUILTIN_TEMPLATE, BUILTIN_TOKENS } from '../src/text/builtinTemplate';
import { compileTemplate } from '../src/text/chatTemplate';
import type { RenderContext } from '../src/text/renderContext';
import { Tokenizer } from '../src/text/tokenizer';
import { type TrainerId, trainers } from '../src/trainers/registry';

export interface NodeModel {
  engine: ModelEngine;
  /** config.json as text, to be written beside trained weights. */
  config: string;
  artifactId: string;
}

/** Artifact ids of the models that are shipped, as they are now. */
export async function builtinModelIds(): Promise<string[]> {
  return Promise.all(['nano', 'micro', 'micro-sft', 'micro-demos'].map((name) => modelIdOf(`builtin:${name}`)));
}
/** Artifact id of a model by its files, which are not loaded. Throws DataError naming the file that is missing. */
export const modelIdOf = async (ref: string): Promise<string> => artifactId(await manifestOf('model', modelFiles(ref)));

/** Throws DataError naming the file that is missing. */
function modelFiles(ref: string): { 'config.json': Uint8Array; 'model.safetensors': Uint8Array } {
  const folder = ref.startsWith('file:')
    ? ref.slice('file:'.length)
    : join('public/models', ref.replace('builtin:', ''));
  const read = (name: string) => {
    const path = join(folder, name);
    if (!existsSync(path))
      throw new DataError(
        `${path} is not there, so the model ${ref} cannot be loaded. Check model.ref in the recipe.`,
        {
          where: path,
        },
      );
    return new Uint8Array(readFileSync(path));
  };
  return { 'config.json': read('config.json'), 'model.safetensors': read('model.safetensors') };
}

/**
 * With `adapters` the base is frozen and they are trained. `prepare`: changes the files before they are loaded, as a new head does.
 * Throws DataError naming the file that is missing.
 */
export async function loadNodeModel(
  ref: string,
  adapters: readonly LoraAdapter[] = [],
  quantization?: Quantization | null,
  prepare: (files: ModelFiles) => ModelFiles = (files) => files,
): Promise<NodeModel> {
  const files = modelFiles(ref);
  const given = JSON.parse(new TextDecoder().decode(files['config.json'])) as unknown;
  const prepared = prepare({ config: given, weights: files['model.safetensors'], quantization });
  const engine = loadModel(prepared, adapters);
  const config = JSON.stringify(prepared.config, undefined, 2);
  return { engine, config, artifactId: await artifactId(await manifestOf('model', files)) };
}

/** What a recipe trains: its model with the head that its method wants, and its adapters. */
export function modelOf(recipe: Recipe): Promise<NodeModel> {
  const pad = padTokenOf(recipe.template);
  const { ref, quantization } = recipe.model;
  return loadNodeModel(ref, recipeAdapters(recipe), quantization, (files) => startFiles(recipe, files, pad));
}
function padTokenOf(template: string): number | null {
  const { tokenizer, padToken } = loadRenderContext(template);
  return tokenizer.idOf(padToken!) ?? null;
}

/** The built-in tokenizer with a template: `builtin:chatml`, or `file:<path>` of a Jinja file. Throws ConfigError. */
export function loadRenderContext(template: string): RenderContext {
  if (template !== 'builtin:chatml' && !template.startsWith('file:'))
    throw new ConfigError(`template must be builtin:chatml or file:<path>, got "${template}".`, { where: 'template' });
  const path = template.slice('file:'.length);
  if (template.startsWith('file:') && !existsSync(path))
    throw new ConfigError(`The template ${path} is not there. Check template in the recipe.`, { where: path });
  const source = template.startsWith('file:') ? readFileSync(path, 'utf8') : BUILTIN_TEMPLATE;
  return {
    tokenizer: Tokenizer.fromJson(readFileSync('public/models/tokenizer.json', 'utf8')),
    template: compileTemplate(source),
    ...BUILTIN_TOKENS,
  };
}

/**
 * The frozen model that a recipe's loss is measured against; undefined where it needs none beside its own. Throws ConfigError for
 * a reward model.
 */
export async function loadReference(recipe: Recipe): Promise<ModelEngine | undefined> {
  const args = parseConfig(trainers[recipe.trainer as TrainerId].fields, recipe.args);
  const ref = referenceModel(recipe, args);
  if (ref === undefined) return undefined;
  const { engine } = await loadNodeModel(ref, [], null, (files) => {
    requireLanguageModel(files, ref);
    return files;
  });
  return engine;
}

/** Those that the recipe is rewarded by, whole: an adapter's files are no model. Throws ConfigError for a model that gives no rewards. */
export async function loadRewardModels(recipe: Recipe): Promise<Record<string, ModelEngine>> {
  const out: Record<string, ModelEngine> = {};
  for (const ref of rewardRefs(recipe)) out[ref] = await loadRewardModel(ref);
  return out;
}
/** Read by the tokenizer's padding, as in the studio. Throws ConfigError for a model that gives no rewards. */
export async function loadRewardModel(ref: string): Promise<ModelEngine> {
  const { engine } = await loadNodeModel(ref, [], null, (files) => {
    if (headOf(files.config) !== 'score')
      throw new ConfigError(`${ref} is no reward model. Name one that the reward trainer has left.`, {
        where: 'recipe.rewards',
      });
    return withPadToken(files, padTokenOf('builtin:chatml'));
  });
  return engine;
}
