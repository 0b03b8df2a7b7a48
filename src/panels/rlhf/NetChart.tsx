// Net objective over β as a line: where it crosses 0 the update no longer pays.
import { useEffect, useRef, useState } from 'react';
import { number, setting } from '../../lib/words';
import { niceRange, tickText } from '../../ui/chartScale';
import { seriesColor } from '../../ui/LineChart';
import { betaRange, breakEven, type Change, netOf } from './exampleView';

const HEIGHT = 230;
const PAD = { left: 12, right: 44, top: 22, bottom: 30 };

export function NetChart({ change, betas }: { change: Change; betas: readonly number[] }) {
  const frame = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(360);
  useEffect(() => {
    if (!frame.current) return;
    const observer = new ResizeObserver(([entry]) => entry && setWidth(Math.max(160, entry.contentRect.width)));
    observer.observe(frame.current);
    return () => observer.disconnect();
  }, []);
  const top = betaRange([change], betas);
  const across = niceRange(0, top);
  const ends = [0, netOf(change, 0), netOf(change, across.high)];
  const range = niceRange(Math.min(...ends), Math.max(...ends));
  const x = (beta: number) => PAD.left + (beta / across.high) * (width - PAD.left - PAD.right);
  const y = (net: number) =>
    HEIGHT - PAD.bottom - ((net - range.low) / (range.high - range.low)) * (HEIGHT - PAD.top - PAD.bottom);
  const even = breakEven(change);
  const isLeft = even !== undefined && x(even) < width / 2;
  return (
    <div ref={frame} className="chart">
      <svg
        height={HEIGHT}
        role="img"
        aria-label={`Net objective over β, from ${number(netOf(change, 0))} at 0 to ${number(netOf(change, across.high))} at ${tickText(across.high)}${even === undefined ? '' : `, 0 at ${number(even)}`}`}
      >
        <text className="axis-label" x={2} y={9}>
          r − β · KL
        </text>
        {range.ticks.map((tick) => (
          <g key={tick}>
            <line className="grid" x1={0} x2={width - PAD.right + 4} y1={y(tick)} y2={y(tick)} />
            <text className="axis-label" x={width - 2} y={y(tick)} dominantBaseline="central" textAnchor="end">
              {tickText(tick)}
            </text>
          </g>
        ))}
        {across.ticks.map((tick) => (
          <text key={tick} className="axis-label" x={x(tick)} y={HEIGHT - 14} textAnchor="middle">
            {tickText(tick)}
          </text>
        ))}
        <text className="axis-label" x={2} y={HEIGHT - 2}>
          β
        </text>
        <line className="mark" x1={0} x2={width - PAD.right} y1={y(0)} y2={y(0)} />
        <path
          className="series"
          stroke="var(--s0)"
          d={`M${x(0)} ${y(netOf(change, 0))}L${x(across.high)} ${y(netOf(change, across.high))}`}
        />
        {even !== undefined && even <= across.high && (
          <g>
            <line className="mark" x1={x(even)} x2={x(even)} y1={PAD.top} y2={HEIGHT - PAD.bottom} />
            <text
              className="axis-label"
              x={x(even) + (isLeft ? 4 : -4)}
              y={HEIGHT - PAD.bottom - 6}
              textAnchor={isLeft ? 'start' : 'end'}
            >
              break-even {setting(even)}
            </text>
          </g>
        )}
        {betas.map((beta, i) => {
          const net = netOf(change, beta);
          return (
            // biome-ignore lint/suspicious/noArrayIndexKey: two places, which may hold one number
            <circle key={i} r={4.5} fill={seriesColor(net > 0 ? 1 : 3)} cx={x(beta)} cy={y(net)}>
              <title>{`β ${beta}: ${number(net)}`}</title>
            </circle>
          );
        })}
      </svg>
    </div>
  );
}
