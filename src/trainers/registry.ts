// All methods, as data. Workers find `<id>/trainer.ts` by glob; the page reads only this.
import { config as cpo } from './cpo/config';
import { config as dpo } from './dpo/config';
import { config as kto } from './kto/config';
import { config as orpo } from './orpo/config';
import { config as reward } from './reward/config';
import { config as sft } from './sft/config';

export const trainers = { sft, dpo, orpo, cpo, kto, reward };
export type TrainerId = keyof typeof trainers;
