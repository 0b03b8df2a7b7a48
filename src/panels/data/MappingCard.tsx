// Which column is which: the form of the rows, a column for each of its fields, and the first rows as they would become.
import { useState } from 'react';
import { count, plural } from '../../lib/words';
import type { ImportPreview } from '../../protocol/datasets';
import {
  type FormId,
  formOf,
  missingFields,
  ROW_FORMS,
  type RowMapping,
  suggestMapping,
} from '../../protocol/rowForms';
import { TYPE_WORDS } from '../../protocol/rowTypes';
import { studioClient } from '../../stores/client';
import { useLoaded } from '../../stores/useLoaded';
import { Card } from '../../ui/Card';
import { Conversation } from './Conversation';
import { isPromptLeft } from './dataView';
import type { GivenFile } from './useImport';

/** Chosen where no form fits. */
const FALLBACK: FormId = 'prompt-completion';

export function MappingCard({
  given,
  preview,
  onImport,
  onCancel,
}: {
  given: GivenFile;
  preview: ImportPreview;
  onImport: (mapping: RowMapping) => void;
  onCancel: () => void;
}) {
  const names = preview.columns.map(({ name }) => name);
  const [mapping, setMapping] = useState<RowMapping>(() => preview.mapping ?? suggestMapping(FALLBACK, names));
  const { form, columns } = mapping;
  const { fields, type, conversion } = formOf(form);
  const missing = missingFields(mapping);
  const loaded = useLoaded(`${given.fileId} ${JSON.stringify(mapping)}`, (signal) =>
    studioClient().text.request('previewDataset', { ...given, mapping }, { signal }),
  );
  const shown = loaded.value ?? preview;
  const choose = (field: string, column: string) => {
    const { [field]: _old, ...others } = columns;
    setMapping({ form, columns: column ? { ...others, [field]: column } : others });
  };
  return (
    <Card
      title={`Columns of ${given.name}`}
      note={`${preview.format} · ${plural(names.length, 'column')}`}
      className="data-mapping"
      actions={
        <>
          <button type="button" className="button" onClick={onCancel}>
            Cancel
          </button>
          <button
            type="button"
            className="button primary"
            disabled={missing.length > 0}
            onClick={() => onImport(mapping)}
          >
            Import
          </button>
        </>
      }
    >
      <div className="mapping-grid">
        <div>
          <label className="mapping-field mapping-form">
            <span>rows are</span>
            <select
              className="select"
              aria-label="Form of the rows"
              value={form}
              onChange={(event) => setMapping(suggestMapping(event.currentTarget.value as FormId, names))}
            >
              {ROW_FORMS.map(({ id, title }) => (
                <option key={id} value={id}>
                  {title}
                </option>
              ))}
            </select>
          </label>
          <p className="quiet">{TYPE_WORDS[type]}</p>
          {preview.reason && <p className={preview.others.length > 0 ? 'note warn' : 'quiet'}>{preview.reason}</p>}
          {fields.map(({ name, isRequired }) => {
            const column = columns[name] ?? '';
            return (
              <label key={name} className="mapping-field">
                <span>
                  <span className="mono">{name}</span>
                  {!isRequired && <span className="quiet"> optional</span>}
                </span>
                <select
                  className="select"
                  aria-label={`Column for ${name}`}
                  value={column}
                  onChange={(event) => choose(name, event.currentTarget.value)}
                >
                  <option value="">{isRequired ? 'choose a column' : 'none'}</option>
                  {names.map((option) => (
                    <option key={option}>{option}</option>
                  ))}
                </select>
                <span className="one-line quiet">{preview.columns.find((c) => c.name === column)?.example ?? ''}</span>
              </label>
            );
          })}
          {conversion && <p className="quiet">{conversion}</p>}
          <p className="quiet">Other columns are kept beside the row: to split by groups, and in what you export.</p>
        </div>
        <div aria-live="polite">
          <p className="quiet">
            {missing.length > 0
              ? `Choose a column for ${missing.join(' and ')}. The first rows as they are in the file:`
              : shown.faulty > 0
                ? `${count(shown.faulty)} of the first ${plural(shown.read, 'row')} cannot be read so.`
                : `The first rows as they become; all ${count(shown.read)} looked at can be read.`}
          </p>
          {shown.rows.map(({ line, row, problem, given: raw }) => (
            // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, and keys have to reach it
            <section key={line} className="mapping-row" aria-label={`Row ${line}`} tabIndex={0}>
              {row ? (
                <>
                  <Conversation row={row} />
                  {isPromptLeft(row, columns) && (
                    <p className="quiet">
                      The conversations hold the prompt: {columns.prompt} is not read, and kept beside the row.
                    </p>
                  )}
                </>
              ) : raw !== undefined ? (
                <pre className="row-raw mono">{raw}</pre>
              ) : (
                <p className="bad-text">{problem}</p>
              )}
            </section>
          ))}
          {loaded.error && <p className="bad-text">{loaded.error.message}</p>}
        </div>
      </div>
    </Card>
  );
}
