// Tokenizer and templates by ref, with their artifact ids; each is read and compiled once.
import { ConfigError } from '../lib/errors';
import { MODEL_TEMPLATE, type Recipe, type Ref } from '../protocol/recipe';
import type { ModelRef } from '../protocol/requests';
import { ArtifactStore } from '../storage/artifacts';
import { artifactId, manifestOf } from '../storage/hash';
import type { Storage } from '../storage/storage';
import { BUILTIN_TEMPLATE, BUILTIN_TOKENS } from '../text/builtinTemplate';
import { type CompiledTemplate, compileTemplate } from '../text/chatTemplate';
import type { RenderContext } from '../text/renderContext';
import { Tokenizer } from '../text/tokenizer';
import { Kits } from './kits';
import { missingTemplate } from './missingModel';
import { type ReadModelFile, requireModelFile } from './modelFiles';
import { type ModelKit, modelKitOf, trainedTemplate } from './modelKit';

const LAST_SOURCES = 8;
const BUILTIN_REF = 'builtin:chatml';
const isTemplateRef = (text: string): boolean => text === BUILTIN_REF || /^sha256:[0-9a-f]{64}$/.test(text);

export class RenderContexts {
  private tokenizerFile?: Promise<{ tokenizer: Tokenizer; id: string }>;
  /** Compiled templates by source, the newest last. */
  private readonly compiled = new Map<string, CompiledTemplate>();

  readonly kits: Kits;

  constructor(
    private readonly readModelFile: ReadModelFile,
    private readonly storage: Storage,
    private readonly now: () => number,
  ) {
    this.kits = new Kits(storage, now);
  }

  async tokenizer(): Promise<{ tokenizer: Tokenizer; id: string }> {
    this.tokenizerFile ??= this.loadTokenizer();
    try {
      return await this.tokenizerFile;
    } catch (error) {
      this.tokenizerFile = undefined; // the next request tries again
      throw error;
    }
  }
  private async loadTokenizer() {
    const bytes = await requireModelFile(this.readModelFile, 'tokenizer.json');
    return {
      tokenizer: Tokenizer.fromJson(new TextDecoder().decode(bytes)),
      id: await artifactId(await manifestOf('tokenizer', { 'tokenizer.json': bytes })),
    };
  }

  /**
   * `kit`: a tokenizer that the person brought; `sourceOrRef`: Jinja source, or the ref of a saved template; undefined: the
   * kit's own, else the built-in one. Throws TemplateError with line and column, DataError when the kit is not there.
   */
  async ofKit(kit: string | undefined, sourceOrRef?: string): Promise<RenderContext> {
    if (kit === undefined) return this.ofSource(sourceOrRef);
    const { tokenizer, compiled, variables } = await this.kits.load(kit);
    const isOwn = sourceOrRef === undefined || (sourceOrRef.startsWith('sha256:') && compiled && (await templateId(compiled.source)) === sourceOrRef); // biome-ignore format: one condition
    const template = isOwn && compiled ? compiled : (await this.ofSource(sourceOrRef)).template;
    return {
      tokenizer,
      template,
      now: () => new Date(this.now()),
      eosToken: variables.eos_token,
      bosToken: variables.bos_token,
      padToken: variables.pad_token,
      templateVariables: variables,
    };
  }

  /** With the studio's own tokenizer. */
  async ofSource(sourceOrRef: string = BUILTIN_TEMPLATE): Promise<RenderContext> {
    const source = isTemplateRef(sourceOrRef) ? await this.source(sourceOrRef) : sourceOrRef;
    let template = this.compiled.get(source);
    if (!template) {
      template = compileTemplate(source);
      this.compiled.set(source, template);
      for (const old of [...this.compiled.keys()].slice(0, -LAST_SOURCES)) this.compiled.delete(old);
    }
    const { tokenizer } = await this.tokenizer();
    return { tokenizer, template, now: () => new Date(this.now()), ...BUILTIN_TOKENS };
  }

  /** Tokenizer of a model with a template: the model's own unless one is given. */
  async ofModel(ref: ModelRef | undefined, sourceOrRef?: string): Promise<RenderContext> {
    const { kit, stopIds } = await this.kitOf(ref);
    const context = await this.ofKit(kit, sourceOrRef === MODEL_TEMPLATE ? undefined : sourceOrRef);
    return stopIds.length > 0 ? { ...context, stopIds } : context;
  }
  /** What a model's tokenizer pads with: its end where it has nothing else, as TRL's RewardTrainer does; null without either. */
  async padTokenOf(ref: ModelRef): Promise<number | null> {
    const { tokenizer, padToken, eosToken } = await this.ofModel(ref);
    const token = padToken ?? eosToken;
    return (token === undefined ? undefined : tokenizer.idOf(token)) ?? null;
  }
  /** What a model is served with: the template that it was trained with, unless another is asked for. */
  async served(ref: ModelRef | undefined, sourceOrRef?: string): Promise<RenderContext> {
    const trained = ref === undefined ? undefined : await trainedTemplate(this.storage, ref, this.now);
    return this.ofModel(ref, sourceOrRef ?? trained);
  }
  /** Tokenizer and ends of a model. Throws CheckpointError naming a base that is gone, where nothing else tells the tokenizer. */
  async kitOf(ref: ModelRef | undefined): Promise<ModelKit> {
    if (ref === undefined) return { stopIds: [] };
    const { storage, now, readModelFile } = this;
    return modelKitOf({ storage, now, readModelFile, studioTokenizer: async () => (await this.tokenizer()).id }, ref);
  }
  /** What a recipe renders and encodes with, and their artifact ids. */
  async ofRecipe({
    model,
    template,
  }: Pick<Recipe, 'model' | 'template'>): Promise<{ context: RenderContext; templateId: string; tokenizerId: string }> {
    const { kit } = await this.kitOf(model.ref);
    const own = template === MODEL_TEMPLATE || isTemplateRef(template) ? template : await this.source(template); // which refuses it
    const context = await this.ofModel(model.ref, own);
    return {
      context,
      templateId: await templateId(context.template.source),
      tokenizerId: kit ?? (await this.tokenizer()).id,
    };
  }
  /** Jinja source of a ref, the built-in one by default. Throws ConfigError when it is none, CheckpointError, by the name that it had, when it is not in this browser. */
  async source(ref: Ref = BUILTIN_REF): Promise<string> {
    if (ref === BUILTIN_REF) return BUILTIN_TEMPLATE;
    if (!ref.startsWith('sha256:'))
      throw new ConfigError(`template must be builtin:chatml or sha256:…, got "${ref}".`, { where: 'template' });
    const artifacts = new ArtifactStore(this.storage, this.now);
    if (await artifacts.get(ref)) return new TextDecoder().decode(await artifacts.file(ref, 'chat_template.jinja'));
    if (ref === (await templateId(BUILTIN_TEMPLATE))) return BUILTIN_TEMPLATE;
    throw await missingTemplate(this.storage, ref);
  }
}

export async function templateId(source: string): Promise<string> {
  return artifactId(await manifestOf('template', { 'chat_template.jinja': new TextEncoder().encode(source) }));
}
