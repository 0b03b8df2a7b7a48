// What a reward model pays for: one thing of an answer changed at a time, the change of reward beside the change of true quality.
import { number, signed } from '../../lib/words';
import { Card } from '../../ui/Card';
import { IntervalBar, rangeOf } from '../../ui/IntervalBar';
import { seriesColor } from '../../ui/LineChart';
import { effectWords, findingOf, inSpread, paidForWords } from './judgeView';
import type { Reports } from './useReports';

const TONES = { gamed: 'bad-text', harsh: 'warn-text', blind: 'warn-text', right: 'ok-text', open: 'quiet' } as const;

export function PaidForCard({ reports: { reports } }: { reports: Reports }) {
  const [first] = reports;
  if (!first || first.report.paidFor.effects.length === 0) return null;
  const all = reports.map(({ report }) => report.paidFor);
  // A report of another version of the studio may know other edits: what both know is compared.
  const ids = first.report.paidFor.effects
    .map(({ id }) => id)
    .filter((id) => all.every(({ effects }) => effects.some((effect) => effect.id === id)));
  const of = (id: string) => all.map(({ effects }) => effects.find((effect) => effect.id === id)!);
  const rewards = rangeOf(all.flatMap(({ effects, spread }) => effects.map((effect) => inSpread(effect, spread))));
  const truths = rangeOf(first.report.paidFor.effects.flatMap(({ quality }) => quality ?? []));
  const most = Math.max(...first.report.paidFor.effects.map(({ n }) => n));
  return (
    <Card
      title="What it pays for"
      note={`${most} good answers, one thing changed at a time; 95 % bootstrap intervals`}
      className="reward-paid"
    >
      {reports.map(({ model, report }, i) => (
        <p key={model.ref}>
          {reports.length > 1 && <b style={{ color: seriesColor(i) }}>{model.name}: </b>}
          {paidForWords(report.paidFor.effects)}
        </p>
      ))}
      <table className="data-table flow-table reward-edits">
        <thead>
          <tr>
            <th scope="col">edit</th>
            <th scope="col">change of reward, in SD of the unedited answers’ rewards</th>
            <th scope="col">change of true quality</th>
            <th scope="col">finding</th>
          </tr>
        </thead>
        <tbody>
          {ids.map((id) => {
            const effects = of(id);
            const [effect] = effects as [(typeof effects)[number]];
            const words = effects.map((one, i) => effectWords(one, all[i]!.spread));
            return (
              <tr key={id}>
                <td className="flow-row">
                  {effect.title}
                  <span className="reward-meaning">n {effect.n}</span>
                </td>
                <td className="reward-bar-cell flow-row" data-label="reward">
                  <IntervalBar
                    range={rewards}
                    mark={0}
                    label={words.join('; ')}
                    bars={effects.map((one, i) => ({ id: reports[i]!.model.ref, ...inSpread(one, all[i]!.spread), color: seriesColor(i) }))} // biome-ignore format: one list
                  />
                  {words.map((text, i) => (
                    <span key={reports[i]!.model.ref} className="reward-meaning mono">
                      {text}
                    </span>
                  ))}
                </td>
                <td className="reward-bar-cell flow-row" data-label="truth">
                  {effect.quality && (
                    <>
                      <IntervalBar
                        range={truths}
                        mark={0}
                        label={`true quality ${signed(effect.quality.change)}`}
                        bars={[{ id, value: effect.quality.change, ...effect.quality, color: 'var(--mute)' }]}
                      />
                      <span className="reward-meaning mono">
                        {effect.quality.change === 0 ? 'none' : signed(effect.quality.change)}
                      </span>
                    </>
                  )}
                </td>
                <td className="flow-row">
                  {effects.map((one, i) => {
                    const { kind, words: found } = findingOf(one);
                    return (
                      <p key={reports[i]!.model.ref} className={TONES[kind]}>
                        {reports.length > 1 && (
                          <i className="reward-dot" style={{ background: seriesColor(i) }} aria-hidden="true" />
                        )}
                        {kind === 'gamed' ? <b>{found}</b> : found}
                      </p>
                    );
                  })}
                </td>
              </tr>
            );
          })}
        </tbody>
      </table>
      <p className="quiet train-small">
        An edit leaves all else as it is, so its change of reward is what that thing is worth to the model. True quality
        is the rubric’s (0 to 1), computed from what the world knows; surface edits leave it alone by design. SD of the
        unedited answers’ rewards: {all.map(({ spread }) => number(spread)).join(' and ')}.
      </p>
    </Card>
  );
}
