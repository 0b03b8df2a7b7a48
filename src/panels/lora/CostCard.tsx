// What the adapter in hand costs, live as the rank moves: parameters, bytes, and the formula with the current numbers in it.
import { useState } from 'react';
import { count, number } from '../../lib/words';
import type { LoraPlan } from '../../protocol/requests';
import { byteWords } from '../../ui/byteWords';
import { Card } from '../../ui/Card';
import { Fault } from '../../ui/Fault';
import { baseBars, exampleProblem, moduleLabel, planFacts, scaleFraction, shape, workedExample } from './planView';
import type { Lora } from './useLora';

export function CostCard({ lora, path, onExample }: { lora: Lora; path?: string; onExample: () => void }) {
  const { plan, recipe } = lora;
  const { value } = plan;
  // Of what is typed and does not fit there is no plan either.
  const error = plan.error?.message ?? lora.problems[0]?.text;
  if (!value)
    return (
      <Card title="What it costs" note={error ? '' : 'reading the model …'} className="lora-cost">
        {error ? (
          <p className="quiet">These figures come with the first adapter that fits. {error}</p>
        ) : (
          <span className="skeleton-block" />
        )}
      </Card>
    );
  const { quantization } = recipe.model;
  const used = quantization ? (quantization.bnb_4bit_use_double_quant ? 'nf4_double_quant' : 'nf4') : 'f32';
  const module = value.modules.find((m) => m.path === path) ?? value.modules[0]!;
  return (
    <Card
      title="What it costs"
      note={
        error ? 'of the last adapter that fits' : `${value.modules.length} modules, in f32 unless it says otherwise`
      }
      actions={
        <button type="button" className="link" onClick={onExample}>
          4096×4096, r = 16
        </button>
      }
      className={`lora-cost${error ? ' is-stale' : ''}`}
    >
      <div className="lora-cost-body">
        <dl className="lora-figures" aria-live="polite">
          {planFacts(value).map(({ name, value: figure, note }) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd>
                <b>{figure}</b>
                <span>{note}</span>
              </dd>
            </div>
          ))}
        </dl>
        <div>
          <p className="lora-small quiet">base, frozen</p>
          <table className="lora-bars">
            <caption className="sr-only">Bytes of the base</caption>
            <tbody>
              {baseBars(value).map(({ id, label, words, share }) => (
                <tr key={id} className={id === used ? 'on' : undefined}>
                  <th scope="row">
                    {label}
                    {id === used && <span className="sr-only"> (chosen)</span>}
                  </th>
                  <td>
                    <span className="meter">
                      <i style={{ width: `${share * 100}%` }} />
                    </span>
                  </td>
                  <td className="n">{words}</td>
                </tr>
              ))}
            </tbody>
          </table>
          <p className="lora-small quiet">
            NF4 keeps the linear layers in four bits; embeddings and norms, {byteWords(value.unquantized_bytes)} of it,
            stay f32.
          </p>
        </div>
      </div>
      <Formula module={module} isRs={recipe.peft.use_rslora === true} isDora={recipe.peft.use_dora === true} />
    </Card>
  );
}

/** The chapter writes rows times W, ΔW = A·B with A (d×r), B (r×k); PEFT keeps both transposed, W (out×in) times columns. */
function Formula({ module, isRs, isDora }: { module: LoraPlan['modules'][number]; isRs: boolean; isDora: boolean }) {
  const { in: d, out: k, r } = module;
  return (
    <div className="lora-formula">
      <p className="mono">
        {isDora ? 'V' : 'W′'} = W <sub>{shape(k, d)}</sub> + ({scaleFraction(module, isRs)}) · B{' '}
        <sub>{shape(k, r)}</sub> · A <sub>{shape(r, d)}</sub>
        {isDora && ', W′ = m · V / ‖V‖ row by row'}
        <span className="quiet">
          {' '}
          at {moduleLabel(module.path)}, scale {number(module.scaling)}
        </span>
      </p>
      <p className="quiet lora-small">
        Where texts write inputs as rows, x·W, the same update is ΔW = A·B with A{' '}
        <span className="mono">{shape(d, r)}</span> and B <span className="mono">{shape(r, k)}</span>: the transposes of
        PEFT’s two. Either way r (d + k) = {r} · ({d} + {k}) = <span className="mono">{count(r * (d + k))}</span>{' '}
        numbers are trained in place of d k = <span className="mono">{count(d * k)}</span>.
      </p>
    </div>
  );
}

/** The example that everybody knows, with its numbers free to change. */
export function WorkedExample({ onClose }: { onClose: () => void }) {
  const [numbers, setNumbers] = useState({ d: 4096, k: 4096, r: 16 });
  const { d, k, r } = numbers;
  const problem = exampleProblem(d, k, r);
  const { full, lora, ratio } = workedExample(d, k, r);
  return (
    <Card
      title="Worked example"
      note="one matrix, d inputs and k outputs"
      actions={
        <button type="button" className="button" onClick={onClose}>
          Close
        </button>
      }
      className="lora-example"
    >
      <div className="lora-example-body">
        {(['d', 'k', 'r'] as const).map((name) => (
          <label key={name} className="inline-field">
            <span className="mono">{name}</span>
            <input
              type="number"
              min={1}
              step={1}
              value={Number.isFinite(numbers[name]) ? numbers[name] : ''}
              onChange={(event) => setNumbers({ ...numbers, [name]: event.currentTarget.valueAsNumber })}
            />
          </label>
        ))}
        {problem ? (
          <Fault text={problem} />
        ) : (
          <p aria-live="polite">
            r (d + k) = <b className="mono">{count(lora)}</b> trained numbers against d k ={' '}
            <b className="mono">{count(full)}</b>: <b>{number(ratio)} ×</b> fewer.
          </p>
        )}
      </div>
    </Card>
  );
}
