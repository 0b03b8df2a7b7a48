// Runs that differ in β, or in how many votes are wrong, one after the other; the figure is made from the runs of the group.
import { useState } from 'react';
import { number, percent, plural } from '../../lib/words';
import { groupsOf } from '../../stores/runPanel';
import { Card } from '../../ui/Card';
import { QueueControls } from '../../ui/QueueControls';
import { progressWords } from '../../ui/runWords';
import { ScatterChart } from '../../ui/ScatterChart';
import { Scroll } from '../../ui/Scroll';
import { Segmented } from '../../ui/Segmented';
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

const toggled = <T,>(list: readonly T[], value: T): T[] =>
  list.includes(value) ? list.filter((x) => x !== value) : [...list, value];

export function SweepCard({ preferences }: { preferences: Preferences }) {
  const { recipe, runs } = preferences;
  const [kind, setKind] = useState<'beta' | 'noise'>('beta');
  const [betas, setBetas] = useState<number[]>([0.03, 0.1, 1]);
  const [shares, setShares] = useState<number[]>([0, 0.2, 0.4]);
  const [losses, setLosses] = useState<string[]>(['sigmoid', 'robust']);
  const [metric, setMetric] = useState<SweepMetric>('eval_rewards/accuracies');
  const prefix = kind === 'beta' ? BETA_SWEEP : NOISE_SWEEP;
  const groups = groupsOf(runs, prefix);
  const [wanted, setWanted] = useState<string>();
  const group = wanted !== undefined && groups.includes(wanted) ? wanted : groups[0];
  const rows = sweepRows(
    runs.filter((run) => run.group === group && group !== undefined),
    kind,
    metric,
  );
  const isDpo = recipe.trainer === 'dpo';
  const noiseLosses = NOISE_LOSSES.filter((loss) => losses.includes(loss));
  const items =
    kind === 'beta'
      ? betaItems(
          recipe,
          betas.toSorted((a, b) => a - b),
        )
      : isDpo
        ? noiseItems(
            recipe,
            shares.toSorted((a, b) => a - b),
            noiseLosses,
          )
        : [];
  const queue = preferences.queueOf(prefix, items);
  const isShare = metric === 'eval_rewards/accuracies';
  return (
    <Card
      title="Sweep"
      note={
        kind === 'beta'
          ? 'one run a β, one seed, everything else from the recipe above'
          : 'a share of the training votes is turned round; held-out votes are not'
      }
      actions={
        <>
          {groups.length > 1 && (
            <select
              className="select"
              aria-label="Sweep on show"
              value={group}
              onChange={(event) => setWanted(event.currentTarget.value)}
            >
              {groups.map((id, i) => (
                <option key={id} value={id}>
                  sweep {groups.length - i}
                </option>
              ))}
            </select>
          )}
          <Segmented
            label="What is swept"
            options={[
              { id: 'beta', label: 'β' },
              { id: 'noise', label: 'flipped votes' },
            ]}
            value={kind}
            onChange={setKind}
          />
        </>
      }
      className="pref-sweep"
    >
      <div className="pref-sweep-form">
        {kind === 'beta' ? (
          <fieldset className="checks">
            <legend className="mono">beta</legend>
            {BETAS.map((beta) => (
              <label key={beta}>
                <input type="checkbox" checked={betas.includes(beta)} onChange={() => setBetas(toggled(betas, beta))} />
                {beta}
              </label>
            ))}
          </fieldset>
        ) : (
          <>
            <fieldset className="checks">
              <legend className="mono">flipped_votes</legend>
              {SHARES.map((share) => (
                <label key={share}>
                  <input
                    type="checkbox"
                    checked={shares.includes(share)}
                    onChange={() => setShares(toggled(shares, share))}
                  />
                  {percent(share)}
                </label>
              ))}
            </fieldset>
            <fieldset className="checks">
              <legend className="mono">loss_type</legend>
              {NOISE_LOSSES.map((loss) => (
                <label key={loss}>
                  <input
                    type="checkbox"
                    checked={losses.includes(loss)}
                    onChange={() => setLosses(toggled(losses, loss))}
                  />
                  {loss}
                </label>
              ))}
            </fieldset>
          </>
        )}
        <QueueControls
          {...queue}
          startLabel={items.length === 0 ? 'Choose what to train' : `Train ${plural(items.length, 'run')}`}
          canStart={queue.canStart && preferences.blocked === undefined}
        />
      </div>
      {kind === 'noise' && (
        <p className="quiet pref-small">
          {isDpo
            ? 'Each training row is turned round with the chance of the share, by the seed of the data: the rows turned at 20 % are among those at 40 %. cdpo and robust are told the share as label_smoothing; sigmoid believes every vote.'
            : 'Losses that expect wrong votes are DPO’s: choose DPO above.'}
        </p>
      )}
      {rows.length === 0 ? (
        <p className="quiet">Each run is kept as any other. The figure is drawn from them as they finish.</p>
      ) : (
        <>
          <label className="inline-field">
            <span>measured on held-out pairs</span>
            <select
              className="select mono"
              value={metric}
              onChange={(event) => setMetric(event.currentTarget.value as SweepMetric)}
            >
              {SWEEP_METRICS.map((id) => (
                <option key={id}>{id}</option>
              ))}
            </select>
          </label>
          <ScatterChart
            title={metric}
            xTitle={kind === 'beta' ? 'β, log scale' : 'share of the training votes that are flipped'}
            isLinear={kind === 'noise'}
            format={isShare ? { tick: percent, value: percent } : undefined}
            height={200}
            series={sweepSeries(rows)}
          />
          <p className="pref-small">{sweepWords(rows, kind, metric)}</p>
          <Scroll label="Runs of the sweep">
            <table className="data-table">
              <thead>
                <tr>
                  <th scope="col">loss</th>
                  <th scope="col" className="n">
                    {kind === 'beta' ? 'β' : 'flipped'}
                  </th>
                  <th scope="col" className="n">
                    {metric}
                  </th>
                  <th scope="col">run</th>
                </tr>
              </thead>
              <tbody>
                {rows.map(({ run, x, loss, value }) => (
                  <tr key={run.id}>
                    <td>{loss}</td>
                    <td className="n">{kind === 'beta' ? x : percent(x)}</td>
                    <td className="n">{value === undefined ? '–' : isShare ? percent(value) : number(value)}</td>
                    <td>
                      <button type="button" className="link" onClick={() => preferences.show(run.id)}>
                        {run.name}
                      </button>{' '}
                      <span className="quiet">{progressWords(run.status, run.step, run.maxSteps)}</span>
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          </Scroll>
        </>
      )}
    </Card>
  );
}
