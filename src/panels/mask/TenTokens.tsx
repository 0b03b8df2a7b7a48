// The textbook's row in ten tokens, six of context and four of answer, through the real tokenizer: m, the shift, the targets.
import { studioClient } from '../../stores/client';
import { useLoaded } from '../../stores/useLoaded';
import { Card } from '../../ui/Card';
import { visible } from './maskView';

const ROW = { prompt: 'Q3 spending of sales?', completion: ' 80' };

export function TenTokens({ onClose }: { onClose: () => void }) {
  const loaded = useLoaded('ten tokens', (signal) =>
    studioClient().text.request(
      'encodeRow',
      { row: ROW, rowId: 'ten tokens', settings: { mode: 'completion_only_loss', max_length: 64 } },
      { signal },
    ),
  );
  const { encoded, tokens } = loaded.value ?? {};
  const mask = Array.from(encoded?.mask ?? []);
  const trained = mask.reduce((a, b) => a + b, 0);
  const cell = (t: number) => visible(tokens?.[t] ?? '');
  return (
    <Card
      title="Ten tokens"
      note={encoded && `${encoded.ids.length - trained} of context, ${trained} of answer: Σ m = ${trained}`}
      actions={
        <button type="button" className="icon-button" aria-label="Close the ten tokens" onClick={onClose}>
          ×
        </button>
      }
    >
      {loaded.error && <p className="bad-text">{loaded.error.message}</p>}
      {encoded && (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrollable region must be reachable by keyboard
        <section className="ten-scroll" aria-label="The ten tokens with their masks" tabIndex={0}>
          <table className="ten-tokens mono">
            <tbody>
              <tr>
                <th scope="row">t</th>
                {mask.map((_, t) => (
                  // biome-ignore lint/suspicious/noArrayIndexKey: a position is its own name
                  <td key={t}>{t}</td>
                ))}
              </tr>
              <tr>
                <th scope="row">token</th>
                {mask.map((m, t) => (
                  // biome-ignore lint/suspicious/noArrayIndexKey: a position is its own name
                  <td key={t}>
                    <span className={`t ${m ? 'ast m' : 'usr'}`}>{cell(t)}</span>
                  </td>
                ))}
              </tr>
              <tr>
                <th scope="row">id</th>
                {mask.map((_, t) => (
                  // biome-ignore lint/suspicious/noArrayIndexKey: a position is its own name
                  <td key={t}>{encoded.ids[t]}</td>
                ))}
              </tr>
              <tr>
                <th scope="row">
                  m<sub>t</sub>
                </th>
                {mask.map((m, t) => (
                  // biome-ignore lint/suspicious/noArrayIndexKey: a position is its own name
                  <td key={t} className={m ? 'is-trained' : undefined}>
                    {m}
                  </td>
                ))}
              </tr>
              <tr>
                <th scope="row">output at t is compared with</th>
                {mask.map((_, t) => (
                  // biome-ignore lint/suspicious/noArrayIndexKey: a position is its own name
                  <td key={t} className={mask[t + 1] ? 'is-trained' : 'quiet'}>
                    {t + 1 < mask.length ? (mask[t + 1] ? cell(t + 1) : 'ignored') : 'nothing'}
                  </td>
                ))}
              </tr>
            </tbody>
          </table>
        </section>
      )}
      <p className="quiet">
        The loss is the mean of −log p over the {trained} answer tokens, the end of the text among them. Each is
        predicted one position earlier: the first answer token by the last token of the question. So the labels are the
        ids moved by one, and the question’s are ignored.
      </p>
    </Card>
  );
}
