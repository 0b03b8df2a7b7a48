// Inside a forward pass: how large each token's vectors are behind each layer, as one picture of numbers.
import { useState } from 'react';
import { number } from '../../lib/words';
import { studioClient } from '../../stores/client';
import { useRuns } from '../../stores/runs';
import { useLoaded } from '../../stores/useLoaded';
import { trainedHead } from '../../trainers/registry';
import { Card } from '../../ui/Card';
import { Segmented } from '../../ui/Segmented';
import { readable } from '../../ui/tokenText';
import { heatOf, LAYER_KINDS, type LayerKind, layerName } from './engineView';

const BASES = ['nano', 'micro'];
const SAMPLE = 'The balance of account 4417 is 1,250.00 EUR.';

export function LayersCard() {
  const runs = useRuns((s) => s.runs);
  const [ref, setRef] = useState(`builtin:${BASES[0]}`);
  const [text, setText] = useState(SAMPLE);
  const [kind, setKind] = useState<LayerKind>('hidden_states');
  const [wanted, setWanted] = useState<{ ref: string; text: string }>();
  const read = useLoaded(wanted && JSON.stringify(wanted), async (signal) => {
    const { text: workers, compute } = studioClient();
    const { ids, tokens } = await workers.request('encodeText', { text: wanted!.text }, { signal });
    return { tokens, norms: await compute.request('layerNorms', { ref: wanted!.ref, ids }, { signal }) };
  });
  const trained = Object.values(runs).filter(
    ({ step, checkpoints, recipe }) => step > 0 && checkpoints.length > 0 && trainedHead(recipe.trainer) === 'lm',
  );
  const rows = read.value?.norms[kind];
  const most = rows ? Math.max(...rows.flatMap((row) => [...row])) : 0;
  return (
    <Card
      title="Inside a forward pass"
      note="the size of each token's vectors, layer by layer"
      actions={
        <button
          type="button"
          className="button"
          disabled={read.isLoading && wanted !== undefined}
          onClick={() => setWanted({ ref, text })}
        >
          {read.isLoading && wanted ? 'Reading …' : 'Read the row'}
        </button>
      }
    >
      <div className="engine-shape">
        <label className="inline-field">
          model{' '}
          <select className="select" value={ref} onChange={(event) => setRef(event.target.value)}>
            {BASES.map((name) => (
              <option key={name} value={`builtin:${name}`}>
                {name}-base
              </option>
            ))}
            {trained.map(({ id, name }) => (
              <option key={id} value={`run:${id}`}>
                {name}
              </option>
            ))}
          </select>
        </label>
        <label className="inline-field engine-text">
          text{' '}
          <input
            className="field-input"
            value={text}
            maxLength={400}
            onChange={(event) => setText(event.target.value)}
          />
        </label>
        <div className="engine-layers-choice">
          <Segmented label="Vectors" options={LAYER_KINDS} value={kind} onChange={setKind} />
        </div>
      </div>
      {read.error && (
        <p className="bad" role="alert">
          {read.error.message}
        </p>
      )}
      {rows && read.value ? (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrollable region must be reachable by keyboard
        <section className="engine-scroll" aria-label="Norms by layer and token" tabIndex={0}>
          <table className="engine-layers">
            <thead>
              <tr>
                <th scope="col">behind</th>
                {read.value.tokens.map((token, t) => (
                  // biome-ignore lint/suspicious/noArrayIndexKey: a token is its place
                  <th key={t} scope="col" className="mono">
                    {readable(token)}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {rows.map((row, i) => (
                // biome-ignore lint/suspicious/noArrayIndexKey: a layer is its place
                <tr key={i}>
                  <th scope="row">{layerName(kind, i)}</th>
                  {[...row].map((norm, t) => (
                    // biome-ignore lint/suspicious/noArrayIndexKey: a token is its place
                    <td key={t} className="n" style={{ background: heatOf(norm, most) }}>
                      {number(norm)}
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </section>
      ) : (
        <p className="quiet engine-line">
          Euclidean norms, as the engine that runs here finds them. Every layer adds its part to the stream, so hidden
          states tend to grow; the others show at which tokens a layer has most to do.
        </p>
      )}
    </Card>
  );
}
