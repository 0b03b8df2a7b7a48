// Sessions of blind comparisons in this browser: pairs drawn or added, every vote kept as it is cast, and the dataset made of them.
import { toJsonl } from '../data/jsonl';
import { RowFile } from '../data/rowFile';
import { SHOWN_SEED } from '../labs/recipeRows';
import { ConfigError, DataError } from '../lib/errors';
import { Rng } from '../lib/rng';
import { plural } from '../lib/words';
import {
  type AnnotationAction,
  type AnnotationHead,
  type AnnotationReport,
  type AnnotationRowsOptions,
  type AnnotationSession,
  type AnnotationSource,
  type Crowd,
  MOST_IN_CROWD,
  MOST_PAIRS,
  type Reveal,
  type SampledPair,
  type ShownPair,
} from '../protocol/annotations';
import type { DatasetRow } from '../protocol/chat';
import type { DatasetInfo } from '../protocol/requests';
import { exclusive, type Storage } from '../storage/storage';
import { chapterPair, type PrefItem } from '../world/pref/rows';
import { RUBRIC } from '../world/pref/rubric';
import {
  annotate,
  type ComparedPair,
  castVote,
  markRevealed,
  type Session,
  shownPair,
  skip,
  undo,
} from '../world/pref/session';
import { ballotsOf, type OtherSession, reportOf, revealOf, rowsOfSession } from '../world/pref/sessionReport';
import { builtinItem, builtinWorld } from '../world/registry';
import type { Datasets } from './datasets';
import { codesOf, countSplits } from './datasetViews';

/** What was said, and the pairs that it was said of: these change only when one is added. */
const [SESSIONS, PAIRS] = ['annotations', 'annotationPairs'];
/** Sets whose rows come with the truth that the rubric needs. */
const WITH_TRUTH = ['builtin:pref', 'builtin:pref/biased'] as const;
type WithTruth = (typeof WITH_TRUTH)[number];
/** The set whose first training row is the chapter's pair; each session on it begins with that. */
const CHAPTER = 'builtin:pref';
const SAMPLED = { datasetId: 'builtin:pref', split: 'dev' } as const;

const keyOf = (datasetId: string, split: string, place: number): string => `${datasetId} ${split} ${place}`;
const rubricTruth = ({ truth }: PrefItem) => {
  const [turn] = truth;
  return turn?.expect === 'final' ? turn.rubric : undefined;
};

export class Annotations {
  constructor(
    private readonly storage: Storage,
    private readonly datasets: Datasets,
    private readonly now: () => number,
  ) {}

  /** The latest first. */
  async list(): Promise<AnnotationHead[]> {
    const all = await this.storage.values<Session>(SESSIONS!);
    return all.map(headOf).sort((a, b) => b.createdAt - a.createdAt || (a.id < b.id ? 1 : -1));
  }
  /** Throws ConfigError without a name, for one that is taken and for a number of pairs out of range; DataError for a set of another type. */
  create(given: { name: string; source: AnnotationSource; pairs: number; seed: number }): Promise<AnnotationSession> {
    return exclusive('annotations', async () => {
      const name = await this.freeName(given.name);
      const { source, seed } = given;
      const pairs = source.kind === 'set' ? await this.drawPairs(source, given.pairs, seed) : [];
      if (source.kind === 'model') checkTemperature(source.temperature);
      const createdAt = this.now();
      const session: Session = {
        ...{ version: 1, id: await this.freeId(createdAt), name, source, seed, createdAt },
        ...{ marks: pairs.map(() => ({})), done: [], nextPlace: 0 },
      };
      await this.storage.setValue(PAIRS!, session.id, pairs);
      await this.storage.setValue(SESSIONS!, session.id, session);
      return viewOf(session);
    });
  }
  private async freeId(at: number): Promise<string> {
    for (let i = at; ; i++) {
      const id = i.toString(36);
      if (!(await this.storage.getValue(SESSIONS!, id))) return id;
    }
  }
  private async freeName(given: string, ofId?: string): Promise<string> {
    const name = given.trim();
    if (name === '') throw new ConfigError('A session needs a name. Write one.', { where: 'name' });
    if ((await this.list()).some((one) => one.name === name && one.id !== ofId))
      throw new ConfigError(`There is already a session “${name}”. Choose another name.`, { where: 'name' });
    return name;
  }

  private async drawPairs(
    { datasetId, split }: Extract<AnnotationSource, { kind: 'set' }>,
    wanted: number,
    seed: number,
  ): Promise<ComparedPair[]> {
    if (!Number.isInteger(wanted) || wanted < 1 || wanted > MOST_PAIRS)
      throw new ConfigError(`A session has 1 to ${MOST_PAIRS} pairs, got ${wanted}.`, { where: 'pairs' });
    const { type, title } = await this.datasets.info(datasetId);
    if (type !== 'preference')
      throw new DataError(`${title} has rows of the type ${type}; pairs to compare need chosen and rejected answers.`, {
        where: datasetId,
      });
    const { total } = await this.datasets.page(datasetId, split, { offset: 0, limit: 0 });
    if (total === 0) throw new DataError(`${title} has no row in ${split}.`, { where: split });
    const isChapters = datasetId === CHAPTER;
    const drawn = new Rng(seed, 'pairs').shuffle(Array.from({ length: total }, (_, i) => i));
    const others = drawn.filter((place) => !(isChapters && split === 'train' && place === 0));
    const places = others.slice(0, isChapters ? wanted - 1 : wanted);
    const pairs: ComparedPair[] = isChapters ? [chapterCompared()] : [];
    for (const place of places) {
      const { rows } = await this.datasets.page(datasetId, split, { offset: place, limit: 1 });
      pairs.push({
        key: keyOf(datasetId, split, place),
        ...sidesOf(rows[0]!.row),
        origins: [`chosen in ${title}`, `rejected in ${title}`],
        truth: truthOf(datasetId, split, place),
      });
    }
    return pairs;
  }

  async view(id: string): Promise<AnnotationSession> {
    return viewOf(await this.session(id));
  }
  private async session(id: string): Promise<Session> {
    const session = await this.storage.getValue<Session>(SESSIONS!, id);
    if (!session) throw new DataError('This session is not in this browser any more. Choose another.', { where: id });
    return session;
  }
  private async pairs(id: string): Promise<ComparedPair[]> {
    return (await this.storage.getValue<ComparedPair[]>(PAIRS!, id)) ?? [];
  }
  async pair(id: string, index: number): Promise<ShownPair> {
    return shownPair(await this.session(id), await this.pairs(id), index);
  }

  /** Two tabs on one session wait for each other. */
  private change(id: string, change: (session: Session) => Session | Promise<Session>): Promise<Session> {
    return exclusive(`annotations ${id}`, async () => {
      const session = await this.session(id);
      const changed = await change(session);
      if (changed !== session) await this.storage.setValue(SESSIONS!, id, changed);
      return changed;
    });
  }
  async act(id: string, action: AnnotationAction): Promise<AnnotationSession> {
    const changed = await this.change(id, async (session) => {
      if (action.do === 'vote') return castVote(session, action.pair, { ...action, at: this.now() });
      if (action.do === 'skip') return skip(session, action.pair);
      if (action.do === 'mark') return annotate(session, action.pair, action);
      if (action.do === 'undo') return undo(session);
      if (action.do === 'rename') return { ...session, name: await this.freeName(action.name, id) };
      return this.addSampled(session, action.sampled);
    });
    return viewOf(changed);
  }
  private async addSampled(session: Session, { place, a, b }: SampledPair): Promise<Session> {
    const { id, source, marks } = session;
    if (source.kind !== 'model')
      throw new ConfigError(`“${session.name}” has pairs of a set; samples belong to a session of a model.`, {
        where: 'source',
      });
    if (marks.length >= MOST_PAIRS)
      throw new ConfigError(`A session has ${MOST_PAIRS} pairs at most. Begin another.`, { where: 'pairs' });
    const { row } = builtinItem(SAMPLED.datasetId, place, { seed: SHOWN_SEED, split: SAMPLED.split });
    const pair: ComparedPair = {
      // Samples are nobody else's.
      key: `${id} ${keyOf(SAMPLED.datasetId, SAMPLED.split, place)} ${marks.length}`,
      prompt: row.prompt,
      a: [{ role: 'assistant', content: a.text }],
      b: [{ role: 'assistant', content: b.text }],
      isCut: [a.isCut, b.isCut],
      origins: [`first sample of ${source.name}`, `second sample of ${source.name}`],
      truth: truthOf(SAMPLED.datasetId, SAMPLED.split, place),
    };
    await this.storage.setValue(PAIRS!, id, [...(await this.pairs(id)), pair]);
    return { ...session, marks: [...marks, {}], nextPlace: place + 1 };
  }

  /** Which answer is which, from here on no secret. Throws ConfigError before anything was said of the pair. */
  async reveal(id: string, index: number, crowd: Crowd): Promise<Reveal> {
    checkCrowd(crowd);
    const session = await this.change(id, (before) => markRevealed(before, index));
    return revealOf(session, await this.pairs(id), index, crowd);
  }
  async report(id: string): Promise<AnnotationReport> {
    const session = await this.session(id);
    const others = (await this.storage.values<Session>(SESSIONS!)).filter((other) => other.id !== id);
    return reportOf(session, await this.pairs(id), await this.withPairs(others));
  }
  private async withPairs(sessions: readonly Session[]): Promise<OtherSession[]> {
    return Promise.all(sessions.map(async (session) => ({ session, pairs: await this.pairs(session.id) })));
  }

  /** Throws DataError where no pair would become a row. */
  async makeSet(
    id: string,
    { title, ties, crowd, sessions = [] }: AnnotationRowsOptions,
  ): Promise<{ info: DatasetInfo; undecided: number }> {
    if (crowd) checkCrowd(crowd);
    const session = await this.session(id);
    const others = await this.withPairs(await Promise.all(sessions.map((other) => this.session(other))));
    const { rows, undecided } = rowsOfSession(session, await this.pairs(id), { ties, crowd, others });
    if (rows.length === 0)
      throw new DataError(
        undecided > 0
          ? `No pair would become a row: ${plural(undecided, 'pair')} of this session ended in a tie. Keep ties, or vote on more pairs.`
          : 'No pair would become a row: nothing was voted on yet. Vote first.',
      );
    const parts = { bytes: new TextEncoder().encode(toJsonl(rows)) };
    const { source, name } = session;
    const from = source.kind === 'set' ? source.title : `samples of ${source.name}`;
    const with_ = [
      ...others.map((other) => `the votes of ${other.session.name}`),
      ...(crowd ? [`a crowd of ${crowd.n} ${crowd.habits} annotators`] : []),
    ];
    const left = ties === 'keep' ? 'Ties are kept with a share of a half.' : 'Ties are left out.';
    const { storedSince: _known, ...info } = await this.datasets.sets.add({
      parts,
      title: title.trim() || `${name} · votes`,
      description: `Votes of ${name} on ${from}${with_.length > 0 ? `, with ${with_.join(' and ')}` : ''}. ${left}`,
      type: 'preference',
      operation: { op: 'annotate', session: name, rows: rows.length },
      ...(source.kind === 'set' && { parent: source.datasetId }),
      splits: countSplits(codesOf(new RowFile(parts))),
    });
    return { info, undecided };
  }
  async export(id: string): Promise<{ fileName: string; bytes: Uint8Array }> {
    const session = await this.session(id);
    const lines = ballotsOf(session, await this.pairs(id));
    const name = session.name.replace(/[^\p{L}\p{N}]+/gu, '-').replace(/^-|-$/g, '') || 'session';
    return { fileName: `${name}-votes.jsonl`, bytes: new TextEncoder().encode(toJsonl(lines)) };
  }
  /** Sets made of its votes stay. */
  async remove(id: string): Promise<{ id: string }> {
    await this.storage.deleteValue(SESSIONS!, id);
    await this.storage.deleteValue(PAIRS!, id);
    return { id };
  }
}

function headOf({ id, name, source, createdAt, marks }: Session): AnnotationHead {
  return {
    ...{ id, name, source, createdAt },
    pairs: marks.length,
    voted: marks.filter(({ ballot }) => ballot).length,
    skipped: marks.filter(({ isSkipped }) => isSkipped).length,
  };
}
function viewOf(session: Session): AnnotationSession {
  const { marks, done, nextPlace, seed } = session;
  const last = done.at(-1);
  return {
    ...headOf(session),
    ...{ seed, nextPlace },
    states: marks.map(({ ballot, isSkipped }) => (ballot ? 'voted' : isSkipped ? 'skipped' : 'open')),
    ...(last && { undoes: last.pair }),
    rubric: RUBRIC.map(({ id, title, meaning }) => ({ id, title, meaning })),
  };
}
const sidesOf = ({ prompt, chosen, rejected, tools, chat_template_kwargs }: DatasetRow) => ({
  ...(prompt !== undefined && { prompt }),
  a: chosen!,
  b: rejected!,
  ...((tools || chat_template_kwargs) && {
    shared: { ...(tools && { tools }), ...(chat_template_kwargs && { chat_template_kwargs }) },
  }),
});
function chapterCompared(): ComparedPair {
  const item = chapterPair(builtinWorld());
  return {
    key: keyOf(CHAPTER, 'train', 0),
    ...sidesOf(item.row),
    origins: ['first answer of the worked example', 'second answer of the worked example'],
    truth: rubricTruth(item),
  };
}
function truthOf(datasetId: string, split: string, place: number) {
  const ref = WITH_TRUTH.find((one) => one === datasetId);
  if (!ref) return undefined;
  return rubricTruth(builtinItem<WithTruth>(ref, place, { seed: SHOWN_SEED, split: split as PrefItem['split'] }));
}

function checkCrowd({ n }: Crowd): void {
  if (!Number.isInteger(n) || n < 1 || n > MOST_IN_CROWD)
    throw new ConfigError(`A crowd has 1 to ${MOST_IN_CROWD} annotators, got ${n}.`, { where: 'n' });
}
function checkTemperature(temperature: number): void {
  if (!(temperature > 0 && temperature <= 2))
    throw new ConfigError(
      `temperature must be above 0 and at most 2 for two samples to differ, got ${temperature}. 1 samples as the model is.`,
      { where: 'temperature' },
    );
}
