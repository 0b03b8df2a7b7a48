// The metrics of held-out evaluation. Each is one pure function of a graded case: the value that it counts, or undefined
// when the case does not concern it. A metric is the mean over the cases that it counts.
import type { EvaluationCase } from '../world/cases';
import type { Verdicts } from '../world/grade';

export interface GradedOutput {
  case: EvaluationCase;
  output: string;
  verdicts: Verdicts;
  terminated: boolean;
  /** Tokens of the output, the end-of-turn token included. */
  tokens: number;
}
export interface Metric {
  id: string;
  /** One line: what the number means. */
  meaning: string;
  unit: 'share' | 'tokens';
  direction: 'higher' | 'lower' | 'neutral';
  value(graded: GradedOutput): number | undefined;
}

const share = (
  id: string,
  direction: Metric['direction'],
  meaning: string,
  verdict: (g: GradedOutput) => boolean | null | undefined,
): Metric => ({
  id,
  meaning,
  unit: 'share',
  direction,
  value: (g) => {
    const v = verdict(g);
    return v === null || v === undefined ? undefined : Number(v);
  },
});
const mustRefuse = ({ case: { truth } }: GradedOutput) => truth.expect === 'final' && truth.final.status === 'refused';
const mayAnswer = (g: GradedOutput) => g.case.truth.expect === 'final' && !mustRefuse(g);

export const METRICS: readonly Metric[] = [
  share('json_valid', 'higher', 'Turns that parse as JSON.', (g) => g.verdicts.json_valid),
  share(
    'schema_valid',
    'higher',
    'Turns that obey the published schema of an answer or of the tool called.',
    (g) => g.verdicts.schema_valid,
  ),
  share(
    'tool_call_correct',
    'higher',
    'Of the turns where a call is due: right tool, right arguments.',
    (g) => g.verdicts.tool_call,
  ),
  share('tool_name_correct', 'higher', 'Of the turns where a call is due: right tool.', (g) => g.verdicts.tool_name),
  share('needless_call', 'lower', 'Of the turns where an answer is due: a tool was called instead.', (g) =>
    g.case.truth.expect === 'final' ? g.verdicts.needless_call : null,
  ),
  share('status_correct', 'higher', 'Of the turns where an answer is due: right status.', (g) => g.verdicts.status),
  share(
    'facts_correct',
    'higher',
    'Of the turns where an answer is due: every figure and name of the truth is in it.',
    (g) => g.verdicts.facts,
  ),
  share('refusal_recall', 'higher', 'Of the requests that must be refused: refused.', (g) =>
    mustRefuse(g) ? g.verdicts.is_refused : null,
  ),
  share('refusal_precision', 'higher', 'Of the refusals given: the request had to be refused.', (g) =>
    g.verdicts.is_refused ? mustRefuse(g) : null,
  ),
  share('over_refusal', 'lower', 'Of the requests that may be answered: refused.', (g) =>
    mayAnswer(g) ? g.verdicts.is_refused : null,
  ),
  share(
    'prompt_echo',
    'lower',
    'Turns that repeat 24 or more characters of the user’s message beyond what the right answer repeats.',
    (g) => g.verdicts.prompt_echo,
  ),
  share('terminated', 'higher', 'Turns that end by themselves.', (g) => g.terminated),
  { id: 'mean_length', meaning: 'Tokens of a turn.', unit: 'tokens', direction: 'neutral', value: (g) => g.tokens },
];
