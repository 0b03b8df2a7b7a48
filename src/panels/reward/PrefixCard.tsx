// The reward after each token: two answers to one prompt, typed or taken from a row, coloured by what each token changes.
import { useEffect, useMemo, useState } from 'react';
import { number } from '../../lib/words';
import type { ScoredText } from '../../protocol/requests';
import { studioClient } from '../../stores/client';
import { useSession } from '../../stores/session';
import { useLoaded } from '../../stores/useLoaded';
import { Card } from '../../ui/Card';
import { Fault } from '../../ui/Fault';
import { LineChart, type Series, seriesColor } from '../../ui/LineChart';
import { RowStepper } from '../../ui/RowStepper';
import { Segmented } from '../../ui/Segmented';
import { TokenStrip } from '../../ui/TokenStrip';
import type { JudgedModel } from './judged';
import { openTexts, type ScoredTexts, usePrefix } from './prefixStore';
import {
  changesOf,
  curveOf,
  preferenceWords,
  promptText,
  rowOf,
  scaleOf,
  stripOf,
  type Texts,
  textsOf,
  tokenWords,
  withPromptText,
} from './prefixView';
import type { Reward } from './useReward';

const SIDES = ['A', 'B'] as const;

export function PrefixCard({ reward }: { reward: Reward }) {
  const { judged, beside } = reward.models;
  const { texts, ...row } = useRow(reward);
  const [at, setAt] = useState<number>();
  const now = useScores(judged, texts);
  const other = useScores(beside, texts);
  const scores = now.value ?? [];
  const scale = useMemo(
    () => scaleOf(scores.flatMap(({ prefixes }) => (prefixes ? [changesOf(prefixes)] : []))),
    [scores],
  );
  if (!judged) return null;
  const change = (part: Partial<Texts>) => texts && openTexts({ ...texts, ...part, from: undefined });
  const series = (read: readonly ScoredText[], isBeside: boolean): Series[] =>
    read.flatMap(({ prefixes }, i) =>
      prefixes
        ? [{ id: `${i} ${isBeside}`, label: `${SIDES[i]}${beside ? (isBeside ? ', beside' : ', judged') : ''}`, points: curveOf(prefixes), color: seriesColor(i), isHeldOut: isBeside }] // biome-ignore format: one series
        : [],
    );
  const curves = [...series(scores, false), ...(beside ? series(other.value ?? [], true) : [])];
  const others = typeof texts?.prompt === 'string' ? 0 : (texts?.prompt.length ?? 1) - 1;
  return (
    <Card
      title="Reward by token"
      note={texts?.from ?? (texts ? 'your own texts' : '')}
      actions={
        <>
          <select
            className="select"
            aria-label="Set of the pair"
            value={row.set?.id ?? ''}
            onChange={(event) => row.go({ datasetId: event.currentTarget.value, split: 'train', index: 0 })}
          >
            {reward.sets.map(({ id, title }) => (
              <option key={id} value={id}>
                {title}
              </option>
            ))}
          </select>
          <Segmented
            label="Split of the pair"
            options={row.splits}
            value={row.place.split}
            onChange={(split) => row.go({ ...row.place, split, index: 0 })}
          />
          <RowStepper
            index={row.place.index}
            total={row.total}
            what="pair"
            onGo={(index) => row.go({ ...row.place, index })}
          />
        </>
      }
    >
      <Fault text={(now.error ?? other.error ?? row.error)?.message} />
      {texts && (
        <>
          <label className="reward-text">
            <span>
              prompt
              {others > 0 && (
                <span className="quiet"> (its last user message; the others of the row stay before it)</span>
              )}
            </span>
            <textarea
              rows={3}
              value={promptText(texts.prompt)}
              onChange={(event) => change({ prompt: withPromptText(texts.prompt, event.currentTarget.value) })}
            />
          </label>
          <div className="reward-sides" aria-busy={now.isLoading}>
            {SIDES.map((side, i) => (
              <Side
                key={side}
                side={side}
                color={seriesColor(i)}
                text={i === 0 ? texts.a : texts.b}
                onText={(text) => change(i === 0 ? { a: text } : { b: text })}
                read={scores[i]}
                beside={beside && other.value?.[i]}
                scale={scale}
                at={at}
                onAt={setAt}
              />
            ))}
          </div>
          {curves.length > 0 && (
            <>
              <p className="reward-verdict">
                {preferenceWords(scores)}{' '}
                {beside && other.value && (
                  <span className="quiet">
                    {beside.name}: {preferenceWords(other.value)}
                  </span>
                )}
              </p>
              <LineChart
                title="reward of the beginning"
                xTitle="token"
                yTitle="reward of prompt and answer up to here"
                height={190}
                hasLegend
                series={curves}
                at={at === undefined ? undefined : at + 1}
                onRead={(step) => setAt(step === undefined || step === 0 ? undefined : step - 1)}
              />
              <p className="quiet train-small">
                Attention looks back only, so one pass gives the reward of every beginning; that of the whole stands at
                the last token that is not the padding token. Training reads whole answers alone: what a beginning is
                worth is what the model makes of it, not what anyone voted on. Green tokens raise the reward, orange
                ones lower it; the colours go up to {number(scale)}, which 95 % of the changes here stay under.
              </p>
            </>
          )}
        </>
      )}
    </Card>
  );
}

interface Place {
  datasetId: string;
  split: string;
  index: number;
}
/** The row that texts are taken from, until the person writes their own or opens a pair. */
function useRow({ sets, models }: Reward) {
  const texts = usePrefix((s) => s.texts);
  const [place, setPlace] = useState<Place>();
  const shown = place ?? { datasetId: sets[0]?.id ?? '', split: 'train', index: 0 };
  const set = sets.find(({ id }) => id === shown.datasetId) ?? sets[0];
  // Where texts were kept, the row is read only when it is asked for.
  const isWanted = set !== undefined && models.judged !== undefined && (place !== undefined || texts === undefined);
  const row = useLoaded(isWanted ? JSON.stringify([set.id, shown.split, shown.index]) : undefined, async (signal) => {
    const page = { datasetId: set!.id, split: shown.split, offset: shown.index, limit: 1 };
    const { rows, total } = await studioClient().text.request('rows', page, { signal });
    const found = rows[0] && textsOf(rows[0].row);
    const from = `${set!.title}, ${shown.split} row ${shown.index}: A was chosen, B rejected`;
    return { total, texts: found && { ...found, from } };
  });
  const read = row.value?.texts;
  useEffect(() => {
    if (read) openTexts(read);
  }, [read]);
  return {
    texts,
    set,
    splits: Object.keys(set?.splits ?? {}),
    place: shown,
    total: row.value?.total ?? shown.index + 2,
    error: row.error,
    go: setPlace,
  };
}

/** Both answers by prefix; undefined until there is something to read. */
function useScores(model: JudgedModel | undefined, texts: ScoredTexts | undefined) {
  const restarts = useSession((s) => s.restarts);
  const answers = texts && [texts.a, ...(texts.b.trim() === '' ? [] : [texts.b])];
  const isReady = model !== undefined && answers?.[0] !== undefined && answers[0].trim() !== '';
  const key = isReady ? JSON.stringify([model.ref, model.version, restarts, texts!.prompt, answers]) : undefined;
  return useLoaded(
    key,
    async (signal) => {
      const rows = answers!.map((answer) => rowOf(texts!.prompt, answer));
      const read = await studioClient().compute.request(
        'scoreTexts',
        { ref: model!.ref, rows, perPrefix: true },
        { signal },
      );
      return read.rows;
    },
    250, // ms: typing settles first
  );
}

function Side({
  side,
  color,
  text,
  onText,
  read,
  beside,
  scale,
  at,
  onAt,
}: {
  side: 'A' | 'B';
  color: string;
  text: string;
  onText: (text: string) => void;
  read?: ScoredText;
  /** The same text under the other model. */
  beside?: ScoredText;
  scale: number;
  /** Token that is looked at, in both answers alike. */
  at: number | undefined;
  onAt: (t: number | undefined) => void;
}) {
  const [chosen, setChosen] = useState<number>();
  const prefixes = read?.prefixes;
  const strip = useMemo(() => (prefixes ? stripOf(prefixes, scale) : []), [prefixes, scale]);
  const last = strip.length - 1;
  const token = Math.min(at ?? chosen ?? Math.max(0, prefixes?.at ?? last), last);
  return (
    <section aria-label={`Answer ${side}`} className="reward-side">
      <label className="reward-text">
        <span>
          <b style={{ color }}>{side}</b>{' '}
          {read && (
            <>
              reward <b className="mono">{number(read.reward)}</b>
              <span className="quiet">
                {', '}
                {prefixes?.ids.length} tokens
                {prefixes?.prompt !== undefined && `, prompt alone ${number(prefixes.prompt)}`}
                {beside && `; beside ${number(beside.reward)}`}
              </span>
            </>
          )}
        </span>
        <textarea
          rows={4}
          value={text}
          aria-label={`Answer ${side}`}
          placeholder={side === 'B' ? 'a second answer, to compare' : 'an answer'}
          onChange={(event) => onText(event.currentTarget.value)}
        />
      </label>
      {prefixes && (
        <>
          <div className="reward-strip">
            <TokenStrip
              tokens={strip}
              selected={token}
              onSelect={(t) => {
                setChosen(t);
                onAt(undefined);
              }}
              onHover={onAt}
              label={`Answer ${side} coloured by what each token changes`}
            />
          </div>
          <p className="quiet train-small reward-token" aria-live="polite">
            token {token + 1}: {tokenWords(prefixes, token)}
          </p>
        </>
      )}
    </section>
  );
}
