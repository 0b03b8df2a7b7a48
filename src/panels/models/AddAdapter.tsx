// An adapter for a model: PEFT's files dropped or picked, what they are, what speaks for their base, and the word to keep them.
import { useEffect, useRef, useState } from 'react';
import { count, megabytes, plural } from '../../lib/words';
import type { AdapterReading, GivenBlob, ModelRef } from '../../protocol/requests';
import { studioClient } from '../../stores/client';
import { addAdapter } from '../../stores/models';
import { Card } from '../../ui/Card';
import { droppedFiles, type PickedFile } from '../../ui/droppedFiles';
import { Fault } from '../../ui/Fault';
import { FilePicker } from '../../ui/FilePicker';
import { useDropTarget } from '../../ui/useDropTarget';

/** `given`: files that were dropped elsewhere on the page. */
export function AddAdapter({
  base,
  baseName,
  given,
  onAdded,
  onClose,
}: {
  base: ModelRef;
  baseName: string;
  given?: readonly PickedFile[];
  onAdded: (id: string) => void;
  onClose: () => void;
}) {
  const [files, setFiles] = useState<GivenBlob[]>();
  const [reading, setReading] = useState<AdapterReading>();
  const [error, setError] = useState<string>();
  const [isConfirmed, setConfirmed] = useState(false);
  const [isBusy, setBusy] = useState(false);
  /** The files that were given last: what is read of others before comes too late. */
  const newest = useRef<readonly PickedFile[]>([]);
  const inputs = { folder: useRef<HTMLInputElement>(null), files: useRef<HTMLInputElement>(null) };

  const read = async (picked: readonly PickedFile[]) => {
    if (picked.length === 0) return;
    newest.current = picked;
    const isNewest = () => newest.current === picked;
    const next = picked.map(({ path, file }) => ({ path, blob: file }));
    setFiles(next);
    setReading(undefined);
    setError(undefined);
    setConfirmed(false);
    try {
      const found = await studioClient().compute.request('readModelAdapter', { base, files: next });
      if (isNewest()) setReading(found);
    } catch (cause) {
      if (isNewest()) setError((cause as Error).message);
    }
  };
  // biome-ignore lint/correctness/useExhaustiveDependencies: each drop is read once, beside the model that was open then
  useEffect(() => void (given && read(given)), [given]);
  const add = async () => {
    if (!files) return;
    setBusy(true);
    try {
      onAdded((await addAdapter(base, files, isConfirmed)).id);
    } catch (cause) {
      setError((cause as Error).message);
    } finally {
      setBusy(false);
    }
  };
  const { isOver, handlers } = useDropTarget((transfer) => {
    droppedFiles(transfer).then(read, (cause: Error) => setError(cause.message));
  });
  const kinds = reading && [reading.config.use_dora && 'DoRA', reading.config.use_rslora && 'rsLoRA', Object.keys(reading.config.rank_pattern ?? {}).length > 0 && 'ranks by module'].filter(Boolean); // biome-ignore format: one list
  return (
    <Card
      title={`An adapter for ${baseName}`}
      note="trained elsewhere, in PEFT’s files"
      className="models-adapter"
      actions={
        <button type="button" className="link" onClick={onClose}>
          Close
        </button>
      }
    >
      {/* Dropping is a second way; the buttons inside are the first */}
      <div className={`drop-zone${isOver ? ' is-over' : ''}`} {...handlers}>
        <FilePicker
          input={inputs.folder}
          label="Folder of an adapter to add"
          isFolder
          onFiles={(picked) => void read(picked)}
        />
        <FilePicker input={inputs.files} label="Files of an adapter to add" onFiles={(picked) => void read(picked)} />
        <p>
          Drop a PEFT folder here, its two files or a zip of them, or choose{' '}
          <button type="button" className="link" onClick={() => inputs.folder.current?.click()}>
            its folder
          </button>{' '}
          or{' '}
          <button type="button" className="link" onClick={() => inputs.files.current?.click()}>
            files
          </button>
          . They stay in this browser.
        </p>
      </div>
      <Fault text={error} />
      {reading && kinds && (
        <>
          <p>
            <b>{reading.name}</b>: r {reading.config.r}, lora_alpha {reading.config.lora_alpha}
            {kinds.map((kind) => `, ${kind}`)}, on {plural(reading.modules, 'module')}; {count(reading.parameterCount)}{' '}
            parameters in {megabytes(reading.sizeBytes)}.
            {reading.config.modules_to_save?.includes('score') &&
              ' Its score head comes with it (modules_to_save), so it makes this base a reward model.'}
          </p>
          <div className={`note ${reading.base.needsConfirmation ? 'warn' : 'good'}`}>
            <div>
              {reading.base.text}
              {reading.base.needsConfirmation && (
                <label className="models-confirm">
                  <input
                    type="checkbox"
                    checked={isConfirmed}
                    onChange={(event) => setConfirmed(event.currentTarget.checked)}
                  />{' '}
                  It was trained on {baseName}
                </label>
              )}
            </div>
          </div>
          {reading.warnings.map((warning) => (
            <p key={warning} className="warn-text">
              {warning}
            </p>
          ))}
          <button
            type="button"
            className="button primary"
            disabled={isBusy || (reading.base.needsConfirmation && !isConfirmed)}
            onClick={() => void add()}
          >
            Add the adapter
          </button>
        </>
      )}
    </Card>
  );
}
