// Would the update survive being merged into four bits? Told before anything is exported, with the numbers of each module.
import { useState } from 'react';
import { number, percent } from '../../lib/words';
import type { ModulePicture } from '../../protocol/requests';
import type { RunRecord } from '../../protocol/run';
import { studioClient } from '../../stores/client';
import { saveFile } from '../../stores/saveFile';
import { Card } from '../../ui/Card';
import { survivalOf } from './pictureView';
import { moduleLabel } from './planView';
import { Scroll } from './Scroll';

const TONE = { survives: 'good', part: 'warn', lost: 'bad', none: '' } as const;

export function SurvivalCard({
  run,
  adapter,
  modules,
}: {
  run: RunRecord;
  /** Its ref. */
  adapter: string;
  modules: readonly ModulePicture[];
}) {
  const survival = survivalOf(modules);
  return (
    <Card title="Would this update survive merging into 4 bit?" note={run.name} className="lora-survival">
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
                ‖ΔW‖
              </th>
              <th scope="col" className="n">
                NF4 error of W
              </th>
              <th scope="col" className="n">
                NF4 error of W + ΔW
              </th>
              <th scope="col" className="n">
                ‖ΔW‖ / error
              </th>
              <th scope="col" className="n">
                left of ΔW
              </th>
              <th scope="col">
                <span className="sr-only">share as a bar</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {modules.map((m) => {
              const ratio = m.update_norm / m.merge_error;
              return (
                <tr key={m.path}>
                  <td className="mono">{moduleLabel(m.path)}</td>
                  <td className="n">{number(m.update_norm)}</td>
                  <td className="n">{number(m.nf4_error)}</td>
                  <td className="n">{number(m.merge_error)}</td>
                  <td className={`n${ratio < 1 ? ' bad-text' : ''}`}>{number(ratio)} ×</td>
                  <td className="n">{m.survival === null ? '–' : percent(m.survival)}</td>
                  <td className="lora-bar-cell">
                    <span className="meter">
                      <i style={{ width: `${Math.min(1, Math.max(0, m.survival ?? 0)) * 100}%` }} />
                    </span>
                  </td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </Scroll>
      <p className="quiet lora-small lora-hint">
        Read the error beside what is left of ΔW: rounding moves weights by whole steps of the code, which comes out
        right on the average and wrong one by one.
      </p>
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
      const { fileName, bytes } = await studioClient().compute.request('exportAdapter', { ref: adapter, form });
      saveFile(fileName, bytes, 'application/zip');
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
