// Which training row the glass box shows: dataset, jump by number, search by text, one back, one on.
import { useState } from 'react';
import { count } from '../../lib/words';
import type { DatasetInfo } from '../../protocol/requests';
import { studioClient } from '../../stores/client';
import { RowStepper } from '../../ui/RowStepper';

export interface Sample {
  datasetId: string;
  index: number;
}

export function SamplePicker({
  datasets,
  datasetId,
  index,
  total,
  onChange,
}: {
  datasets: DatasetInfo[];
  datasetId: string;
  index: number;
  total: number;
  onChange: (sample: Sample) => void;
}) {
  const [search, setSearch] = useState('');
  const [answer, setAnswer] = useState('');
  /** The next row after the current one that contains the text; from the top when there is none. */
  const find = async () => {
    const filter = search.trim();
    if (filter === '') return;
    try {
      const { rows, total: found } = await studioClient().text.request('rows', {
        datasetId,
        split: 'train',
        offset: 0,
        limit: 200,
        query: { text: filter },
      });
      const next = rows.find((row) => row.index > index) ?? rows[0];
      setAnswer(next ? `${count(found)} rows contain it` : `no row contains “${filter}”`);
      if (next) onChange({ datasetId, index: next.index });
    } catch (error) {
      setAnswer((error as Error).message);
    }
  };
  return (
    <div className="sample-picker">
      {datasets.length > 1 && (
        <select
          className="select"
          aria-label="Training set"
          value={datasetId}
          onChange={(event) => onChange({ datasetId: event.currentTarget.value, index: 0 })}
        >
          {datasets.map((d) => (
            <option key={d.id} value={d.id}>
              {d.title}
            </option>
          ))}
        </select>
      )}
      <RowStepper index={index} total={total} onGo={(to) => onChange({ datasetId, index: to })} />
      <form
        className="sample-search"
        onSubmit={(event) => {
          event.preventDefault();
          void find();
        }}
      >
        <input
          type="search"
          aria-label="Find a row by text"
          placeholder="Find: refused, East China …"
          value={search}
          onChange={(event) => setSearch(event.currentTarget.value)}
        />
      </form>
      <span className="quiet" role="status">
        {answer}
      </span>
    </div>
  );
}
