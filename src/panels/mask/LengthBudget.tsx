// How long the rows are and what max_length cuts: a histogram with the limit on it.
import type { MaskReport } from '../../protocol/requests';
import { Card } from '../../ui/Card';
import { lengthBins, lengthSentence } from './maskView';

const HEIGHT = 96;
const WIDTH = 480;

export function LengthBudget({
  report,
  maxLength,
  onChange,
}: {
  report?: MaskReport;
  maxLength: number;
  onChange: (maxLength: number) => void;
}) {
  const bins = report ? lengthBins(report.rows, 24) : [];
  const tallest = Math.max(1, ...bins.map((bin) => bin.kept + bin.cut));
  const longest = bins.at(-1)?.to ?? 1;
  const x = (tokens: number) => (Math.min(tokens, longest) / longest) * WIDTH;
  return (
    <Card
      title="Length budget"
      actions={
        <label className="inline-field">
          <span>max_length</span>
          <input
            type="number"
            min={16}
            max={1024}
            step={16}
            value={maxLength}
            onChange={(event) => {
              const value = event.currentTarget.valueAsNumber;
              if (Number.isInteger(value) && value >= 16 && value <= 1024) onChange(value);
            }}
          />
        </label>
      }
    >
      <p className="quiet">{report ? lengthSentence(report, maxLength) : 'Measuring the rows …'}</p>
      <svg
        className="length-budget"
        viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={report ? lengthSentence(report, maxLength) : 'Row lengths are being measured'}
      >
        {bins.map((bin) => {
          const kept = (bin.kept / tallest) * (HEIGHT - 8);
          const cut = (bin.cut / tallest) * (HEIGHT - 8);
          const left = x(bin.from) + 1;
          const width = Math.max(1, x(bin.to) - x(bin.from) - 2);
          return (
            <g key={bin.from}>
              <rect className="kept" x={left} width={width} y={HEIGHT - kept} height={kept}>
                <title>{`${bin.from}–${bin.to - 1} tokens: ${bin.kept} rows whole, ${bin.cut} cut`}</title>
              </rect>
              <rect className="cut" x={left} width={width} y={HEIGHT - kept - cut} height={cut} />
            </g>
          );
        })}
        <line className="floor" x1={0} x2={WIDTH} y1={HEIGHT - 0.5} y2={HEIGHT - 0.5} />
        {maxLength <= longest && <line className="limit" x1={x(maxLength)} x2={x(maxLength)} y1={0} y2={HEIGHT} />}
      </svg>
      <div className="axis mono" aria-hidden="true">
        <span>0</span>
        <span>{longest} tokens</span>
      </div>
    </Card>
  );
}
