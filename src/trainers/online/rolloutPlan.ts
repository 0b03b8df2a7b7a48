// How a rollout is shared out into optimizer steps. Data only: configs check their settings with it.

export interface RolloutPlan {
  /** Completions in it. */
  rows: number;
  /** Times that it is gone through, and the optimizer steps of each time. */
  passes: number;
  stepsPerPass: number;
  /** Completions in one micro-batch. */
  microRows: number;
  /** Whether each pass has an order of its own. */
  reshuffles: boolean;
}
