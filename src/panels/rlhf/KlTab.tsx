// KL laboratory: on the same drawn tokens k1, k2, k3 and the exact KL over the vocabulary: values, noise, gradients, token by token.
import { useState } from 'react';
import { argsOf } from '../../labs/trainerOf';
import { number, percent, plural } from '../../lib/words';
import { klEstimators } from '../../protocol/klEstimators';
import { modelStates } from '../../stores/modelStates';
import { Card } from '../../ui/Card';
import { Fault } from '../../ui/Fault';
import { RowStepper } from '../../ui/RowStepper';
import { Scroll } from '../../ui/Scroll';
import { Segmented } from '../../ui/Segmented';
import { StateSelect } from '../../ui/StateSelect';
import { TokenStrip } from '../../ui/TokenStrip';
import { referenceToRead } from '../shared/referenceView';
import { type KlFindings, klLab, type ShownKl } from './drawing';
import { KlDots } from './KlDots';
import {
  directionOf,
  ESTIMATORS,
  estimateWords,
  estimatorWords,
  KL_HEATS,
  type KlHeat,
  klHeat,
  klTokenWords,
  summaryWords,
} from './klView';
import type { Rlhf } from './useRlhf';

const COUNTS = ['8', '16', '32'] as const;
const PROMPTS = 4;
const SEED = 1;

export function KlTab({ rlhf, findings }: { rlhf: Rlhf; findings: KlFindings }) {
  const { run, recipe } = rlhf;
  const shown = run?.recipe ?? recipe;
  // A checkpoint holds still: gradients need models of their own, and take longer than a step.
  const kept = run ? modelStates(shown.model.ref, run).filter(({ ref }) => ref.includes('@')) : [];
  const states = [...kept, { ref: shown.model.ref, label: 'the start' }];
  const [wanted, setState] = useState<string>();
  const [n, setN] = useState<(typeof COUNTS)[number]>('16');
  const [tensor, setTensor] = useState('');
  const state = states.find(({ ref }) => ref === wanted) ?? states[0]!;
  const reference = referenceToRead(shown, run);
  const known = findings.value?.found.tensors ?? [];
  const isStart = state.ref === shown.model.ref && reference.ref === shown.model.ref;
  const measure = () =>
    findings.ask((signal, onProgress) =>
      klLab(
        {
          model: state.ref,
          reference: reference.ref,
          recipe: shown,
          ...{ prompts: PROMPTS, completions: Number(n) / PROMPTS, seed: SEED },
          maxNewTokens: Number(argsOf(shown).max_completion_length),
          ...(known.includes(tensor) && { tensor }),
          of: `${run ? `${run.name}, ` : ''}${state.label}`,
        },
        signal,
        onProgress,
      ),
    );
  return (
    <>
      <Card
        title="KL laboratory"
        note={`the policy draws, ${rlhf.nameOf(reference.ref)} is the reference${reference.isInLoss ? '' : ' (the recipe reads none at β 0)'}`}
        className="rlhf-draw"
        actions={
          findings.isAsking ? (
            <button type="button" className="button" onClick={findings.cancel}>
              Cancel
            </button>
          ) : (
            <button type="button" className="button primary" onClick={measure}>
              {findings.value ? 'Measure again' : 'Measure'}
            </button>
          )
        }
      >
        <div className="rlhf-picker">
          <StateSelect states={states} value={state.ref} onChange={setState} />
          <Segmented label="Completions" options={COUNTS} value={n} onChange={setN} />
          <span className="quiet">
            completions of {PROMPTS} prompts at temperature 1, {String(argsOf(shown).max_completion_length)} tokens at
            most
          </span>
          {known.length > 0 && (
            <label className="inline-field">
              <span>gradient of</span>
              <select
                className="select mono"
                aria-label="Gradient of"
                value={known.includes(tensor) ? tensor : ''}
                onChange={(event) => setTensor(event.currentTarget.value)}
              >
                <option value="">all weights</option>
                {known.map((name) => (
                  <option key={name}>{name}</option>
                ))}
              </select>
            </label>
          )}
        </div>
        <Fault text={findings.error} />
        {findings.isAsking && (
          <p className="quiet" role="status">
            {findings.progress === undefined
              ? 'The policy answers …'
              : `Reading and gradients: ${percent(findings.progress)} …`}
          </p>
        )}
        {!findings.value && !findings.isAsking && (
          <p className="quiet rlhf-lead">
            A KL is a sum over the whole vocabulary; large models estimate it from the one token that was drawn. Here
            both can be had: the exact value and its gradient beside k1, k2 and k3 on the same tokens.{' '}
            {run
              ? isStart && 'At the start both models are one, and every KL is 0: let a run train, and stop or pause it.'
              : 'Before a run policy and reference are one model, and every KL is 0.'}
          </p>
        )}
      </Card>
      {findings.value && <Found shown={findings.value} />}
    </>
  );
}

function Found({ shown: { found, of, prompts } }: { shown: ShownKl }) {
  const { exact, estimators } = found;
  const summary = summaryWords(found);
  return (
    <>
      <Card
        title="Estimates beside the exact KL"
        note={`${of}: ${plural(found.tokens, 'token')} of ${plural(found.rows.length, 'completion')}, nats a token ± standard error`}
        className="rlhf-found"
      >
        <Scroll label="Estimators of the KL">
          <table className="data-table">
            <thead>
              <tr>
                <th>estimate</th>
                <th>formula</th>
                <th className="n">mean</th>
                <th className="n">bias</th>
                <th className="n">deviation of a token</th>
                <th className="n">as a loss: cosine, length</th>
                <th className="n">in the reward: cosine, length</th>
              </tr>
            </thead>
            <tbody>
              <tr className="on">
                <td>exact</td>
                <td className="mono">Σ π · d</td>
                <td className="n">{estimateWords(exact.kl)}</td>
                <td className="n">–</td>
                <td className="n">–</td>
                <td className="n">1, {number(exact.gradientNorm)}</td>
                <td className="n">1, {number(exact.gradientNorm)}</td>
              </tr>
              {ESTIMATORS.map((id) => {
                const { std, bias, asLoss, asReward } = estimators[id];
                return (
                  <tr key={id}>
                    <td>{id}</td>
                    <td className="mono">{klEstimators[id].formula}</td>
                    <td className="n">{estimateWords(estimators[id])}</td>
                    <td className="n">{estimateWords(bias)}</td>
                    <td className="n">{number(std)}</td>
                    <td className="n">
                      {directionOf(asLoss)}, {number(asLoss.norm)}
                    </td>
                    <td className="n">
                      {directionOf(asReward)}, {number(asReward.norm)}
                    </td>
                  </tr>
                );
              })}
              <tr>
                <td>KL(ref‖π)</td>
                <td className="mono">−Σ π_ref · d</td>
                <td className="n">{estimateWords(exact.reverseKl)}</td>
                <td className="n">–</td>
                <td className="n">–</td>
                <td className="n">–</td>
                <td className="n">–</td>
              </tr>
            </tbody>
          </table>
        </Scroll>
        <div className="rlhf-kl-body">
          <div className="rlhf-kl-words">
            {summary && <p>{summary}</p>}
            {ESTIMATORS.map((id) => (
              <p key={id} className="quiet">
                {estimatorWords(id, found)}
              </p>
            ))}
            <p className="quiet rlhf-small">
              d = log π − log π_ref of the drawn token. The gradient is that of{' '}
              {found.gradientOf === 'all' ? 'all weights' : <span className="mono">{found.gradientOf}</span>}; lengths
              are norms. k1 and k3 are right on average over all draws, k2 is not; what is told here is of these draws.
              Standard errors count completions, since tokens of one hang together; so few draws leave the gradients of
              the estimators noisy as well.
            </p>
          </div>
          <KlDots found={found} />
        </div>
      </Card>
      <Tokens shown={{ found, of, prompts }} />
    </>
  );
}

function Tokens({ shown: { found, prompts } }: { shown: ShownKl }) {
  const [index, setIndex] = useState(0);
  const [what, setWhat] = useState<KlHeat>('exact');
  const at = Math.min(index, found.rows.length - 1);
  const row = found.rows[at]!;
  const { prompt, tokens } = found.answers[at]!;
  const [token, setToken] = useState(0);
  const chosen = Math.min(token, tokens.length - 1);
  return (
    <Card
      title="Token by token"
      note={`“${prompts[prompt] ?? ''}”`}
      actions={<Segmented label="Colour tokens by" options={KL_HEATS} value={what} onChange={setWhat} />}
    >
      <div className="rlhf-picker">
        <RowStepper index={at} total={found.rows.length} what="completion" onGo={setIndex} />
        <span className="quiet">
          Orange: the policy is away from the reference. Green: an estimate below 0, which a KL never is.
        </span>
      </div>
      <TokenStrip
        tokens={tokens.map((text, t) => ({ text, ...klHeat(row, t, what) }))}
        selected={chosen}
        onSelect={setToken}
        label={`Completion ${at + 1} coloured by ${what}`}
      />
      <p className="mono rlhf-token">{tokens.length > 0 && klTokenWords(row, chosen)}</p>
    </Card>
  );
}
