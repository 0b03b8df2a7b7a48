// Run records. The small part is one value; points and generations grow in files beside the run's checkpoints, where reports of a
// reward model lie too.
import { CheckpointError } from '../lib/errors';
import type { MetricResult } from '../protocol/requests';
import type { KeptRewardReport, RewardReport } from '../protocol/rewardReport';
import type { MetricPoint, RunRecord, SampleGeneration } from '../protocol/run';
import { rememberRemoved } from './artifacts';
import { appendJsonLines, readJsonLines, writeJsonLines } from './jsonLines';
import { KeyedQueue, type Storage } from './storage';

/** A record without its growing lists. */
export type RunHead = Omit<RunRecord, 'points' | 'generations'>;

const TABLE = 'runs';
/** Of a run's reports on its reward model, the newest: each holds its pairs with their texts. */
const REPORTS_KEPT = 12;

export class RunStore {
  private readonly queue = new KeyedQueue();

  constructor(
    private readonly storage: Storage,
    private readonly now: () => number,
  ) {}

  /** Throws CheckpointError when the id is taken. */
  async create(record: RunRecord): Promise<void> {
    if (await this.head(record.id)) throw new CheckpointError(`There is already a run ${record.id}.`);
    const { points, generations, ...head } = record;
    await writeJsonLines(this.storage, pointsPath(record.id), points);
    await writeJsonLines(this.storage, generationsPath(record.id), generations);
    await this.storage.setValue(TABLE, record.id, head);
  }
  head(id: string): Promise<RunHead | undefined> {
    return this.storage.getValue<RunHead>(TABLE, id);
  }
  /** Throws CheckpointError when there is no such run. */
  async get(id: string): Promise<RunRecord> {
    const head = await this.head(id);
    if (!head) throw new CheckpointError(`There is no run ${id} in this browser. It may have been deleted.`);
    return this.withLists(head);
  }
  private async withLists(head: RunHead): Promise<RunRecord> {
    const [points, generations] = await Promise.all([
      readJsonLines<MetricPoint>(this.storage, pointsPath(head.id)),
      readJsonLines<SampleGeneration>(this.storage, generationsPath(head.id)),
    ]);
    return { ...head, points, generations };
  }
  /** Newest first. */
  async list(): Promise<RunRecord[]> {
    const heads = await this.storage.values<RunHead>(TABLE);
    heads.sort((a, b) => b.createdAt - a.createdAt || (a.id < b.id ? 1 : -1));
    return Promise.all(heads.map((head) => this.withLists(head)));
  }
  heads(): Promise<RunHead[]> {
    return this.storage.values<RunHead>(TABLE);
  }
  /** Changes some members; `updatedAt` follows. A run that was deleted meanwhile stays deleted. */
  patch(id: string, change: Partial<Omit<RunHead, 'id'>>): Promise<void> {
    return this.queue.run(id, async () => {
      const head = await this.head(id);
      if (head) await this.storage.setValue(TABLE, id, { ...head, ...change, updatedAt: this.now() });
    });
  }
  /** Adds to what was measured of the run; nothing where it was deleted meanwhile. */
  keepMeasured(id: string, key: string, metrics: MetricResult[]): Promise<void> {
    return this.queue.run(id, async () => {
      const head = await this.head(id);
      if (head) await this.storage.setValue(TABLE, id, { ...head, measured: { ...head.measured, [key]: metrics } });
    });
  }
  /**
   * Adds reports, oldest first, each in the place of the one that was asked the same; the newest few stay. One write. Nothing where the
   * run was deleted meanwhile.
   */
  keepRewardReports(id: string, kept: readonly KeptRewardReport[]): Promise<void> {
    return this.queue.run(id, async () => {
      if (!(await this.head(id))) return;
      const byAsked = new Map<string, KeptRewardReport>();
      for (const report of [...(await this.rewardReports(id)), ...kept]) {
        byAsked.delete(askedOf(report)); // what is set anew stands last
        byAsked.set(askedOf(report), report);
      }
      await writeJsonLines(this.storage, reportsPath(id), [...byAsked.values()].slice(-REPORTS_KEPT));
    });
  }
  /** Oldest first. */
  async rewardReports(id: string): Promise<KeptRewardReport[]> {
    return (await readJsonLines<KeptRewardReport>(this.storage, reportsPath(id))).map(withGaps);
  }
  appendPoints(id: string, points: readonly MetricPoint[]): Promise<void> {
    return appendJsonLines(this.storage, pointsPath(id), points);
  }
  appendGenerations(id: string, generations: readonly SampleGeneration[]): Promise<void> {
    return appendJsonLines(this.storage, generationsPath(id), generations);
  }
  /** Drops what was logged after `step`: training resumes there and will log it again. −1: starts over, step 0's points too. */
  async rewind(id: string, step: number): Promise<void> {
    const { points, generations } = await this.get(id);
    const upTo = <T extends { step: number }>(items: T[]) => items.filter((item) => item.step <= step);
    await writeJsonLines(this.storage, pointsPath(id), upTo(points));
    await writeJsonLines(this.storage, generationsPath(id), upTo(generations));
    await this.patch(id, { step: Math.max(0, step) });
  }
  /** Removes the record, its lists and its checkpoints; resolves to the bytes freed. */
  async remove(id: string): Promise<number> {
    const head = await this.head(id);
    if (head) await rememberRemoved(this.storage, { id: `run:${id}`, kind: 'run', name: head.name });
    await this.storage.deleteValue(TABLE, id);
    return this.storage.remove(runDirectory(id));
  }
}

/** Directory of everything a run leaves behind. Ids come from the page or an import: only safe characters are taken. */
export function runDirectory(id: string): string {
  if (!/^[\w-]{1,80}$/.test(id)) throw new CheckpointError(`"${id}" is not a run id: use letters, digits, - and _.`);
  return `runs/${id}`;
}
const pointsPath = (id: string) => `${runDirectory(id)}/points.jsonl`;
const reportsPath = (id: string) => `${runDirectory(id)}/reward_reports.jsonl`;
const askedOf = ({ of, dataset, pairs, seed }: KeptRewardReport): string => JSON.stringify([of, dataset, pairs, seed]);
/** Figures of nothing (an empty bin) are NaN, which JSON writes as null; rows of pairs may hold nulls of their own. */
function withGaps(kept: KeptRewardReport): KeptRewardReport {
  const { pairs, paidFor } = kept.report;
  const filled = JSON.parse(JSON.stringify({ pairs, paidFor }), (_, value: unknown) => value ?? Number.NaN);
  return { ...kept, report: { ...kept.report, ...(filled as Pick<RewardReport, 'pairs' | 'paidFor'>) } };
}
const generationsPath = (id: string) => `${runDirectory(id)}/generations.jsonl`;
