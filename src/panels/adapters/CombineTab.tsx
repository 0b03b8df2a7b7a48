// Several adapters at once: one request under weighted sums of them side by side, and a sum made into an adapter of its own.
import { useState } from 'react';
import type { MixedAnswers, TenancyView } from '../../protocol/requests';
import { Card } from '../../ui/Card';
import { Fault } from '../../ui/Fault';
import { Segmented } from '../../ui/Segmented';
import { AnswerText } from './AnswerText';
import { decidesWords, startSums, sumWords, weightingsOf } from './combineView';
import { answerSums, combine, useCombining } from './combining';
import { EntryTarget } from './EntryTarget';
import { startTarget, targetOf } from './entryTarget';
import { AdapterId, WorkButton, WorkState } from './parts';
import { adapterColor } from './registryView';
import { useTenants, useTyped } from './tenants';

interface Chosen {
  ids: number[];
  sums: string[][];
}

export function CombineTab({ view }: { view: TenancyView }) {
  const served = view.entries.filter(({ active }) => active !== null);
  const first = [17, 42].every((id) => served.some((entry) => entry.id === id)) ? [17, 42] : served.slice(0, 2).map(({ id }) => id); // biome-ignore format: one choice
  const [typed, setChosen] = useTyped<Chosen>('sums', { ids: first, sums: startSums(first.length) });
  // An entry that lost its version since is chosen no longer.
  const isStale = typed.ids.some((id) => !served.some((entry) => entry.id === id));
  const chosen = isStale ? { ids: first, sums: startSums(first.length) } : typed;
  return (
    <>
      <SumsCard view={view} chosen={chosen} onChange={setChosen} />
      <Answers view={view} />
      <CombineCard view={view} chosen={chosen} />
    </>
  );
}

function SumsCard({
  view,
  chosen: { ids, sums },
  onChange,
}: {
  view: TenancyView;
  chosen: Chosen;
  onChange: (chosen: Chosen) => void;
}) {
  const chapter = view.chapterMessages.at(-1)?.content ?? '';
  const [text, setText] = useTyped('mix request', chapter);
  const served = view.entries.filter(({ active }) => active !== null);
  const all = view.entries.map(({ id }) => id);
  const weightings = weightingsOf(sums);
  const problem =
    ids.length < 2
      ? 'A sum is of two adapters or more. Choose another one.'
      : 'problem' in weightings
        ? weightings.problem
        : undefined;
  const toggle = (id: number) => {
    const next = all.filter((one) => (one === id ? !ids.includes(one) : ids.includes(one)));
    onChange({ ids: next, sums: startSums(next.length) });
  };
  const edit = (row: number, column: number, value: string) =>
    onChange({ ids, sums: sums.map((weights, i) => (i === row ? weights.map((w, j) => (j === column ? value : w)) : weights)) }); // biome-ignore format: one call
  return (
    <Card
      title="Weighted sums of adapters"
      note="y = Wx + Σ wᵢ·(αᵢ/rᵢ)·Bᵢ(Aᵢx): the base stays, and each row of one batch has weights of its own"
      actions={
        <WorkButton
          name="mix"
          label="Answer under each"
          isPrimary
          disabled={problem !== undefined || text.trim() === ''}
          title={problem}
          onStart={() => Array.isArray(weightings) && void answerSums(ids, weightings, text)}
        />
      }
    >
      <fieldset className="ad-choice">
        <legend className="sr-only">Adapters in the sums</legend>
        {served.map(({ id, name }) => (
          <label key={id}>
            <input type="checkbox" checked={ids.includes(id)} onChange={() => toggle(id)} />{' '}
            <AdapterId id={id} color={adapterColor(all, id)} /> {name}
          </label>
        ))}
        {served.length === 0 && <p className="quiet">No adapter is active yet.</p>}
      </fieldset>
      {ids.length >= 2 && (
        <div className="ad-sums">
          {sums.map((weights, row) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: a sum has no other name than its place
            <div key={row} className="ad-sum">
              {weights.map((weight, column) => (
                <label key={ids[column]}>
                  <input
                    className="field-input mono"
                    inputMode="decimal"
                    value={weight}
                    aria-label={`Weight of adapter ${ids[column]} in sum ${row + 1}`}
                    onChange={(event) => edit(row, column, event.currentTarget.value)}
                  />
                  <span className="quiet mono">× {ids[column]}</span>
                </label>
              ))}
              {sums.length > 1 && (
                <button
                  type="button"
                  className="link"
                  aria-label={`Remove sum ${row + 1}`}
                  onClick={() => onChange({ ids, sums: sums.filter((_, i) => i !== row) })}
                >
                  Remove
                </button>
              )}
            </div>
          ))}
          <button
            type="button"
            className="link"
            onClick={() => onChange({ ids, sums: [...sums, new Array<string>(ids.length).fill('1')] })}
          >
            Add a sum
          </button>
        </div>
      )}
      <div className="ad-request">
        <textarea
          className="field-input"
          rows={2}
          aria-label="Request to the sums"
          value={text}
          onChange={(event) => setText(event.currentTarget.value)}
        />
        {text !== chapter && (
          <p className="quiet">
            A request of your own: nobody knows its right answer.{' '}
            <button type="button" className="link" onClick={() => setText(chapter)}>
              Back to the payables request
            </button>
          </p>
        )}
      </div>
      <Fault text={problem} />
      <WorkState name="mix" unit="answers" />
    </Card>
  );
}

function Answers({ view }: { view: TenancyView }) {
  const { answers: found } = useCombining();
  const isRunning = useTenants((s) => 'mix' in s.work);
  const registered = view.entries.map(({ id }) => id);
  if (!found)
    return (
      <p className="quiet ad-small">
        A sum is a model between its parts: it may follow one policy, the other, or neither. No tenant is served by it,
        so nothing is routed and nothing is logged.
      </p>
    );
  return (
    <Card title="The same request under each sum" note={heldAgainst(found)}>
      <div className={`ad-mixed${isRunning ? ' ad-old' : ''}`}>
        {found.answers.map((answer) => {
          const ids = found.adapters.map(({ id }) => id);
          const words = sumWords(ids, answer.weights);
          const { tone, text } = decidesWords(answer, found.checked);
          return (
            <section className="ad-mixed-answer" key={answer.weights.join()} aria-label={`Answer under ${words}`}>
              <h3 className="mono">{words}</h3>
              <p className="ad-meta">
                {answer.weights.map(
                  (weight, i) =>
                    weight !== 0 && (
                      <i
                        key={ids[i]}
                        className="ad-weight"
                        aria-hidden="true"
                        style={{
                          background: adapterColor(registered, ids[i]),
                          width: `${Math.min(100, 40 * Math.abs(weight))}px`,
                        }}
                      />
                    ),
                )}
                <span className={`verdict ${tone}`}>{text}</span>
              </p>
              <AnswerText answer={answer} />
            </section>
          );
        })}
      </div>
    </Card>
  );
}
const heldAgainst = ({ checked, adapters }: MixedAnswers): string =>
  `adapters ${adapters.map(({ id, version }) => `${id} version ${version}`).join(', ')}; ${
    checked.length > 0 ? `held against the policies of ${checked.join(', ')}` : 'held against no policy'
  }`;

const KINDS = [
  { id: 'cat', label: 'cat' },
  { id: 'linear', label: 'linear' },
] as const;
function CombineCard({ view, chosen: { ids, sums } }: { view: TenancyView; chosen: Chosen }) {
  const [kind, setKind] = useTyped<'cat' | 'linear'>('combination', 'cat');
  const [row, setRow] = useState<number>();
  const [typed, setTyped] = useState(() => startTarget(view.entries, 'combined'));
  const combined = useCombining((s) => s.combined);
  const weightings = weightingsOf(sums);
  const rows = Array.isArray(weightings) ? weightings : [];
  // A sum of one adapter is that adapter: the first real sum stands there until another is chosen.
  const mixed = rows.findIndex((one) => one.filter((weight) => weight !== 0).length > 1);
  const at = row !== undefined && rows[row] ? row : Math.max(0, mixed);
  const weights = rows[at];
  const target = targetOf(typed, view.entries);
  const problem = 'problem' in target ? target.problem : undefined;
  const start = async () => {
    if (!weights || 'problem' in target) return;
    const parts = ids.map((id, i) => ({ id, weight: weights[i]! }));
    // A new adapter is one of the registry from then on: the next combination is its next version.
    if (await combine(parts, kind, target)) setTyped((before) => ({ ...before, entry: String(target.id) }));
  };
  return (
    <Card
      title="Make a sum one adapter"
      note="PEFT’s add_weighted_adapter: a version like any other, with a check before it serves"
      actions={
        <WorkButton
          name="combine"
          label="Combine"
          disabled={ids.length < 2 || !weights || problem !== undefined}
          onStart={() => void start()}
        />
      }
    >
      <div className="ad-row">
        <label className="inline-field">
          sum
          <select className="select" value={at} onChange={(event) => setRow(Number(event.currentTarget.value))}>
            {rows.map((one, i) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: a sum has no other name than its place
              <option key={i} value={i}>
                {sumWords(ids, one)}
              </option>
            ))}
          </select>
        </label>
        <Segmented label="combination_type" options={KINDS} value={kind} onChange={setKind} />
      </div>
      <p className="quiet">
        {kind === 'cat'
          ? 'Lays A and B of all adapters side by side: exactly the sum, and the ranks add up.'
          : 'Sums A and B themselves by √weight: the rank stays, and products of one adapter’s B with the other’s A come in, so it is another model than the sum. All ranks must be equal.'}
      </p>
      <EntryTarget entries={view.entries} value={typed} onChange={setTyped} problem={problem} />
      <WorkState name="combine" unit="adapters">
        {combined && (
          <p className="ok-text">
            Registered as version {combined.version} of adapter {combined.id} ({combined.note}). Check and activate it
            in{' '}
            <button type="button" className="link" onClick={() => useTenants.getState().show('registry')}>
              the registry
            </button>
            .
          </p>
        )}
      </WorkState>
    </Card>
  );
}
