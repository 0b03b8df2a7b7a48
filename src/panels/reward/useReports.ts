// What is measured of the models in view: which pairs, the reports that are there, and the verbs.
import { useEffect, useState } from 'react';
import { PAIRS } from '../../labs/recipes/preference';
import type { DatasetInfo } from '../../protocol/requests';
import type { RewardReport } from '../../protocol/rewardReport';
import type { JudgedModel } from './judged';
import {
  makeReport,
  type ReportRequest,
  reportKey,
  restoreReports,
  type ShownReport,
  stopReport,
  useReports as useKept,
} from './reports';
import type { Reward } from './useReward';

export const COUNTS = ['32', '64', '128', '256'] as const;
type Count = (typeof COUNTS)[number];

/** A model with its report, as the cards show it. */
export interface ReportOf {
  model: JudgedModel;
  report: RewardReport;
}
export function useReports({ models, run, sets }: Pick<Reward, 'models' | 'run' | 'sets'>) {
  const [chosenCount, setCount] = useState<Count>();
  const [wanted, setWanted] = useState<string>();
  const { byKey, latest } = useKept();
  const asked = [models.judged, models.beside].flatMap((model) => model ?? []);
  const refs = asked.map(({ ref }) => ref).join(' ');
  useEffect(() => {
    for (const ref of refs.split(' ')) restoreReports(ref).catch(() => {}); // without it, it is measured anew
  }, [refs]);
  // Until the person chooses: what the judged model was last measured on.
  const last = models.judged && latest[models.judged.ref];
  const count = chosenCount ?? COUNTS.find((one) => Number(one) === last?.pairs) ?? '64';
  const own = run?.recipe.data.train[0]?.ref;
  const set = [wanted, last?.dataset, own, PAIRS].flatMap((id) => sets.find((one) => one.id === id) ?? [])[0];
  const items = asked.flatMap((model) => {
    if (!set) return [];
    const request: ReportRequest = { ref: model.ref, dataset: set.id, pairs: Number(count), seed: 1 };
    const kept: ShownReport | undefined = byKey[reportKey(request)];
    return [{ model, request, kept }];
  });
  const isMeasuring = items.some(({ kept }) => kept?.isMeasuring);
  /** What is missing, or was read of other weights. */
  const due = items.filter(({ model, kept }) => !kept?.report || kept.version !== model.version);
  return {
    set,
    count,
    setCount,
    choose: (info: DatasetInfo) => setWanted(info.id),
    items,
    isMeasuring,
    isStale: items.some(({ model, kept }) => kept?.report && kept.version !== model.version),
    isDone: items.length > 0 && due.length === 0,
    errors: [...new Set(items.flatMap(({ kept }) => kept?.error ?? []))],
    /** Those that are there, the judged model first; only with it is another shown beside. */
    reports: items[0]?.kept?.report
      ? items.flatMap(({ model, kept }): ReportOf[] => (kept?.report ? [{ model, report: kept.report }] : []))
      : [],
    /** One after the other: the device is one. */
    measure: async () => {
      for (const { request, model } of due.length > 0 ? due : items) await makeReport(request, model);
    },
    stop: () => {
      for (const { request } of items) stopReport(reportKey(request));
    },
  };
}
export type Reports = ReturnType<typeof useReports>;
