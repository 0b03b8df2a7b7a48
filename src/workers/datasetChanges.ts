// What makes another dataset of one: edits of single rows, kept as drafts until they are saved, and operations over all rows.
import { checkedRowText } from '../data/importRows';
import { RowFile, TextSink } from '../data/rowFile';
import { duplicatesOf, type Groups, sampleOf, splitCodes } from '../data/rowOperations';
import { ConfigError, DataError } from '../lib/errors';
import { count, plural } from '../lib/words';
import type { DatasetOperation, DerivingOperation, OperationReport, SplitRule } from '../protocol/datasets';
import type { DatasetInfo } from '../protocol/requests';
import type { DatasetType } from '../protocol/rowTypes';
import { exclusive } from '../storage/storage';
import { type Datasets, isBuiltin, type Work } from './datasets';
import { codesOf, countSplits } from './datasetViews';
import { yieldToMessages } from './deviceQueue';

/** Pairs of duplicates that a report lists. */
const DUPLICATES_SHOWN = 200;
const SHOWN_LENGTH = 200;
const ROWS_A_STEP = 1000;

interface Choice {
  /** Places of the rows that stay, in order. */
  kept: number[];
  codes: Uint8Array;
  groups?: Groups;
  duplicates?: { index: number; of: number }[];
}

export class DatasetChanges {
  constructor(private readonly datasets: Datasets) {}

  /** Runs steps to their end, with pauses in which others are answered. */
  private async run<T>(steps: Generator<number, T>, total: number, { signal, onProgress }: Work): Promise<T> {
    for (;;) {
      const step = steps.next();
      if (step.done) return step.value;
      onProgress?.({ phase: 'looking', done: step.value, total });
      await yieldToMessages();
      signal?.throwIfAborted();
    }
  }

  /** What an operation would do. Throws ConfigError for a setting out of range, DataError for a column that no row has. */
  async preview(id: string, operation: DerivingOperation, work: Work = {}): Promise<OperationReport> {
    const file = await this.datasets.fileOf(id);
    return this.reportOf(file, await this.choose(file, operation, work));
  }
  private reportOf(file: RowFile, { kept, codes, groups, duplicates }: Choice): OperationReport {
    const splits = countSplits(Uint8Array.from(kept, (i) => codes[i]!));
    return {
      before: file.length,
      after: kept.length,
      splits,
      ...(groups && { groups }),
      ...(duplicates && {
        duplicates: duplicates.slice(0, DUPLICATES_SHOWN).map(({ index, of }) => ({
          place: index,
          line: file.line(index),
          of,
          ofLine: file.line(of),
          text: file.text(index).slice(0, SHOWN_LENGTH),
        })),
      }),
    };
  }
  private async choose(file: RowFile, operation: DerivingOperation, work: Work): Promise<Choice> {
    const all = Array.from({ length: file.length }, (_, i) => i);
    if (operation.op === 'split') {
      checkRule(operation.rule);
      return { kept: all, ...(await this.run(splitCodes(file, operation.rule), file.length, work)) };
    }
    const codes = codesOf(file);
    if (operation.op === 'clean') return { kept: all.filter((i) => !file.faults.has(i)), codes };
    if (operation.op === 'sample') {
      if (!Number.isInteger(operation.rows) || operation.rows < 1)
        throw new ConfigError(`A sample has at least one row, got ${operation.rows}.`, { where: 'rows' });
      return { kept: sampleOf(file, operation.rows, operation.seed), codes };
    }
    const duplicates = await this.run(duplicatesOf(file), file.length, work);
    const gone = new Set(duplicates.map(({ index }) => index));
    return { kept: all.filter((i) => !gone.has(i)), codes, duplicates };
  }

  /** Makes the set. Throws as preview does, and DataError when nothing would be left or changed. */
  async derive(
    id: string,
    operation: DerivingOperation,
    work: Work = {},
  ): Promise<{ info: DatasetInfo; report: OperationReport }> {
    const file = await this.datasets.fileOf(id);
    const parent = await this.datasets.info(id);
    const choice = await this.choose(file, operation, work);
    const report = this.reportOf(file, choice);
    if (report.after === 0) throw new DataError('No row would be left, so no set was made. Choose other settings.');
    if (report.after === report.before && operation.op !== 'split')
      throw new DataError(`Nothing would change: all ${plural(report.before, 'row')} stay. No set was made.`);
    const parts = await this.partsOf(file, choice, new Map(), work);
    const { suffix, words } = describe(operation, report);
    const info = await this.datasets.sets.add({
      parts,
      title: `${parent.title} · ${suffix}`,
      description: `${words} Made from ${parent.title}.`,
      type: parent.type as DatasetType,
      operation,
      parent: id,
      splits: report.splits,
      onBytes: keeping(work),
    });
    return { info, report };
  }
  /** The rows that stay, with the texts that `changed` gives some of them. */
  private async partsOf(
    file: RowFile,
    { kept, codes }: Choice,
    changed: ReadonlyMap<number, string>,
    { signal, onProgress }: Work,
  ) {
    const sink = new TextSink();
    for (let at = 0; at < kept.length; at += ROWS_A_STEP) {
      sink.add(kept.slice(at, at + ROWS_A_STEP).map((i) => changed.get(i) ?? file.text(i)));
      onProgress?.({ phase: 'writing', done: at, total: kept.length });
      await yieldToMessages();
      signal?.throwIfAborted();
    }
    const faults: [number, string][] = [];
    const edited: [number, string][] = [];
    for (const [at, i] of kept.entries()) {
      const fault = file.faults.get(i);
      if (fault !== undefined && !changed.has(i)) faults.push([at, fault]);
      const was = file.edited.get(i) ?? (changed.has(i) ? file.text(i) : undefined);
      // A row that has its first text again is edited no more.
      if (was !== undefined && was !== (changed.get(i) ?? file.text(i))) edited.push([at, was]);
    }
    return {
      bytes: sink.bytes(),
      lines: Uint32Array.from(kept, (i) => file.line(i)),
      splits: Uint8Array.from(kept, (i) => codes[i]!),
      faults,
      edited,
    };
  }

  /** Throws DataError for a text that is no row of the set's type; nothing changes then. */
  async edit(id: string, place: number, text: string): Promise<{ drafts: number }> {
    const { type, title } = await this.ownSet(id);
    const file = await this.datasets.sets.file(id);
    if (place < 0 || place >= file.length)
      throw new DataError(`${title} has no row ${place}.`, { where: String(place) });
    const checked = checkedRowText(text, type as DatasetType);
    return this.changeDrafts(id, (drafts) => {
      if (checked === file.text(place)) drafts.delete(place);
      else drafts.set(place, checked);
    });
  }
  /** Takes the last edit of a row back: one that is not saved is forgotten, one that is becomes the earlier text again, as a draft. */
  async undo(id: string, place: number): Promise<{ drafts: number }> {
    const was = (await this.datasets.sets.file(id)).edited.get(place);
    let wasDraft = false;
    const left = await this.changeDrafts(id, (drafts) => {
      wasDraft = drafts.delete(place);
    });
    return wasDraft || was === undefined ? left : this.edit(id, place, was);
  }
  discard(id: string): Promise<{ drafts: number }> {
    return this.changeDrafts(id, (drafts) => drafts.clear());
  }
  /** One request at a time reads, changes and writes them, in all tabs: none may overwrite what another has written meanwhile. */
  private changeDrafts(id: string, change: (drafts: Map<number, string>) => void): Promise<{ drafts: number }> {
    return exclusive(`drafts/${id}`, async () => {
      const drafts = await this.datasets.sets.drafts(id);
      change(drafts);
      await this.datasets.sets.setDrafts(id, drafts);
      this.datasets.forgetSearches();
      return { drafts: drafts.size };
    });
  }
  /** Text of a row for the editor: its draft, or as it is saved. */
  async text(id: string, place: number): Promise<{ text: string }> {
    const drafts = await this.datasets.sets.drafts(id);
    return { text: drafts.get(place) ?? (await this.datasets.sets.file(id)).text(place) };
  }

  /**
   * Makes the edited rows a set of their own; the one before stays. What is edited meanwhile is not in it and stays a draft, and so
   * do all after a cancel. Throws DataError when nothing is edited.
   */
  async save(id: string, work: Work = {}): Promise<DatasetInfo> {
    const parent = await this.ownSet(id);
    const drafts = await this.datasets.sets.drafts(id);
    if (drafts.size === 0) throw new DataError('No row was edited since the set was saved.', { where: id });
    const file = await this.datasets.sets.file(id);
    const kept = Array.from({ length: file.length }, (_, i) => i);
    const parts = await this.partsOf(file, { kept, codes: codesOf(file) }, drafts, work);
    const operation: DatasetOperation = { op: 'edit', rows: drafts.size };
    const info = await this.datasets.sets.add({
      parts,
      title: parent.title.endsWith(' · edited') ? parent.title : `${parent.title} · edited`,
      description: `${plural(drafts.size, 'row')} edited. Made from ${parent.title}.`,
      type: parent.type as DatasetType,
      operation,
      parent: id,
      splits: countSplits(codesOf(new RowFile(parts))),
      onBytes: keeping(work),
    });
    await this.changeDrafts(id, (now) => {
      for (const [place, text] of drafts) if (now.get(place) === text) now.delete(place);
    });
    return info;
  }
  private async ownSet(id: string): Promise<DatasetInfo> {
    if (isBuiltin(id))
      throw new DataError(
        'Built-in rows are made from a seed and cannot be edited. Export the set and import it as your own.',
        {
          where: id,
        },
      );
    return this.datasets.info(id);
  }
}

const keeping =
  ({ signal, onProgress }: Work) =>
  async (done: number, total: number) => {
    onProgress?.({ phase: 'keeping', done, total });
    await yieldToMessages();
    signal?.throwIfAborted();
  };

function checkRule(rule: SplitRule): void {
  if (rule.by !== 'hash' && rule.by !== 'group') return;
  if (!(rule.devPercent > 0 && rule.devPercent < 100))
    throw new ConfigError(`The dev part must be above 0 and below 100 %, got ${rule.devPercent}.`, {
      where: 'devPercent',
    });
}

function describe(operation: DerivingOperation, { before, after, splits, groups }: OperationReport) {
  const { train = 0, dev = 0 } = splits;
  const sides = `${count(train)} rows in train, ${count(dev)} in dev`;
  if (operation.op === 'deduplicate')
    return { suffix: 'no duplicates', words: `${plural(before - after, 'row')} that repeat another were left out.` };
  if (operation.op === 'sample')
    return {
      suffix: `sample of ${count(after)}`,
      words: `A sample of ${count(after)} of ${count(before)} rows, seed ${operation.seed}.`,
    };
  if (operation.op === 'clean')
    return { suffix: 'no faulty rows', words: `${plural(before - after, 'faulty row')} were left out.` };
  const { rule } = operation;
  return rule.by === 'group'
    ? {
        suffix: `split by ${rule.column}`,
        words: `Split by ${rule.column}: ${sides}; ${count((groups?.train ?? 0) + (groups?.dev ?? 0))} groups, none on both sides.`,
      }
    : { suffix: 'split', words: `Split by ${rule.by === 'hash' ? 'a hash of each row' : 'place'}: ${sides}.` };
}
