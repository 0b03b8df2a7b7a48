// The running half of each method, loaded when a run needs it. A map and not a glob, so that Node finds it as well.
import type { OnlineTrainer } from './online/onlineTrainer';
import { type TrainerId, trainers } from './registry';
import type { Trainer } from './trainer';

export type OnlineId = {
  [Id in TrainerId]: (typeof trainers)[Id] extends { isOnline: true } ? Id : never;
}[TrainerId];

/** Methods that train on rows as they are. */
export type OfflineId = Exclude<TrainerId, OnlineId>;

const LOADERS: Record<OfflineId, () => Promise<{ trainer: Trainer }>> = {
  sft: () => import('./sft/trainer'),
  dpo: () => import('./dpo/trainer'),
  orpo: () => import('./orpo/trainer'),
  cpo: () => import('./cpo/trainer'),
  kto: () => import('./kto/trainer'),
  reward: () => import('./reward/trainer'),
};
const ONLINE: Record<OnlineId, () => Promise<{ trainer: OnlineTrainer }>> = {
  reinforce: () => import('./reinforce/trainer'),
  rloo: () => import('./rloo/trainer'),
  ppo: () => import('./ppo/trainer'),
};

/** Whether the method trains on completions of its own. */
export const isOnline = (id: TrainerId): id is OnlineId => 'isOnline' in trainers[id];
export const loadTrainer = async (id: OfflineId): Promise<Trainer> => (await LOADERS[id]()).trainer;
export const loadOnlineTrainer = async (id: OnlineId): Promise<OnlineTrainer> => (await ONLINE[id]()).trainer;
