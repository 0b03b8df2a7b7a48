// The whole chain's cost of each method, stacked: amounts from the runs in hand, prices from the person.
import { COST_PARTS, type CostLine, type CostPart, costLedger, rewardRunsOf, totalCost } from '../../labs/costLedger';
import { count, duration, number } from '../../lib/words';
import type { RunRecord } from '../../protocol/run';
import { Card } from '../../ui/Card';
import { seriesColor } from '../../ui/LineChart';
import { Scroll } from '../../ui/Scroll';
import type { CompareRow } from './compareView';
import { NumberField } from './NumberField';
import { isPrice, PRICE_FIELDS, usePrices } from './prices';

/** The two blues of the theme would lie beside each other. */
const COLORS = [0, 1, 2, 3, 5].map(seriesColor);
const NAMES: Record<CostPart, string> = {
  labels: 'labels',
  'reward model': 'reward model',
  rollouts: 'rollouts',
  updates: 'updates',
  regression: 'red-teaming and regression',
};

export function LedgerCard({ rows, runs }: { rows: readonly CompareRow[]; runs: readonly RunRecord[] }) {
  const { prices, set } = usePrices();
  const ledgers = rows.map((row) => {
    const lines = costLedger(row.run, rewardRunsOf(row.run, runs), prices);
    return { ...row, lines, total: totalCost(lines) };
  });
  const most = Math.max(...ledgers.map(({ total }) => total), 1e-12);
  return (
    <Card
      title="Cost of the whole chain"
      note="amounts are counted from these runs; the prices are yours"
      className="compare-table"
    >
      <div className="compare-prices">
        {PRICE_FIELDS.map(({ key, label }) => (
          <NumberField
            key={key}
            label={label}
            value={prices[key]}
            isValid={isPrice}
            onChange={(value) => set(key, value)}
          />
        ))}
        <p className="quiet compare-small">
          In your own currency. The first values are there to be changed, and say nothing of what people or machines
          cost.
        </p>
      </div>
      <div className="compare-bars">
        {ledgers.map(({ run, label, lines, total }) => (
          <div key={run.id} className="compare-bar">
            <span>{label}</span>
            <div
              role="img"
              aria-label={`${label}: ${number(total)} in all; ${lines.map(({ part, cost }) => `${NAMES[part]} ${number(cost)}`).join(', ')}`}
            >
              {lines.map(({ part, cost }, i) => (
                <i
                  key={part}
                  title={`${NAMES[part]}: ${number(cost)}`}
                  style={{ width: `${(100 * cost) / most}%`, background: COLORS[i] }}
                />
              ))}
            </div>
            <span className="mono">{number(total)}</span>
          </div>
        ))}
        <div className="chart-legend">
          {COST_PARTS.map((part, i) => (
            <span key={part}>
              <i style={{ borderColor: COLORS[i] }} />
              {NAMES[part]}
            </span>
          ))}
        </div>
      </div>
      <Scroll label="Cost of the whole chain by method">
        <table className="data-table">
          <thead>
            <tr>
              <th scope="col">method</th>
              {COST_PARTS.map((part) => (
                <th key={part} scope="col" className="n">
                  {NAMES[part]}
                </th>
              ))}
              <th scope="col" className="n">
                in all
              </th>
            </tr>
          </thead>
          <tbody>
            {ledgers.map(({ run, label, lines, total }) => (
              <tr key={run.id}>
                <th scope="row">{label}</th>
                {lines.map((line) => (
                  <td key={line.part} className="n compare-cell">
                    <span className="mono">{number(line.cost)}</span>
                    <span className="quiet">{amountWords(line)}</span>
                  </td>
                ))}
                <td className="n mono">{number(total)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
      <p className="quiet compare-small">
        Votes count once each, however often they were trained on; online methods need none but those of their reward
        model. Engineering time is not in it: a rollout loop that has to be kept running costs more of it than a
        training script.
      </p>
    </Card>
  );
}

function amountWords({ part, amount, unit, seconds, isUnknown }: CostLine): string {
  const words = [unit !== '' && `${count(amount)} ${unit}`, (seconds > 0 || unit === '') && duration(seconds)];
  if (isUnknown) words.push('and a model not in this browser');
  else if (part === 'reward model' && seconds === 0) return 'none';
  return words.filter(Boolean).join(', ');
}
