// Would the update survive being merged into four bits? Told before anything is exported, with the numbers of each module.
import { useState } from 'react';
import { number } from '../../lib/words';
import type { ModulePicture } from '../../protocol/requests';
import type { RunRecord } from '../../protocol/run';
import { studioClient } from '../../stores/client';
import { saveBlob } from '../../stores/saveFile';
import { Card } from '../../ui/Card';
import { tickText } from '../../ui/chartScale';
import { lossFinding } from '../../ui/lossFinding';
import { Scroll } from '../../ui/Scroll';
import { leftWords, ratioBars, survivalOf } from './pictureView';
import { moduleLabel } from './planView';

const TONE = { survives: 'good', part: 'warn', lost: 'bad', none: '', harmful: 'bad' } as const;

export function SurvivalCard({
  run,
  title,
  adapter,
  modules,
}: {
  run: RunRecord;
  /** Its name and base. */
  title: string;
  /** Its ref. */
  adapter: string;
  modules: readonly ModulePicture[];
}) {
  const survival = survivalOf(modules, lossFinding(run.points, true, run.recipe.args));
  const { bars, low, high, one } = ratioBars(modules);
  return (
    <Card title="Would this update survive merging into 4 bit?" note={title} className="lora-survival">
      <div className={`note ${TONE[survival.verdict]}`} role="status">
        <div>
          <b>{survival.title}.</b> {survival.words}
        </div>
      </div>
      <Scroll label="Survival by module">
        <table className="data-table">
          <thead>
            <tr>
              <th scope="col">layer · module</th>
              <th scope="col" className="n">
                ‖ΔW‖ / error
              </th>
              <th scope="col">
                <span className="lora-axis-ends">
                  {/* The ends stand where the 1 × leaves room. */}
                  <span>{one > 0.3 && `${tickText(low)} ×`}</span>
                  <span className="lora-axis-one" style={{ left: `${one * 100}%` }}>
                    1 ×
                  </span>
                  <span>{one < 0.75 && `${tickText(high)} ×`}</span>
                </span>
              </th>
              <th scope="col" className="n">
                ‖ΔW‖
              </th>
              <th scope="col" className="n">
                NF4 error of W
              </th>
              <th scope="col" className="n">
                NF4 error of W + ΔW
              </th>
            </tr>
          </thead>
          <tbody>
            {modules.map((m, i) => {
              const { ratio, from, to } = bars[i]!;
              return (
                <tr key={m.path}>
                  <td className="mono">{moduleLabel(m.path)}</td>
                  <td className={`n${ratio < 1 ? ' bad-text' : ''}`}>{number(ratio)} ×</td>
                  <td className="lora-bar-cell">
                    <span className="lora-ratio">
                      <i
                        className={`lora-ratio-bar${ratio < 1 ? ' is-below' : ''}`}
                        style={{ left: `${from * 100}%`, width: `${(to - from) * 100}%` }}
                      />
                      <b className="lora-ratio-one" style={{ left: `${one * 100}%` }} />
                    </span>
                  </td>
                  <td className="n">{number(m.update_norm)}</td>
                  <td className="n">{number(m.nf4_error)}</td>
                  <td className="n">{number(m.merge_error)}</td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </Scroll>
      <details className="meanings">
        <summary>How to read it</summary>
        <dl>
          <div>
            <dt>the error</dt>
            <dd>
              Four bits have 16 values for each block of 64 weights. Merged and rounded, each weight ends on the nearest
              of them; the length of all those moves is the NF4 error of W + ΔW. It is noise beside what was learnt.
            </dd>
          </div>
          <div>
            <dt>the bars</dt>
            <dd>
              ‖ΔW‖ / error on a logarithmic axis. To the right of 1 × the update is larger than the noise, to the left
              smaller.
            </dd>
          </div>
          {leftWords(modules) !== '' && (
            <div>
              <dt>{leftWords(modules)}</dt>
              <dd>
                of ΔW is in what the four-bit weights move by, over the modules. Most updates are smaller than the step
                between two values: few weights move, but by a whole step, so the sum comes out near 100 % or above it
                also where the noise is far larger. It is no measure of survival by itself; only near 0 % does nothing
                arrive.
              </dd>
            </div>
          )}
        </dl>
      </details>
      <Export adapter={adapter} isBiased={run.recipe.peft?.lora_bias === true} />
    </Card>
  );
}

const FORMS = {
  peft: 'Adapter, PEFT’s files',
  merged: 'Merged model, Hugging Face layout',
} as const;

function Export({ adapter, isBiased }: { adapter: string; isBiased: boolean }) {
  const [state, setState] = useState<{ busy?: keyof typeof FORMS; error?: string; done?: string }>({});
  const save = async (form: keyof typeof FORMS) => {
    setState({ busy: form });
    try {
      const { fileName, blob } = await studioClient().compute.request('exportAdapter', { ref: adapter, form });
      saveBlob(fileName, blob);
      setState({ done: fileName });
    } catch (cause) {
      setState({ error: (cause as Error).message });
    }
  };
  return (
    <div className="lora-export">
      {(Object.keys(FORMS) as (keyof typeof FORMS)[]).map((form) => (
        <button
          key={form}
          type="button"
          className="button"
          disabled={state.busy !== undefined || (form === 'merged' && isBiased)}
          onClick={() => void save(form)}
        >
          {state.busy === form ? 'Writing …' : FORMS[form]}
        </button>
      ))}
      <span className={state.error ? 'bad-text' : 'quiet'} role="status">
        {state.error ??
          (state.done
            ? `${state.done} is saved.`
            : isBiased
              ? 'An adapter with lora_bias cannot be merged: a Llama has no place for its bias.'
              : 'Merged at full precision (f32), into the base as it was before any four bits.')}
      </span>
    </div>
  );
}
