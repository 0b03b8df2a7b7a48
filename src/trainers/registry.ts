// All methods, as data. Workers find `<id>/trainer.ts` by glob; the page reads only this.
import { config as cpo } from './cpo/config';
import { config as dpo } from './dpo/config';
import { config as kto } from './kto/config';
import { config as orpo } from './orpo/config';
import { config as ppo } from './ppo/config';
import { config as reinforce } from './reinforce/config';
import { config as reward } from './reward/config';
import { config as rloo } from './rloo/config';
import { config as sft } from './sft/config';
import type { TrainerConfig } from './trainerConfig';

export const trainers = { sft, dpo, orpo, cpo, kto, reward, reinforce, rloo, ppo };
export type TrainerId = keyof typeof trainers;

/**
 * Head of the model that a method trains. What has another than the language model's writes nothing, so the page offers its runs
 * nowhere where text is written or read. Of a method that this version does not know: the language model's.
 */
export const trainedHead = (trainer: string): 'lm' | 'score' =>
  (trainers as { [id: string]: TrainerConfig | undefined })[trainer]?.head ?? 'lm';
