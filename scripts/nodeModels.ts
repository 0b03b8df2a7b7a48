// Models, tokenizer and template for scripts that run in Node: `builtin:nano`, or `file:<folder>` with HF files.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DataError } from '../src/lib/errors';
import type { TfEngine } from '../src/nn/engine';
import { loadModel } from '../src/nn/loadModel';
import { artifactId, manifestOf } from '../src/storage/hash';
import { BUILTIN_TEMPLATE } from '../src/text/builtinTemplate';
import { compileTemplate } from '../src/text/chatTemplate';
import type { RenderContext } from '../src/text/render';
import { Tokenizer } from '../src/text/tokenizer';

export interface NodeModel {
  engine: TfEngine;
  /** config.json as text, to be written beside trained weights. */
  config: string;
  artifactId: string;
}

/** Throws DataError naming the file that is missing. */
export async function loadNodeModel(ref: string): Promise<NodeModel> {
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
  const files = { 'config.json': read('config.json'), 'model.safetensors': read('model.safetensors') };
  const config = new TextDecoder().decode(files['config.json']);
  const engine = loadModel({ config: JSON.parse(config), weights: files['model.safetensors'] });
  return { engine, config, artifactId: await artifactId(await manifestOf('model', files)) };
}

/** The built-in tokenizer with a template: `builtin:chatml`, or `file:<path>` of a Jinja file. */
export function loadRenderContext(template: string): RenderContext {
  const source = template.startsWith('file:') ? readFileSync(template.slice('file:'.length), 'utf8') : BUILTIN_TEMPLATE;
  return {
    tokenizer: Tokenizer.fromJson(readFileSync('public/models/tokenizer.json', 'utf8')),
    template: compileTemplate(source),
  };
}
