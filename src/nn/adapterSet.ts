// The adapters of an engine: checked against the model, with the names of their tensors inside it and the routes that rows of
// a batch take through them.
import { ConfigError } from '../lib/errors';
import { hash3, hashString } from '../lib/rng';
import type { LlamaConfig } from '../protocol/model';
import type { HeadKind } from './engineChecks';
import { initLora, type LoraTensor, loraTensors, type TargetModule, targetModules, wholeName } from './lora';
import type { ParameterShape } from './parameterSet';
import type { LoraAdapter, LoraRoute, NamedTensorMap } from './seam';

export interface ResidentAdapter {
  adapter: LoraAdapter;
  targets: TargetModule[];
  tensors: LoraTensor[];
}
/** Name of an adapter's tensor in its engine: `<adapter>/<PEFT's name>`. */
export const engineName = (adapter: string, tensor: string): string => `${adapter}/${tensor}`;

export class AdapterSet {
  readonly residents: ResidentAdapter[];
  /** Route i is what rowAdapter i means: adapter i alone, unless told otherwise. */
  readonly routes: readonly LoraRoute[];

  /** Throws ConfigError for an adapter that does not fit the model, two of one name, or a route to an adapter that is not there. */
  constructor(
    private readonly config: LlamaConfig,
    adapters: readonly LoraAdapter[],
    routes?: readonly LoraRoute[],
  ) {
    const names = adapters.map(({ name }) => name);
    const twice = names.find((name, i) => names.indexOf(name) !== i);
    if (twice !== undefined) throw new ConfigError(`Two adapters are called "${twice}". Give each a name of its own.`);
    const odd = names.find((name) => !/^[\w.@:-]+$/.test(name));
    if (odd !== undefined)
      throw new ConfigError(`"${odd}" is no adapter name: use letters, digits and . _ - @ : without blanks.`);
    this.residents = adapters.map((adapter) => {
      const targets = targetModules(config, adapter.config, adapter.name);
      return { adapter, targets, tensors: loraTensors(targets, adapter.config, config) };
    });
    this.routes = routes ?? adapters.map((_, slot) => [{ slot, weight: 1 }]);
    for (const route of this.routes)
      for (const { slot } of route)
        if (!this.residents[slot])
          throw new ConfigError(`A route leads to adapter ${slot}, and there are ${names.length}.`);
    for (const route of this.routes)
      for (const { slot, weight } of route)
        if (!Number.isFinite(weight))
          throw new ConfigError(
            `The weight of adapter "${names[slot]}" is ${weight}. Write a number, 1 for the adapter as it is.`,
          );
        else if (weight !== 1 && this.residents[slot]!.adapter.config.use_dora)
          throw new ConfigError(
            `Adapter "${names[slot]}" has use_dora and cannot be weighted by ${weight}: its magnitudes belong to the whole update. Use weight 1, or LoRA without use_dora.`,
            { where: 'use_dora' },
          );
    for (const route of this.routes)
      if (route.length > 1 && route.some(({ slot }) => this.residents[slot]!.adapter.config.use_dora))
        throw new ConfigError(
          'Adapters with use_dora cannot be stacked: their magnitudes scale the same rows. Merge one first, or take LoRA without use_dora.',
          { where: 'use_dora' },
        );
  }

  get adapters(): LoraAdapter[] {
    return this.residents.map(({ adapter }) => adapter);
  }
  /** Places of the adapters that rows of these routes go through. */
  slotsOf(routes: ArrayLike<number>): Set<number> {
    const used = new Set(Array.from(routes));
    const through = [...used].flatMap((route) => this.routes[route] ?? []);
    return new Set(through.filter(({ weight }) => weight !== 0).map(({ slot }) => slot));
  }
  /**
   * Throws ConfigError for adapters that do not go with the engine's head: one trains its own copy of that head's weight or reads
   * the base's.
   */
  checkHead(head: HeadKind): void {
    const wanted = head === 'lm' || head === 'token_cls' ? undefined : head;
    for (const { adapter } of this.residents) {
      const other = adapter.config.modules_to_save?.find((module) => module !== wanted);
      if (other !== undefined)
        throw new ConfigError(
          `Adapter "${adapter.name}" has a head of its own, ${other} (modules_to_save), and this engine's head is "${head}". ${head === 'lm' ? 'It belongs to a reward model: load it beside one.' : 'Leave modules_to_save out.'}`,
          { where: 'modules_to_save' },
        );
    }
    const stacked = this.routes.find((route) => route.length > 1 && route.some(({ slot }) => this.wholeOf(slot)));
    if (stacked)
      throw new ConfigError(
        'Adapters with a head of their own (modules_to_save) cannot be stacked: a row has one head. Take one of them.',
        { where: 'modules_to_save' },
      );
  }
  private wholeOf(slot: number): string | undefined {
    return this.residents[slot]!.adapter.config.modules_to_save?.[0];
  }
  /** The tensor that rows of a route read as the weight of a task head: their adapter's own, where it trains one, or the base's. */
  headParameter(route: number, module: string): string {
    const slot = this.routes[route]?.[0]?.slot;
    if (slot === undefined || this.wholeOf(slot) !== module) return `${module}.weight`;
    return engineName(this.residents[slot]!.adapter.name, wholeName(module));
  }
  /** Each head parameter that the rows read, with the rows that read it. */
  headsOf(rows: ArrayLike<number>, module: string): Map<string, number[]> {
    const heads = new Map<string, number[]>();
    for (let b = 0; b < rows.length; b++) {
      const name = this.headParameter(rows[b]!, module);
      heads.set(name, [...(heads.get(name) ?? []), b]);
    }
    return heads;
  }
  /** First values of all tensors; `base` reads a weight of the base by its module's path. */
  init(base: (path: string) => Float32Array): NamedTensorMap {
    const out: NamedTensorMap = {};
    for (const { adapter, targets } of this.residents)
      for (const [name, tensor] of Object.entries(
        initLora(targets, adapter.config, this.config, adapter.seed ?? 0, base),
      ))
        out[engineName(adapter.name, name)] = tensor;
    return out;
  }
}

/** Tensors of one adapter as its engine keeps them. */
export const shapesOf = ({ adapter, tensors }: ResidentAdapter): ParameterShape[] =>
  tensors.map(({ name, shape, kind }) => ({ name: engineName(adapter.name, name), shape, decays: kind !== 'bias' }));

/** Tensors of one adapter under PEFT's names, out of an engine's. */
export function tensorsOf(adapter: string, tensors: NamedTensorMap): NamedTensorMap {
  const prefix = engineName(adapter, '');
  return Object.fromEntries(
    Object.entries(tensors).flatMap(([name, x]) => (name.startsWith(prefix) ? [[name.slice(prefix.length), x]] : [])),
  );
}
/** The other way. */
export const asEngineTensors = (adapter: string, tensors: NamedTensorMap): NamedTensorMap =>
  Object.fromEntries(Object.entries(tensors).map(([name, x]) => [engineName(adapter, name), x]));

/** Updates that an adapter has had: checkpoints from before adapters counted their own hold the run's alone. */
export const ownSteps = (
  adapter: string | undefined,
  step: number,
  steps: Readonly<Record<string, number>> | undefined,
): number => (adapter === undefined ? undefined : steps?.[adapter]) ?? step;

/**
 * What dropout lets through of element i: 0, or 1 / (1 − p). The same on every engine: a hash of adapter seed, step, module and
 * element.
 */
export function dropoutFactor(p: number, key: number, i: number): number {
  const keep = (hash3(key, i, DROPOUT) >>> 8) / 16777216 >= p;
  return keep ? 1 / (1 - p) : 0;
}
/** Stream of the draws of dropout. */
export const DROPOUT = hashString('lora_dropout');
/** Key of dropoutFactor for one module in one micro-batch. */
export const dropoutKey = (seed: number, step: number, micro: number, path: string): number =>
  hash3(hash3(seed, step, micro), hashString(path), DROPOUT);
