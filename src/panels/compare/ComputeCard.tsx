// What each method took of the machine: time, tokens and passes counted from its run, memory from the plan.
import { type Flops, memoryParts, runCounts, runFlops, totalFlops } from '../../labs/methodCounts';
import { count, duration, number, sizeWords } from '../../lib/words';
import { studioClient } from '../../stores/client';
import { useLoaded } from '../../stores/useLoaded';
import { Card } from '../../ui/Card';
import { Fault } from '../../ui/Fault';
import { Scroll } from '../../ui/Scroll';
import type { CompareRow } from './compareView';

const SHARES: readonly [keyof Flops, string][] = [
  ['update', 'updates'],
  ['rollout', 'rollouts'],
  ['reference', 'reference'],
  ['reward', 'reward model'],
  ['value', 'value model'],
];

export function ComputeCard({ rows, start }: { rows: readonly CompareRow[]; start: string }) {
  const card = useLoaded(start, (signal) => studioClient().compute.request('modelCard', { ref: start }, { signal }));
  const parameters = card.value?.info.ref === undefined ? undefined : card.value.info.parameterCount;
  const plans = useLoaded(JSON.stringify(rows.map(({ run }) => run.id)), async (signal) => {
    const of = rows.map(async ({ run }) => {
      // What the method itself needs: measuring on the way may hold a reference more.
      const recipe = { ...run.recipe, two_metrics: null };
      const { plan } = await studioClient().compute.request('memoryPlan', { recipe }, { signal });
      return [run.id, plan] as const;
    });
    return Object.fromEntries(await Promise.all(of));
  });
  return (
    <Card
      title="Compute and memory"
      note={
        parameters === undefined ? '' : `${count(parameters)} parameters; FLOPs by 2·N a token forward, 4·N backward`
      }
      className="compare-table"
    >
      <Scroll label="Compute and memory of the methods">
        <table className="data-table">
          <thead>
            <tr>
              {[
                'method',
                'steps',
                'time',
                'tokens trained',
                'tokens generated',
                'FLOPs',
                'of them',
                'memory',
                'on the device at once',
              ].map((head, i) => (
                <th key={head} scope="col" className={i > 0 && i !== 6 && i !== 8 ? 'n' : undefined}>
                  {head}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map(({ run, label }) => {
              const counts = runCounts(run);
              const { update, rollout, scoring } = counts.seconds;
              const epochs = run.points.findLast((point) => 'num_tokens' in point)?.epoch ?? 0;
              const flops = parameters === undefined ? undefined : runFlops(run.recipe, counts, parameters, epochs);
              const plan = plans.value?.[run.id];
              const memory = plan && parameters !== undefined ? memoryParts(run.recipe, plan, parameters) : undefined;
              return (
                <tr key={run.id}>
                  <th scope="row">{label}</th>
                  <td className="n mono">{count(run.step)}</td>
                  <td className="n mono">{duration(update + rollout + scoring)}</td>
                  <td className="n mono">{count(counts.trainedTokens)}</td>
                  <td className="n mono">{count(counts.generatedTokens)}</td>
                  <td className="n mono">{flops ? flopWords(totalFlops(flops)) : '–'}</td>
                  <td className="compare-words">{flops ? shareWords(flops) : ''}</td>
                  <td className="n mono">{plan ? sizeWords(plan.weights + plan.activations) : '–'}</td>
                  <td className="compare-words">
                    {memory
                      ? [
                          `policy with gradients and moments ${sizeWords(memory.policy)}`,
                          memory.reference > 0 && `reference ${sizeWords(memory.reference)}`,
                          memory.reward > 0 && `reward model ${sizeWords(memory.reward)}`,
                          memory.value > 0 && `value model, trained too, ${sizeWords(memory.value)}`,
                          `activations ${sizeWords(memory.activations)}`,
                        ]
                          .filter(Boolean)
                          .join('; ')
                      : 'not planned on this backend'}
                  </td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </Scroll>
      <Fault text={card.error?.message ?? plans.error?.message} />
    </Card>
  );
}

/** `1.24 TFLOP`. */
export function flopWords(flops: number): string {
  const [scale, unit] =
    flops >= 1e15 ? [1e15, 'PFLOP'] : flops >= 1e12 ? [1e12, 'TFLOP'] : flops >= 1e9 ? [1e9, 'GFLOP'] : [1e6, 'MFLOP'];
  return `${number(flops / (scale as number))} ${unit}`;
}
function shareWords(flops: Flops): string {
  const total = totalFlops(flops);
  if (total === 0) return '';
  return SHARES.flatMap(([key, name]) => (flops[key] > 0 ? [`${name} ${Math.round((100 * flops[key]) / total)} %`] : [])).join(', '); // biome-ignore format: one sentence
}
