// Compare methods: runs from one start on one budget, side by side in quality, drift, compute and the cost of the whole chain.
import { Card } from '../../ui/Card';
import { Panel } from '../../ui/Panel';
import { RunElsewhere } from '../../ui/RunElsewhere';
import { progressWords } from '../../ui/runWords';
import { ComputeCard } from './ComputeCard';
import { chartPoints, chartWords } from './compareView';
import { LedgerCard } from './LedgerCard';
import { QualityCard } from './QualityCard';
import { QualityChart } from './QualityChart';
import { RunsCard } from './RunsCard';
import { StageCard } from './StageCard';
import { UnlikeCard } from './UnlikeCard';
import { useCompare } from './useCompare';
import '../../ui/parts.css';
import './compare.css';

export function ComparePanel() {
  const compare = useCompare();
  const { rows, training, list } = compare;
  const { live, stats } = training;
  const points = chartPoints(rows);
  return (
    <Panel
      title="Compare methods"
      lede="Which method to adopt, from numbers: the same start, the same budget, the same held-out cases. Not a ranking of methods in general: another model or other votes can turn it."
    >
      {training.elsewhere && <RunElsewhere {...training.elsewhere} />}
      {live && (
        <p className="quiet" role="status">
          {live.name}: {progressWords(live.status, live.step, live.maxSteps, stats?.stepMs)}
        </p>
      )}
      <div className="compare-top">
        <RunsCard compare={compare} />
        <Card
          title="Quality against drift"
          note={points.length > 0 ? `${points.length} of ${rows.length} measured` : ''}
        >
          {points.length > 0 ? (
            <>
              <QualityChart points={points} height={300} />
              <p className="compare-small">{chartWords(points)}</p>
            </>
          ) : (
            <p className="quiet compare-lead">
              {rows.length === 0
                ? 'No run of this start has ended yet. Queue some here, or train them under Preferences or RLHF, then measure them.'
                : 'Press Measure: each run answers the same held-out cases as the start.'}{' '}
              Each method then stands in this chart by how much better it answers than the start, and how far it has
              drifted for that; under it come its guardrails, whether going online pays, compute and memory, and the
              cost of the whole chain at your prices.
            </p>
          )}
        </Card>
      </div>
      {rows.length > 0 && (
        <>
          <UnlikeCard rows={rows} />
          <QualityCard rows={rows} />
          <StageCard rows={rows} />
          <ComputeCard rows={rows} start={compare.start} />
          <LedgerCard rows={rows} runs={list} />
        </>
      )}
    </Panel>
  );
}
