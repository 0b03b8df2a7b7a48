// One row: as a conversation, what is checkable in it, what is wrong with it, and its text for those who want to change it.
import { useEffect, useId, useState } from 'react';
import type { DatasetInfo, DatasetRowView } from '../../protocol/requests';
import { typeOfRow } from '../../protocol/rowTypes';
import { studioClient } from '../../stores/client';
import { useDatasets } from '../../stores/datasets';
import { trainingPages } from '../../stores/trainingPages';
import { trainOn } from '../../stores/trainOn';
import { useWorkbench } from '../../stores/workbench';
import { Card } from '../../ui/Card';
import { CodeEditor } from '../../ui/CodeEditor';
import { Conversation } from './Conversation';
import { truthOf } from './dataView';
import { forgetTyped, rowName, setTyped, typedText, useTypedRows } from './typedRows';

export function RowCard({
  info,
  split,
  view,
  isLocked,
  onEditing,
  onEdited,
}: {
  info: DatasetInfo;
  split: string;
  view: DatasetRowView;
  /** Edits are being saved: none can be made meanwhile. */
  isLocked: boolean;
  /** The editor was opened or closed. */
  onEditing: (isEditing: boolean) => void;
  /** A row was edited, or an edit undone. */
  onEdited: () => void;
}) {
  const sets = useDatasets();
  const draft = useTypedRows(({ rows }) => typedText(rows, info.id, view.place));
  const [error, setError] = useState<string>();
  const errorId = useId();
  const isEditing = draft !== undefined;
  useEffect(() => {
    onEditing(isEditing);
    return () => onEditing(false);
  }, [isEditing, onEditing]);
  const { place, fault, edited, answerFault: teachesNot } = view;
  const truth = truthOf(view.row);
  const attempt = (task: Promise<unknown>, then: () => void) =>
    void task.then(
      () => {
        setError(undefined);
        then();
      },
      (cause: unknown) => setError((cause as Error).message),
    );
  const { text } = studioClient();
  const canEdit = info.origin === 'imported' && place !== undefined;
  const where = { datasetId: info.id, place: place ?? 0 };
  const type = (typed: string) => setTyped({ ...where, split, name: rowName(view), text: typed });
  const close = () => forgetTyped(where.datasetId, where.place);
  const open = () =>
    attempt(
      text.request('rowText', where).then((row) => type(indented(row.text))),
      () => {},
    );
  return (
    <Card
      title={rowName(view)}
      note={[view.shape, view.tenant, !fault && typeOfRow(view.row) !== view.shape && typeOfRow(view.row)]
        .filter(Boolean)
        .join(' · ')}
      actions={
        draft === undefined && (
          <>
            {edited && (
              <button
                type="button"
                className="button"
                disabled={isLocked}
                onClick={() => attempt(text.request('undoEdit', where), onEdited)}
              >
                Undo the edit
              </button>
            )}
            {canEdit && (
              <button
                type="button"
                className="button"
                disabled={isLocked}
                title={isLocked ? 'Edits are being saved as a new set.' : undefined}
                onClick={open}
              >
                Edit
              </button>
            )}
            {!fault && edited !== 'draft' && (
              <button
                type="button"
                className="button"
                onClick={() => {
                  useWorkbench.getState().openRow(view.index);
                  location.hash = '#/mask';
                }}
              >
                See its mask
              </button>
            )}
            {trainingPages(info).map(({ page, words }) => (
              <button
                key={page}
                type="button"
                className="button"
                title={`${info.title}, all of its training rows`}
                onClick={() => trainOn(page, info, sets.value?.datasets ?? [info])}
              >
                {words}
              </button>
            ))}
          </>
        )
      }
      className="data-row"
    >
      {fault && (
        <div className="note bad">
          <div>
            <b>Left out of training.</b> {fault}
          </div>
        </div>
      )}
      {teachesNot && (
        <div className={`note ${teachesNot.blocking ? 'bad' : 'warn'}`}>
          <div>
            <b>
              {teachesNot.blocking ? 'Methods on answers leave it out.' : 'Methods on answers ask before they start.'}
            </b>{' '}
            {teachesNot.message}
          </div>
        </div>
      )}
      {edited && (
        <p className="warn-text">
          {edited === 'draft' ? 'Edited, not saved yet.' : 'Edited: an earlier version of the set has it otherwise.'}
        </p>
      )}
      {draft === undefined ? (
        fault ? (
          <pre className="row-raw mono">{view.raw}</pre>
        ) : (
          <Conversation row={view.row} />
        )
      ) : (
        <>
          <CodeEditor
            value={draft}
            onChange={(next) => {
              type(next);
              setError(undefined);
            }}
            language="json"
            ariaLabel="Row as JSON"
            size="short"
            errorId={error ? errorId : undefined}
          />
          <p className="row-verbs">
            <button
              type="button"
              className="button primary"
              onClick={() =>
                attempt(text.request('editRow', { ...where, text: draft }), () => {
                  close();
                  onEdited();
                })
              }
            >
              Keep the edit
            </button>
            <button
              type="button"
              className="button"
              onClick={() => {
                close();
                setError(undefined);
              }}
            >
              Cancel
            </button>
          </p>
        </>
      )}
      {error && (
        <p id={errorId} className="bad-text" role="alert">
          {error}
        </p>
      )}
      {draft === undefined && view.beside && (
        <section className="truth" aria-label="Columns beside the row">
          <h3>Beside the row: not trained on, kept in exports</h3>
          <dl className="facts">
            {view.beside.map(([column, value]) => (
              <div key={column} className="facts-pair">
                <dt className="mono">{column}</dt>
                <dd>{value}</dd>
              </div>
            ))}
          </dl>
        </section>
      )}
      {draft === undefined && truth.length > 0 && (
        <section className="truth" aria-label="What is true about this row">
          <h3>Checkable in this row</h3>
          <dl className="facts">
            {truth.map((fact, i) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: facts have no identity but their place
              <div key={i} className="facts-pair">
                <dt>{fact.label}</dt>
                <dd>{fact.value}</dd>
              </div>
            ))}
          </dl>
        </section>
      )}
    </Card>
  );
}

/** As a person reads it; what is not JSON stays as it is, to be corrected. */
function indented(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), undefined, 2);
  } catch {
    return text;
  }
}
