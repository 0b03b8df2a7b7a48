// What an adapter has learnt, as the panel shows it: energy by layer and module, spectra, and whether the update survives
// being merged into four bits. Pure.
import { count, number, percent } from '../../lib/words';
import { DEFAULT_ADAPTER } from '../../protocol/peft';
import type { ModulePicture, QuantizationErrorOf } from '../../protocol/requests';
import type { RunRecord } from '../../protocol/run';
import type { LossFinding } from '../../ui/lossFinding';
import { moduleLabel } from './planView';

const lastPart = (path: string): string => path.slice(path.lastIndexOf('.') + 1);

/** A trained adapter: of a run, or one of several that a run trains. */
export interface AdapterRef {
  ref: string;
  label: string;
}
/**
 * Every adapter that can be looked at, newest run first: of runs that train, and of those that kept a checkpoint, which is what
 * is read of them.
 */
export function adapterRefs(runs: readonly RunRecord[]): AdapterRef[] {
  return runs
    .filter(
      ({ recipe, status, checkpoints }) =>
        recipe.peft !== null && (status === 'running' || status === 'paused' || checkpoints.length > 0),
    )
    .toSorted((a, b) => b.createdAt - a.createdAt)
    .flatMap(({ id, name, status, recipe, checkpoints }) => {
      const adapters = [...new Set(recipe.data.train.map(({ adapter = DEFAULT_ADAPTER }) => adapter))];
      return adapters.map((adapter) => ({
        ref: `run:${id}${adapters.length === 1 ? '' : `#${adapter}`}`,
        label: `${name}${adapters.length === 1 ? '' : ` · ${adapter}`}, ${
          status === 'running' || status === 'paused'
            ? 'in training'
            : `step ${count(Math.max(...checkpoints.map(({ step }) => step)))}`
        }`,
      }));
    });
}
export const runOfRef = (ref: string): string => ref.replace(/^run:|#.*$/g, '');

export interface EnergyGrid {
  layers: number[];
  names: string[];
  /** Share of Σ‖ΔW‖², row by row (a layer each); 0 where no adapter sits. */
  shares: Float32Array;
}
export function energyGrid(modules: readonly ModulePicture[]): EnergyGrid {
  const layers = [...new Set(modules.map(({ layer }) => layer))].sort((a, b) => a - b);
  const names = [...new Set(modules.map(({ path }) => lastPart(path)))];
  const total = modules.reduce((sum, m) => sum + m.update_norm ** 2, 0);
  const shares = new Float32Array(layers.length * names.length);
  for (const m of modules)
    shares[layers.indexOf(m.layer) * names.length + names.indexOf(lastPart(m.path))] =
      total === 0 ? 0 : m.update_norm ** 2 / total;
  return { layers, names, shares };
}

/** A ratio as a share while it reads as one, as a multiple above. */
export const shareOrTimes = (ratio: number): string => (ratio <= 2 ? percent(ratio) : `${number(ratio)} ×`);

/** At which step the adapter was read, where that is not the run's. */
export function pictureStepWords(step: number | undefined, run: Pick<RunRecord, 'step' | 'status'>): string {
  if (step === undefined) return '';
  const isLive = run.status === 'running' || run.status === 'paused';
  if (isLive || step === run.step) return `At step ${count(step)}. `;
  return `At step ${count(step)}, the last checkpoint; the run went on to step ${count(run.step)}. `;
}

/** Where the energy sits, in a sentence. */
export function energyWords(modules: readonly ModulePicture[]): string {
  const total = modules.reduce((sum, m) => sum + m.update_norm ** 2, 0);
  if (total === 0) return 'The update is still zero: B starts at 0, so nothing has been learnt yet.';
  const share = (of: readonly ModulePicture[]) => of.reduce((sum, m) => sum + m.update_norm ** 2, 0) / total;
  const most = modules.reduce((best, m) => (m.update_norm > best.update_norm ? m : best));
  const mlp = modules.filter(({ path }) => path.includes('.mlp.'));
  const split =
    mlp.length === 0 || mlp.length === modules.length
      ? ''
      : `; attention holds ${percent(1 - share(mlp))} of it, the MLPs ${percent(share(mlp))}`;
  return `Most of the update’s energy Σ‖ΔW‖² is in ${moduleLabel(most.path)}: ${percent(share([most]))}${split}.`;
}

export interface Survival {
  /** harmful: training did harm, so there is nothing to keep. */
  verdict: 'survives' | 'part' | 'lost' | 'none' | 'harmful';
  title: string;
  words: string;
  /** √Σ‖ΔW‖² / √Σ‖nf4(W + ΔW) − (W + ΔW)‖²: the number that decides. */
  ratio: number;
  /** Share of ΔW in what the four-bit weights change by, over all modules. */
  share: number;
}
/**
 * From twice the error on, rounding adds at most a quarter of the update's own energy; below half of it, rounding adds four times
 * the update's.
 */
const CLEAR = 2;
const DROWNED = 0.5;
/** Below it the four-bit weights stay where they were: of a base whose weights are values of the code already. */
const UNMOVED = 0.5;

/** How large the update is beside the error that rounding adds after the merge. `finding`: what the losses of its run say. */
export function survivalOf(modules: readonly ModulePicture[], finding?: LossFinding): Survival {
  const squares = (of: (m: ModulePicture) => number) => modules.reduce((sum, m) => sum + of(m) ** 2, 0);
  const update = squares((m) => m.update_norm);
  if (update === 0)
    return {
      verdict: 'none',
      title: 'Nothing to merge yet',
      words: 'The update is zero in every module. Train a few steps first.',
      ratio: 0,
      share: 0,
    };
  const ratio = Math.sqrt(update / squares((m) => m.merge_error));
  const share = modules.reduce((sum, m) => sum + (m.survival ?? 0) * m.update_norm ** 2, 0) / update;
  const size = `‖ΔW‖ is ${number(ratio)} × the error that four bits add after the merge`;
  if (finding?.kind === 'diverged' || finding?.kind === 'no help')
    return {
      verdict: 'harmful',
      title: 'There is nothing to keep',
      words: `${finding.words} Whether it survives does not matter then; ${size}.`,
      ratio,
      share,
    };
  if (share < UNMOVED)
    return {
      verdict: 'lost',
      title: 'No, it would be rounded away',
      words: `The weights are values of the four-bit code already, and the update is too small to move them to the next: ${percent(Math.max(0, share))} of it is left after the merge. Keep the adapter beside the four-bit base, or merge at full precision.`,
      ratio,
      share,
    };
  if (ratio >= CLEAR)
    return {
      verdict: 'survives',
      title: 'Yes, it would survive',
      words: `${size}${exceptions(modules)}.`,
      ratio,
      share,
    };
  if (ratio < DROWNED)
    return {
      verdict: 'lost',
      title: 'No, it would drown',
      words: `${size}: rounding moves the weights further than training did${exceptions(modules)}. Keep the adapter beside the four-bit base, or merge at full precision.`,
      ratio,
      share,
    };
  return {
    verdict: 'part',
    title: 'Only in part',
    words: `${size}: what was learnt and what rounding adds are of like size${exceptions(modules)}. Measure the merged model before you ship it, or keep the adapter beside the base.`,
    ratio,
    share,
  };
}
/** Which modules stand on the other side of the error than the rest, so that one number does not hide them. */
function exceptions(modules: readonly ModulePicture[]): string {
  const ratioOf = (m: ModulePicture) => m.update_norm / m.merge_error;
  const weak = modules.filter((m) => ratioOf(m) < 1);
  if (weak.length === 0 || weak.length === modules.length) return '';
  const weakest = weak.reduce((low, m) => (ratioOf(m) < ratioOf(low) ? m : low));
  return `; it is smaller than that error in ${weak.length} of ${modules.length} modules, least in ${moduleLabel(weakest.path)} (${number(ratioOf(weakest))} ×)`;
}
/** Where the shares of ΔW lie, as one phrase: `97–103 %`. */
export function leftWords(modules: readonly ModulePicture[]): string {
  const shares = modules.flatMap(({ survival }) => (survival === null ? [] : [survival]));
  if (shares.length === 0) return '';
  const [low, high] = [Math.min(...shares), Math.max(...shares)].map((x) => Math.round(100 * x));
  return low === high ? `${low} %` : `${low}–${high} %`;
}

export interface RatioBar {
  path: string;
  ratio: number;
  /** From where to where on the axis, 0–1: from the 1 × line to the ratio. */
  from: number;
  to: number;
}
/** ‖ΔW‖ over the rounding error of each module on one logarithmic axis, whose ends hold all of them and the 1 × line. */
export function ratioBars(modules: readonly ModulePicture[]): {
  bars: RatioBar[];
  low: number;
  high: number;
  one: number;
} {
  const ratios = modules.map((m) => m.update_norm / m.merge_error);
  const shown = ratios.filter((x) => x > 0);
  const low = Math.min(0.5, ...shown.map((x) => 2 ** Math.floor(Math.log2(x))));
  const high = Math.max(2, ...shown.map((x) => 2 ** Math.ceil(Math.log2(x))));
  const place = (x: number) => Math.log(Math.max(low, x) / low) / Math.log(high / low);
  const one = place(1);
  const bars = modules.map(({ path }, i) => {
    const at = place(ratios[i]!);
    return { path, ratio: ratios[i]!, from: Math.min(one, at), to: Math.max(one, at) };
  });
  return { bars, low, high, one };
}

/** Errors of four bits, the worst first, each with its place between the least (0) and the worst (1): they differ little. */
export function errorRows(tensors: readonly QuantizationErrorOf[]): (QuantizationErrorOf & { place: number })[] {
  const errors = tensors.map((t) => t.relativeFrobenius);
  const [low, high] = [Math.min(...errors), Math.max(...errors)];
  return tensors
    .map((t) => ({ ...t, place: high === low ? 1 : (t.relativeFrobenius - low) / (high - low) }))
    .sort((a, b) => b.relativeFrobenius - a.relativeFrobenius);
}
/** What double quantisation adds, in a sentence. Both lists hold the same tensors. */
export function doubleQuantWords(
  plain: readonly QuantizationErrorOf[],
  nested: readonly QuantizationErrorOf[],
): string {
  const rms = (of: readonly QuantizationErrorOf[]) => {
    const size = (t: QuantizationErrorOf) => t.shape.reduce((a, b) => a * b, 1);
    const values = of.reduce((sum, t) => sum + size(t), 0);
    return Math.sqrt(of.reduce((sum, t) => sum + t.rms ** 2 * size(t), 0) / values);
  };
  const [a, b] = [rms(plain), rms(nested)];
  const change = Math.abs(b / a - 1);
  const words = change < 0.0005 ? 'the same to 0.05 %' : `${b >= a ? '+' : '−'}${percent(change)}`;
  return `Root mean square error over all layers: ${digits(a)} with f32 block scales, ${digits(b)} with double quantisation, ${words}.`;
}
const digits = (value: number): string => String(Number(value.toPrecision(4)));
