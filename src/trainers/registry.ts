// All methods, as data. Workers find `<id>/trainer.ts` by glob; the page reads only this.
import { config as sft } from './sft/config';

export const trainers = { sft };
export type TrainerId = keyof typeof trainers;
