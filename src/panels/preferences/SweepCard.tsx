// Runs that differ in β, or in how many votes are wrong, one after the other.
import { useState } from 'react';
import { number, percent } from '../../lib/words';
import { Checks } from '../../ui/Checks';
import { Segmented } from '../../ui/Segmented';
import { SweepCard as Sweep, useSweeps } from '../shared/SweepCard';
import {
  BETA_SWEEP,
  BETAS,
  betaItems,
  NOISE_LOSSES,
  NOISE_SWEEP,
  noiseItems,
  SHARES,
  SWEEP_METRICS,
  type SweepMetric,
  sweepRows,
  sweepSeries,
  sweepWords,
} from './sweepView';
import type { Preferences } from './usePreferences';

export function SweepCard({ preferences }: { preferences: Preferences }) {
  const { recipe } = preferences;
  const [kind, setKind] = useState<'beta' | 'noise'>('beta');
  const [betas, setBetas] = useState<number[]>([0.03, 0.1, 1]);
  const [shares, setShares] = useState<number[]>([0, 0.2, 0.4]);
  const [losses, setLosses] = useState<string[]>(['sigmoid', 'robust']);
  const [metric, setMetric] = useState<SweepMetric>('eval_rewards/accuracies');
  const isBeta = kind === 'beta';
  const prefix = isBeta ? BETA_SWEEP : NOISE_SWEEP;
  const sweeps = useSweeps(preferences.runs, prefix);
  const rows = sweepRows(sweeps.runs, kind, metric);
  const isDpo = recipe.trainer === 'dpo';
  const items = isBeta ? betaItems(recipe, betas) : isDpo ? noiseItems(recipe, shares, losses) : [];
  const queue = preferences.queueOf(prefix, items);
  const isShare = metric === 'eval_rewards/accuracies';
  return (
    <Sweep
      className="pref-sweep"
      note={
        isBeta
          ? 'one run a β, one seed, everything else from the recipe above'
          : 'a share of the training votes is turned round; held-out votes are not'
      }
      sweeps={sweeps}
      actions={
        <Segmented
          label="What is swept"
          options={[
            { id: 'beta', label: 'β' },
            { id: 'noise', label: 'flipped votes' },
          ]}
          value={kind}
          onChange={setKind}
        />
      }
      form={
        isBeta ? (
          <Checks name="beta" values={BETAS} chosen={betas} onChange={setBetas} />
        ) : (
          <>
            <Checks name="flipped_votes" values={SHARES} chosen={shares} words={percent} onChange={setShares} />
            <Checks name="loss_type" values={NOISE_LOSSES} chosen={losses} onChange={setLosses} />
          </>
        )
      }
      queue={{ ...queue, canStart: queue.canStart && preferences.blocked === undefined }}
      hint={
        !isBeta && (
          <p className="quiet train-small">
            {isDpo
              ? 'Each training row is turned round with the chance of the share, by the seed of the data: the rows turned at 20 % are among those at 40 %. cdpo and robust are told the share as label_smoothing; sigmoid believes every vote.'
              : 'Losses that expect wrong votes are DPO’s: choose DPO above.'}
          </p>
        )
      }
      idle="Each run is kept as any other. The figure is drawn from them as they finish."
      metric={{
        label: 'measured on held-out pairs',
        ids: SWEEP_METRICS,
        value: metric,
        onChange: (id) => setMetric(id as SweepMetric),
      }}
      chart={{
        title: metric,
        xTitle: isBeta ? 'β, log scale' : 'share of the training votes that are flipped',
        isLinear: !isBeta,
        format: isShare ? { tick: percent, value: percent } : undefined,
        height: 200,
        series: sweepSeries(rows),
      }}
      words={<p className="train-small">{sweepWords(rows, kind, metric)}</p>}
      rows={rows}
      columns={[
        { head: 'loss', cell: ({ loss }) => loss },
        { head: isBeta ? 'β' : 'flipped', isNumber: true, cell: ({ x }) => (isBeta ? x : percent(x)) },
        {
          head: metric,
          isNumber: true,
          cell: ({ value }) => (value === undefined ? '–' : isShare ? percent(value) : number(value)),
        },
      ]}
      onShow={preferences.show}
    />
  );
}
