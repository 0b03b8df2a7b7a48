// Reward model: trained on votes, then judged: held-out pairs, what it pays for, and its reward token by token.
import { useRef } from 'react';
import type { Recipe } from '../../protocol/recipe';
import { TrainingPanel } from '../shared/TrainingPanel';
import { Curves, NoRun } from './Curves';
import { heldOutWords, wandered } from './curveView';
import { JudgeBar } from './JudgeBar';
import { JudgeCard } from './JudgeCard';
import { PaidForCard } from './PaidForCard';
import { PrefixCard } from './PrefixCard';
import { RecipeCard } from './RecipeCard';
import { argsOf } from './recipeView';
import { useReports } from './useReports';
import { type Reward, useReward } from './useReward';
import '../../ui/parts.css';
import '../shared/training.css';
import './reward.css';

export function RewardPanel() {
  const reward = useReward();
  const { run } = reward;
  const reports = useReports(reward);
  const prefix = useRef<HTMLDivElement>(null);
  return (
    <TrainingPanel
      training={reward}
      title="Reward model"
      lede="First lever when quality must become one number that a policy, a filter or best-of-n can climb. Not a measure of truth: it learns what the votes pay for, their habits too."
      startLabel="Train on votes"
      finished={run && <>{heldOutWords(run.points)} Next: measure below what it is worth, and what it pays for.</>}
    >
      <Wandered reward={reward} />
      <div className="train-top">
        <RecipeCard reward={reward} />
        {run ? <Curves reward={reward} run={run} /> : <NoRun />}
      </div>
      <JudgeBar reward={reward} reports={reports} />
      <JudgeCard
        reports={reports}
        onOpen={() => prefix.current?.scrollIntoView({ block: 'start', behavior: 'smooth' })}
      />
      <PaidForCard reports={reports} />
      <div ref={prefix}>
        <PrefixCard reward={reward} />
      </div>
    </TrainingPanel>
  );
}

/** Rewards that have left 0, and what holds them in the next run. */
function Wandered({ reward: { run, recipe, edit, isBusy } }: { reward: Reward }) {
  const centring = (of: Recipe) => Number(argsOf(of).center_rewards_coefficient);
  const words = run && wandered(run.points, centring(run.recipe));
  if (!words) return null;
  return (
    <div className="note" role="status">
      <div>
        <b>Rewards have no zero.</b> {words}{' '}
        {centring(recipe) > 0 ? (
          'The recipe has center_rewards_coefficient set: it holds from the next run on.'
        ) : (
          <button
            type="button"
            className="link"
            disabled={isBusy}
            onClick={() => edit({ ...recipe, args: { ...recipe.args, center_rewards_coefficient: 0.01 } })}
          >
            Set center_rewards_coefficient to 0.01
          </button>
        )}
      </div>
    </div>
  );
}
