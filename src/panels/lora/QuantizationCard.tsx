// What four bits cost each tensor of the base, with and without double quantisation.
import { useState } from 'react';
import { number, percent } from '../../lib/words';
import type { QuantizationErrorOf } from '../../protocol/requests';
import { studioClient } from '../../stores/client';
import { useLoaded } from '../../stores/useLoaded';
import { Card } from '../../ui/Card';
import { Fault } from '../../ui/Fault';
import { Scroll } from '../../ui/Scroll';
import { Segmented } from '../../ui/Segmented';
import { doubleQuantWords, errorRows } from './pictureView';
import { moduleLabel, shape } from './planView';

const ask = (ref: string, bnb_4bit_use_double_quant: boolean, signal: AbortSignal) =>
  studioClient().compute.request('quantizationErrors', { ref, bnb_4bit_use_double_quant }, { signal });

export function QuantizationCard({
  modelRef,
  title,
  isReady,
}: {
  modelRef: string;
  /** Its name. */
  title: string;
  isReady: boolean;
}) {
  const [isNested, setNested] = useState(true);
  const { value, error } = useLoaded<{ plain: QuantizationErrorOf[]; nested: QuantizationErrorOf[] }>(
    isReady ? `errors ${modelRef}` : undefined,
    async (signal) => ({
      plain: (await ask(modelRef, false, signal)).tensors,
      nested: (await ask(modelRef, true, signal)).tensors,
    }),
  );
  const rows = value && errorRows(isNested ? value.nested : value.plain);
  const [worst, least] = [rows?.[0]?.relativeFrobenius ?? 0, rows?.at(-1)?.relativeFrobenius ?? 0];
  return (
    <Card
      title="What 4 bits cost the base"
      note={`${title}: NF4, blocks of 64, ‖W − Ŵ‖ / ‖W‖ by tensor, the worst first`}
      actions={
        <Segmented
          label="Block scales"
          options={[
            { id: 'plain', label: 'f32 scales' },
            { id: 'nested', label: 'double quant' },
          ]}
          value={isNested ? 'nested' : 'plain'}
          onChange={(id) => setNested(id === 'nested')}
        />
      }
      className="lora-quantization"
    >
      <Fault text={error?.message} />
      {!value && !error && <span className="skeleton-line" />}
      {value && rows && (
        <>
          <p>{doubleQuantWords(value.plain, value.nested)}</p>
          <Scroll label="Errors by tensor">
            <table className="data-table">
              <thead>
                <tr>
                  <th scope="col">layer · module</th>
                  <th scope="col" className="n">
                    out×in
                  </th>
                  <th scope="col" className="n">
                    relative error
                  </th>
                  <th scope="col">
                    <span className="lora-axis-ends">
                      <span>{percent(least)}</span>
                      <span>{percent(worst)}</span>
                    </span>
                  </th>
                  <th scope="col" className="n">
                    rms
                  </th>
                  <th scope="col" className="n">
                    largest
                  </th>
                </tr>
              </thead>
              <tbody>
                {rows.map((t) => (
                  <tr key={t.name}>
                    <td className="mono">{moduleLabel(t.name.replace(/\.weight$/, ''))}</td>
                    <td className="n">{shape(t.shape[0]!, t.shape[1]!)}</td>
                    <td className="n">{percent(t.relativeFrobenius)}</td>
                    <td className="lora-bar-cell">
                      <span className="lora-dot">
                        <i className="lora-dot-mark" style={{ left: `${t.place * 100}%` }} />
                      </span>
                    </td>
                    <td className="n">{number(t.rms)}</td>
                    <td className="n">{number(t.max)}</td>
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
