// The rows of a split: searched and filtered in the worker, scrolled here; edits that are not saved yet are told above them.
import { type RefObject, useState } from 'react';
import { count, plural } from '../../lib/words';
import type { RowQuery } from '../../protocol/datasets';
import type { DatasetInfo } from '../../protocol/requests';
import { studioClient } from '../../stores/client';
import { useLoaded } from '../../stores/useLoaded';
import { Card } from '../../ui/Card';
import { Segmented } from '../../ui/Segmented';
import { workWords } from './dataView';
import { RowCard } from './RowCard';
import { RowsList } from './RowsList';
import { useTypedRows } from './typedRows';
import { usePages } from './usePages';
import type { Saving } from './useSaving';

export function RowsCard({
  info,
  split,
  splits,
  onSplit,
  saving,
  heading,
}: {
  info: DatasetInfo;
  split: string;
  splits: string[];
  onSplit: (split: string) => void;
  saving: Saving;
  /** Where the eye goes when a set was chosen. */
  heading: RefObject<HTMLHeadingElement | null>;
}) {
  const [query, setQuery] = useState<RowQuery>({});
  const [place, setPlace] = useState(0);
  /** Goes up when rows were edited. */
  const [edits, setEdits] = useState(0);
  const facets = useLoaded(`${info.id} ${edits}`, (signal) =>
    studioClient().text.request('datasetFacets', { datasetId: info.id }, { signal }),
  );
  const [isEditing, setEditing] = useState(false);
  const pages = usePages(`${info.id} ${split} ${JSON.stringify(query)} ${edits}`, (offset, limit, options) =>
    studioClient().text.request('rows', { datasetId: info.id, split, offset, limit, query, editing: true }, options),
  );
  const change = (part: RowQuery) => {
    setQuery(({ also: _edited, ...q }) => ({ ...q, ...part }));
    setPlace(0);
  };
  const { shapes = [], roles = [], faulty = 0, drafts = 0, edited = 0 } = facets.value ?? {};
  const isFiltered = Boolean(query.text?.trim() || query.shape || query.role || query.faults || query.edited);
  const view = pages.rowAt(place);
  /** An edited row stays where it is until a filter is applied anew. */
  const onEdited = () => {
    const edited = view?.place;
    if (edited !== undefined) setQuery((q) => ({ ...q, also: [...new Set([...(q.also ?? []), edited])] }));
    setEdits((n) => n + 1);
  };
  return (
    <>
      <Card
        title={
          <h2 ref={heading} tabIndex={-1}>
            Rows of {info.title}
          </h2>
        }
        note={
          pages.total !== undefined
            ? matchWords(pages.total, info.splits[split], isFiltered)
            : pages.progress
              ? `${workWords(pages.progress)} …`
              : 'counting …'
        }
        actions={splits.length > 1 && <Segmented label="Split" options={splits} value={split} onChange={onSplit} />}
        className="data-rows"
      >
        <div className="rows-filters">
          <input
            type="search"
            className="search"
            aria-label="Search the rows"
            placeholder="Search: East China, transfer, refused …"
            value={query.text ?? ''}
            onChange={(event) => change({ text: event.currentTarget.value })}
          />
          {shapes.length > 1 && (
            <Choice
              label="Type"
              all="all types"
              options={shapes}
              value={query.shape}
              onChange={(shape) => change({ shape })}
            />
          )}
          {roles.length > 0 && (
            <Choice
              label="Role"
              all="any role"
              options={roles}
              value={query.role}
              onChange={(role) => change({ role })}
            />
          )}
          {faulty > 0 && (
            <label className="import-check">
              <input
                type="checkbox"
                checked={query.faults ?? false}
                onChange={(event) => change({ faults: event.currentTarget.checked })}
              />
              with problems ({count(faulty)})
            </label>
          )}
          {(drafts > 0 || edited > 0) && (
            <label className="import-check">
              <input
                type="checkbox"
                checked={query.edited ?? false}
                onChange={(event) => change({ edited: event.currentTarget.checked })}
              />
              edited ({count(drafts + edited)})
            </label>
          )}
          {pages.total === undefined && pages.progress && isFiltered && (
            <button type="button" className="button" onClick={() => setQuery({})}>
              Cancel the search
            </button>
          )}
        </div>
        <Typed info={info} />
        {drafts > 0 && (
          <Drafts
            info={info}
            drafts={drafts}
            saving={saving}
            isEditing={isEditing}
            onDiscarded={() => setEdits((n) => n + 1)}
          />
        )}
        {pages.error ? (
          <p className="bad-text">{pages.error}</p>
        ) : pages.total === 0 ? (
          <p className="quiet empty">
            {query.text?.trim()
              ? `No row of this split contains “${query.text}”. Try another word or split.`
              : isFiltered
                ? 'No row of this split is of that kind.'
                : 'This split has no rows.'}
          </p>
        ) : (
          <RowsList pages={pages} total={pages.total ?? 12} selected={place} onSelect={setPlace} />
        )}
      </Card>
      {view ? (
        <RowCard
          key={`${view.rowId} ${view.place}`}
          info={info}
          split={split}
          view={view}
          isLocked={saving.datasetId === info.id}
          onEditing={setEditing}
          onEdited={onEdited}
        />
      ) : (
        <Card title="Row" className="data-row">
          {pages.total === 0 ? <p className="quiet">No row is chosen.</p> : <div className="skeleton-block" />}
        </Card>
      )}
    </>
  );
}

function Choice({
  label,
  all,
  options,
  value,
  onChange,
}: {
  label: string;
  all: string;
  options: readonly string[];
  value: string | undefined;
  onChange: (value: string | undefined) => void;
}) {
  return (
    <select
      className="select"
      aria-label={label}
      value={value ?? ''}
      onChange={(event) => onChange(event.currentTarget.value || undefined)}
    >
      <option value="">{all}</option>
      {options.map((option) => (
        <option key={option}>{option}</option>
      ))}
    </select>
  );
}

/** What was typed and not kept is no edit yet: said, so that it is not left behind. */
function Typed({ info }: { info: DatasetInfo }) {
  const typed = useTypedRows(({ rows }) => rows).filter(({ datasetId }) => datasetId === info.id);
  if (typed.length === 0) return null;
  return (
    <p className="note warn">
      <span>
        Open in the editor: {typed.map(({ name, split }) => `${name.toLowerCase()} of ${split}`).join(', ')}. What is
        typed there becomes an edit with “Keep the edit”.
      </span>
    </p>
  );
}

/** Edits wait here: sets never change, because runs name them. */
function Drafts({
  info,
  drafts,
  saving,
  isEditing,
  onDiscarded,
}: {
  info: DatasetInfo;
  drafts: number;
  saving: Saving;
  /** A row is open in the editor: its text is in no draft yet. */
  isEditing: boolean;
  onDiscarded: () => void;
}) {
  const [error, setError] = useState<string>();
  const discard = () =>
    void studioClient()
      .text.request('undoEdit', { datasetId: info.id })
      .then(
        () => {
          setError(undefined);
          onDiscarded();
        },
        (cause: unknown) => setError((cause as Error).message),
      );
  const isSaving = saving.datasetId === info.id;
  const said = saving.error?.datasetId === info.id ? saving.error.message : error;
  return (
    <div className="note warn">
      <div>
        {plural(drafts, 'edited row')} not saved: runs train on the rows as they were.{' '}
        {isSaving ? (
          <>
            {/* Before the words, which change: it stays where it is. */}
            <button type="button" className="link" onClick={saving.cancel}>
              Cancel
            </button>{' '}
            <span role="status">{saving.progress ? `${workWords(saving.progress)} …` : 'Saving …'}</span>
          </>
        ) : (
          <>
            <button
              type="button"
              className="link"
              disabled={isEditing || saving.datasetId !== undefined}
              title={isEditing ? 'Keep or cancel the edit of the open row first.' : undefined}
              onClick={() => void saving.run(info.id)}
            >
              Save as a new set
            </button>{' '}
            <button type="button" className="link" onClick={discard}>
              Undo all
            </button>
          </>
        )}
        {said && !isSaving && (
          <p className="bad-text" role="alert">
            {said}
          </p>
        )}
      </div>
    </div>
  );
}

const matchWords = (total: number, all: number | undefined, isFiltered: boolean): string =>
  isFiltered && all !== undefined ? `${count(total)} of ${count(all)} match` : plural(total, 'row');
