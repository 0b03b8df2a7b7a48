// The running half of each method, loaded when a run needs it. A map and not a glob, so that Node finds it as well.
import type { TrainerId } from './registry';
import type { Trainer } from './trainer';

const LOADERS: Record<TrainerId, () => Promise<{ trainer: Trainer }>> = {
  sft: () => import('./sft/trainer'),
  dpo: () => import('./dpo/trainer'),
  orpo: () => import('./orpo/trainer'),
  cpo: () => import('./cpo/trainer'),
  kto: () => import('./kto/trainer'),
  reward: () => import('./reward/trainer'),
};

export const loadTrainer = async (id: TrainerId): Promise<Trainer> => (await LOADERS[id]()).trainer;
