// Models, tokenizer and template for scripts that run in Node: `builtin:nano`, or `file:<folder>` with HF files.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { referenceModel } from '../src/labs/reference';
import { ConfigError, DataError } from '../src/lib/errors';
import { parseConfig } from '../src/lib/fields';
import { loadModel } from '../src/nn/loadModel';
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
  return Promise.all(
    ['nano', 'micro', 'micro-sft'].map(async (name) =>
      artifactId(await manifestOf('model', modelFiles(`builtin:${name}`))),
    ),
  );
}

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

/** With `adapters` the base is frozen and they are trained. Throws DataError naming the file that is missing. */
export async function loadNodeModel(
  ref: string,
  adapters: readonly LoraAdapter[] = [],
  quantization?: Quantization | null,
): Promise<NodeModel> {
  const files = modelFiles(ref);
  const config = new TextDecoder().decode(files['config.json']);
  const weights = files['model.safetensors'];
  const engine = loadModel({ config: JSON.parse(config), weights, quantization }, adapters);
  return { engine, config, artifactId: await artifactId(await manifestOf('model', files)) };
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

/** The frozen model that a recipe's loss is measured against; undefined where it needs none beside its own. */
export async function loadReference(recipe: Recipe): Promise<ModelEngine | undefined> {
  const args = parseConfig(trainers[recipe.trainer as TrainerId].fields, recipe.args);
  const ref = referenceModel(recipe, args);
  return ref === undefined ? undefined : (await loadNodeModel(ref)).engine;
}
