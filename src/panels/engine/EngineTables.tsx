// The Engine panel's results: the kernels of a step, a sweep, other libraries.
import { number, percent } from '../../lib/words';
import { type BenchmarkReport, SIZE_NAMES, type StepProfile } from '../../protocol/engineReport';
import type { Sweep } from '../../stores/engineMeasures';
import {
  axisWords,
  bytesWords,
  doubtWords,
  kernelRows,
  kernelWords,
  profileFacts,
  ratioTo,
  timeWords,
} from './engineView';

export function ProfileView({ profile }: { profile: StepProfile }) {
  const rows = kernelRows(profile);
  const doubt = doubtWords(profile);
  return (
    <>
      <dl className="facts engine-facts">
        {profileFacts(profile).map(([label, value]) => (
          <div key={label} className="facts-pair">
            <dt>{label}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      {doubt && (
        <div className="note warn engine-doubt" role="status">
          <div>{doubt}</div>
        </div>
      )}
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrollable region must be reachable by keyboard */}
      <section className="engine-scroll" aria-label="Kernels" tabIndex={0}>
        <table className="changes engine-kernels">
          <thead>
            <tr>
              <th scope="col">kernel</th>
              <th scope="col">sizes</th>
              <th scope="col" className="n">
                calls
              </th>
              <th scope="col" className="n">
                time
              </th>
              <th scope="col">share</th>
              <th scope="col" className="n">
                GFLOPS
              </th>
              <th scope="col" className="n">
                of the peak
              </th>
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <tr key={`${row.name} ${row.sizes} ${row.calls} ${row.ms}`}>
                <td>
                  {kernelWords(row.name)} <span className="quiet mono engine-name">{row.name}</span>
                </td>
                <td className="mono" data-label="sizes">
                  {row.sizes ?? ''}
                </td>
                <td className="n" data-label="calls">
                  {row.calls}
                </td>
                <td className="n" data-label="time">
                  {timeWords(row.ms)}
                </td>
                <td data-label="share">
                  <span className="engine-bar">
                    <span style={{ width: `${(100 * row.share).toFixed(1)}%` }} />
                  </span>{' '}
                  {percent(row.share)}
                </td>
                <td className="n" data-label="GFLOPS">
                  {row.gflops ? number(row.gflops) : ''}
                </td>
                <td className="n" data-label="of the peak">
                  {row.ofPeak ? percent(row.ofPeak) : ''}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
      <p className="quiet engine-foot">
        Each is timed alone, three times, by{' '}
        {profile.timing === 'timestamps' ? "the adapter's own timestamps" : 'the clock'}, and the median counts; in a
        step they follow each other without a gap, so the sum may differ from the step's time.
      </p>
    </>
  );
}

export function SweepView({ sweep: { axis, rows } }: { sweep: Pick<Sweep, 'axis' | 'rows'> }) {
  const longest = Math.max(...rows.map(({ profile }) => profile?.stepMs ?? 0));
  return (
    <table className="changes">
      <thead>
        <tr>
          <th scope="col">{SIZE_NAMES[axis]}</th>
          <th scope="col" className="n">
            a step
          </th>
          <th scope="col">beside the slowest</th>
          <th scope="col" className="n">
            activations
          </th>
          <th scope="col" className="n">
            weights, moments
          </th>
        </tr>
      </thead>
      <tbody>
        {rows.map(({ shape, profile, failure }) => (
          <tr key={shape[axis]}>
            <td>{axisWords(axis, shape)}</td>
            {profile ? (
              <>
                <td className="n">{timeWords(profile.stepMs)}</td>
                <td>
                  <span className="engine-bar">
                    <span style={{ width: `${((100 * profile.stepMs) / longest).toFixed(1)}%` }} />
                  </span>
                </td>
                <td className="n">{bytesWords(profile.plannedBytes)}</td>
                <td className="n">{bytesWords(profile.weightBytes)}</td>
              </>
            ) : (
              <td colSpan={4}>{failure}</td>
            )}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

export function BenchmarkView({ benchmark }: { benchmark: BenchmarkReport }) {
  return (
    <table className="changes">
      <thead>
        <tr>
          <th scope="col">library</th>
          <th scope="col" className="n">
            fastest step
          </th>
          <th scope="col" className="n">
            slowest
          </th>
          <th scope="col" className="n">
            ours is faster by
          </th>
        </tr>
      </thead>
      <tbody>
        {benchmark.rows.map(({ name, ms, failure }, i) => {
          const ratio = ratioTo(benchmark, name);
          return (
            <tr key={name}>
              <td>{name}</td>
              {failure ? (
                <td colSpan={3}>{failure}</td>
              ) : (
                <>
                  <td className="n">{timeWords(Math.min(...ms))}</td>
                  <td className="n">{timeWords(Math.max(...ms))}</td>
                  <td className="n">{i === 0 || ratio === undefined ? '' : `${number(ratio)} ×`}</td>
                </>
              )}
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}
