// The world's own verdict on the turn, for built-in rows, where truth is computable (src/world/grade.ts).
import type { RewardRuleArgs } from '../../protocol/rewardRules';
import { gradeTurn } from '../../world/grade';
import type { RewardFunction } from './reward';

export const exactAnswer =
  ({ partial }: RewardRuleArgs<'exact_answer'>): RewardFunction =>
  ({ completions, rows }) =>
    completions.map((text, i) => {
      const known = rows[i]!.case;
      if (!known) return null;
      const verdicts = gradeTurn(known.truth, text, known.expected, known.lastUser);
      if (verdicts.correct) return 1;
      const { tool_name, status, facts, figures, sources, action } = verdicts;
      const due = [tool_name, status, facts, figures, sources, action].filter((verdict) => verdict !== null);
      return (partial * due.filter(Boolean).length) / Math.max(due.length, 1);
    });
