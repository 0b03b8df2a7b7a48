// Held-out pairs: accuracy, calibration and margins of one or two reward models, by what the answers differ in, and the worst pairs.
import { useState } from 'react';
import { number, percent, plural, signed } from '../../lib/words';
import { Card } from '../../ui/Card';
import { Histogram } from '../../ui/Histogram';
import { IntervalBar } from '../../ui/IntervalBar';
import { seriesColor } from '../../ui/LineChart';
import { Scroll } from '../../ui/Scroll';
import { Segmented } from '../../ui/Segmented';
import {
  figuresOf,
  groupRows,
  intervalWords,
  pairWords,
  plainName,
  reliabilityOf,
  rewardBars,
  worstPairs,
} from './judgeView';
import { openTexts } from './prefixStore';
import { textsOf } from './prefixView';
import { ReliabilityChart } from './ReliabilityChart';
import type { ReportOf, Reports } from './useReports';

const WORST = 12;
const HEIGHT = 168;

export function JudgeCard({ reports: { reports, set }, onOpen }: { reports: Reports; onOpen: () => void }) {
  const [shows, setShows] = useState<'margins' | 'rewards'>('margins');
  const [by, setBy] = useState<'byDimension' | 'byKind'>('byDimension');
  const [first] = reports;
  if (!first) return null;
  const groups = groupRows(
    reports.map(({ report }) => report.pairs),
    by,
  );
  const hasGroups = first.report.pairs.byKind.length > 0;
  return (
    <Card
      title="Held-out pairs"
      note={`${plural(first.report.judged.length, 'pair')} of ${set?.title ?? ''}, 95 % intervals`}
      actions={
        <Segmented
          label="Distribution of"
          options={['margins', 'rewards'] as const}
          value={shows}
          onChange={setShows}
        />
      }
    >
      <div className={`reward-judge${reports.length > 1 ? ' has-two' : ''}`}>
        <Figures reports={reports} />
        {reports.map((one, i) => (
          <div key={one.model.ref} className="reward-charts">
            {reports.length > 1 && <h3 style={{ color: seriesColor(i) }}>{one.model.name}</h3>}
            <Distribution of={one} shows={shows} />
            <div>
              <p className="reward-chart-title">right, by how sure it is; with the number of pairs</p>
              <ReliabilityChart
                title={`Reliability of ${one.model.name}`}
                points={reliabilityOf(one.report.pairs)}
                height={HEIGHT}
              />
            </div>
          </div>
        ))}
      </div>
      <div className="reward-tables">
        {hasGroups && (
          <div>
            <div className="reward-table-head">
              <h3>Accuracy by</h3>
              <Segmented
                label="Accuracy by"
                options={[
                  { id: 'byDimension', label: 'what differs' },
                  { id: 'byKind', label: 'question' },
                ]}
                value={by}
                onChange={setBy}
              />
            </div>
            <table className="data-table reward-groups">
              <thead>
                <tr>
                  <th scope="col">{by === 'byDimension' ? 'the answers differ in' : 'question about'}</th>
                  <th scope="col" className="n">
                    n
                  </th>
                  <th scope="col">0 to 100 %, dotted: a coin</th>
                  <th scope="col" className="n">
                    accuracy
                  </th>
                </tr>
              </thead>
              <tbody>
                {groups.map(({ name, accuracies }) => {
                  const words = accuracies.map((a) => (a ? percent(a.value) : '–')).join(' · ');
                  return (
                    <tr key={name}>
                      <td>{by === 'byKind' ? plainName(name) : name.toLowerCase()}</td>
                      <td className="n">{accuracies.find((a) => a)?.n}</td>
                      <td className="reward-bar-cell">
                        <IntervalBar
                          range={[-0.04, 1.04]}
                          mark={0.5}
                          label={accuracies.map((a) => (a ? `${percent(a.value)}, ${intervalWords(a, percent)}` : 'none')).join('; ')} // biome-ignore format: one label
                          bars={accuracies.flatMap((a, i) => (a ? [{ id: reports[i]!.model.ref, ...a, color: seriesColor(i) }] : []))} // biome-ignore format: one list
                        />
                      </td>
                      <td className="n">{words}</td>
                    </tr>
                  );
                })}
              </tbody>
            </table>
          </div>
        )}
        <WorstTable reports={reports} onOpen={onOpen} />
      </div>
    </Card>
  );
}

function Figures({ reports }: { reports: readonly ReportOf[] }) {
  return (
    <table className="data-table reward-figures">
      {reports.length > 1 && (
        <thead>
          <tr>
            <th scope="col">figure</th>
            {reports.map(({ model }, i) => (
              <th key={model.ref} scope="col" style={{ color: seriesColor(i) }}>
                {model.name}
              </th>
            ))}
          </tr>
        </thead>
      )}
      <tbody>
        {figuresOf(reports.map(({ report }) => report.pairs)).map(({ name, meaning, values }) => (
          <tr key={name}>
            <th scope="row">
              {name}
              <span className="reward-meaning">{meaning}</span>
            </th>
            {values.map(([value, beside], i) => (
              <td key={reports[i]!.model.ref}>
                <b>{value}</b>
                {beside && <span className="reward-meaning">{beside}</span>}
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Distribution({ of: { model, report }, shows }: { of: ReportOf; shows: 'margins' | 'rewards' }) {
  const { pairs } = report;
  const wrong = pairs.margins.filter((m) => m < 0).length;
  const bars = rewardBars(pairs.rewards);
  return (
    <div>
      <p className="reward-chart-title">
        {shows === 'margins'
          ? `margins: ${wrong} of ${pairs.margins.length} left of 0, where the rejected answer has more`
          : 'rewards of chosen and rejected answers'}
      </p>
      {shows === 'margins' ? (
        <Histogram
          title={`Margins under ${model.name}`}
          xTitle="r_chosen − r_rejected"
          edges={pairs.histogram.edges}
          series={[{ label: 'pairs', counts: pairs.histogram.counts, color: 'var(--s1)', below: 'var(--h4)' }]}
          height={HEIGHT}
        />
      ) : (
        <Histogram
          title={`Rewards under ${model.name}`}
          xTitle="reward"
          edges={bars.edges}
          series={bars.series.map((one, i) => ({ ...one, color: i === 0 ? 'var(--s1)' : 'var(--h4)' }))}
          height={HEIGHT}
        />
      )}
    </div>
  );
}

function WorstTable({ reports: [first, second], onOpen }: { reports: readonly ReportOf[]; onOpen: () => void }) {
  const rows = worstPairs(first!.report, WORST, second?.report);
  return (
    <div>
      <div className="reward-table-head">
        <h3>Worst pairs</h3>
        <span className="quiet">opened, both answers are scored token by token below</span>
      </div>
      <Scroll label="Pairs whose chosen answer loses by most" className="reward-worst">
        <table className="data-table">
          <thead>
            <tr>
              <th scope="col">pair</th>
              <th scope="col" className="n">
                margin
              </th>
              {second && (
                <th scope="col" className="n">
                  beside
                </th>
              )}
              <th scope="col" className="n">
                chosen
              </th>
              <th scope="col" className="n">
                rejected
              </th>
              <th scope="col">what is known</th>
            </tr>
          </thead>
          <tbody>
            {rows.map(({ index, pair, chosen, rejected, margin, besideMargin }) => (
              <tr key={index}>
                <td>
                  <button
                    type="button"
                    className="link"
                    onClick={() => {
                      const texts = textsOf(pair.row);
                      if (!texts) return;
                      openTexts({ ...texts, from: `held-out pair ${index + 1}: A was chosen, B rejected` });
                      onOpen();
                    }}
                  >
                    pair {index + 1}
                    {pair.kind && `, ${plainName(pair.kind)}`}
                  </button>
                </td>
                <td className={`n${margin <= 0 ? ' bad-text' : ''}`}>{signed(margin)}</td>
                {second && <td className="n">{besideMargin === undefined ? '–' : signed(besideMargin)}</td>}
                <td className="n">{number(chosen)}</td>
                <td className="n">{number(rejected)}</td>
                <td>{pairWords(pair)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
    </div>
  );
}
