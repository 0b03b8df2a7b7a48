// What an adapter has learnt, as the panel shows it: energy by layer and module, spectra, and whether the update survives
// being merged into four bits. Pure.
import { number, percent } from '../../lib/words';
import { DEFAULT_ADAPTER } from '../../protocol/peft';
import type { ModulePicture, QuantizationErrorOf } from '../../protocol/requests';
import type { RunRecord } from '../../protocol/run';
import { moduleLabel } from './planView';

const lastPart = (path: string): string => path.slice(path.lastIndexOf('.') + 1);

/** A trained adapter: of a run, or one of several that a run trains. */
export interface AdapterRef {
  ref: string;
  label: string;
}
/** Every adapter that can be looked at, newest run first: of runs that train, and of those that kept a checkpoint. */
export function adapterRefs(runs: readonly RunRecord[]): AdapterRef[] {
  return runs
    .filter(
      ({ recipe, status, checkpoints }) =>
        recipe.peft !== null && (status === 'running' || status === 'paused' || checkpoints.length > 0),
    )
    .toSorted((a, b) => b.createdAt - a.createdAt)
    .flatMap(({ id, name, step, recipe }) => {
      const adapters = [...new Set(recipe.data.train.map(({ adapter = DEFAULT_ADAPTER }) => adapter))];
      return adapters.map((adapter) => ({
        ref: `run:${id}${adapters.length === 1 ? '' : `#${adapter}`}`,
        label: `${name}${adapters.length === 1 ? '' : ` · ${adapter}`}, step ${step}`,
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
  verdict: 'survives' | 'part' | 'lost' | 'none';
  title: string;
  words: string;
  /** √Σ‖ΔW‖² / √Σ‖nf4(W + ΔW) − (W + ΔW)‖². */
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

/**
 * Two numbers decide. Rounding after the merge adds an error of its own, so the update must be larger than that error; and of
 * the update itself a part is rounded away.
 */
export function survivalOf(modules: readonly ModulePicture[]): Survival {
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
  const weak = modules.filter((m) => m.update_norm < m.merge_error);
  const weakest = modules.reduce((low, m) =>
    m.update_norm / m.merge_error < low.update_norm / low.merge_error ? m : low,
  );
  const count =
    weak.length === 0
      ? `it is larger than that error in each of the ${modules.length} modules`
      : `it is smaller than that error in ${weak.length} of ${modules.length} modules, least in ${moduleLabel(weakest.path)} (${number(weakest.update_norm / weakest.merge_error)} ×)`;
  const facts = `‖ΔW‖ is ${number(ratio)} × the error that four bits add after the merge; ${count}. Of the update itself ${percent(share)} is in what the four-bit weights change by.`;
  if (ratio >= CLEAR && share >= 0.8)
    return { verdict: 'survives', title: 'Yes, it would survive', words: facts, ratio, share };
  if (ratio < DROWNED || share < 0.5)
    return {
      verdict: 'lost',
      title: 'No, it would drown',
      words: `${facts} Keep the adapter beside the four-bit base, or merge at full precision.`,
      ratio,
      share,
    };
  return {
    verdict: 'part',
    title: 'Only in part',
    words: `${facts} Measure the merged model before you ship it, or keep the adapter beside the base.`,
    ratio,
    share,
  };
}

/** Errors of four bits, the worst first, each with its share of the worst. */
export function errorRows(tensors: readonly QuantizationErrorOf[]): (QuantizationErrorOf & { share: number })[] {
  const worst = Math.max(0, ...tensors.map((t) => t.relativeFrobenius));
  return tensors
    .map((t) => ({ ...t, share: worst === 0 ? 0 : t.relativeFrobenius / worst }))
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
