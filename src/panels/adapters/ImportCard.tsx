// An adapter from outside: PEFT's files dropped or picked, what they are, what speaks for their base, and where they go.
import { useRef, useState } from 'react';
import { count, plural } from '../../lib/words';
import type { AdapterReading, TenancyView } from '../../protocol/requests';
import { byteWords } from '../../ui/byteWords';
import { Card } from '../../ui/Card';
import { droppedFiles, type PickedFile } from '../../ui/droppedFiles';
import { FilePicker } from '../../ui/FilePicker';
import { useDropTarget } from '../../ui/useDropTarget';
import { EntryTarget } from './EntryTarget';
import { startTarget, targetOf } from './entryTarget';
import { discardFiles, readFiles, registerFiles, useImports } from './imports';
import { WorkState } from './parts';
import { shortHash } from './registryView';
import { failWork, useTenants } from './tenants';

export function ImportCard({ view }: { view: TenancyView }) {
  const { reading, registered } = useImports();
  return (
    <Card title="Import an adapter" note="trained elsewhere, in PEFT’s files; nothing serves it yet">
      <Drop />
      <WorkState name="import" unit="files" />
      {reading ? (
        <Reading key={reading.artifactId} reading={reading} view={view} />
      ) : (
        registered && (
          <p className="ok-text" role="status">
            Registered as version {registered.version} of adapter {registered.id}. It serves once you activate it above.
          </p>
        )
      )}
    </Card>
  );
}

function Drop() {
  const files = useRef<HTMLInputElement>(null);
  const folder = useRef<HTMLInputElement>(null);
  const read = (picked: readonly PickedFile[]) => {
    if (picked.length > 0) void readFiles(picked);
  };
  const { isOver, handlers } = useDropTarget((transfer) => {
    droppedFiles(transfer).then(read, (error: Error) => failWork('import', error.message));
  });
  return (
    // Dropping is a second way; the buttons inside are the first
    <div className={`drop-zone${isOver ? ' is-over' : ''}`} {...handlers}>
      <FilePicker input={files} label="Adapter files" accept=".json,.safetensors,.zip" onFiles={read} />
      <FilePicker input={folder} label="Adapter folder" isFolder onFiles={read} />
      <p>
        Drop a PEFT folder here, its two files or a zip of them, or{' '}
        <button type="button" className="link" onClick={() => files.current?.click()}>
          choose files
        </button>{' '}
        or{' '}
        <button type="button" className="link" onClick={() => folder.current?.click()}>
          a folder
        </button>
        . They stay in this browser.
      </p>
    </div>
  );
}

function Reading({ reading, view }: { reading: AdapterReading; view: TenancyView }) {
  const { name, config, base, warnings } = reading;
  const [typed, setTyped] = useState(() => startTarget(view.entries, name));
  const [isConfirmed, setConfirmed] = useState(false);
  const isBusy = useTenants((s) => 'import' in s.work);
  const target = targetOf(typed, view.entries);
  const problem = 'problem' in target ? target.problem : undefined;
  const known = view.entries.flatMap((entry) =>
    entry.versions.flatMap((one) => (one.artifactId === reading.artifactId ? [{ entry, version: one.version }] : [])),
  )[0];
  const kinds = [config.use_dora && 'DoRA', config.use_rslora && 'rsLoRA', config.lora_bias && 'lora_bias'].filter(Boolean); // biome-ignore format: one list
  return (
    <div className="ad-stack ad-import">
      <p>
        <b>{name}</b>{' '}
        <span className="mono quiet" title={reading.artifactId}>
          {shortHash(reading.artifactId)}
        </span>
        : r {config.r}, lora_alpha {config.lora_alpha}
        {kinds.map((kind) => `, ${kind}`)}, on {plural(reading.modules, 'module')}; {count(reading.parameterCount)}{' '}
        parameters in {byteWords(reading.sizeBytes)}.
      </p>
      <div className={`note ${base.needsConfirmation ? 'warn' : 'good'}`}>
        <div>
          {base.text}
          {base.needsConfirmation && (
            <label className="ad-confirm">
              <input
                type="checkbox"
                checked={isConfirmed}
                onChange={(event) => setConfirmed(event.currentTarget.checked)}
              />{' '}
              It was trained on {view.base.name}
            </label>
          )}
        </div>
      </div>
      {warnings.map((warning) => (
        <p key={warning} className="warn-text">
          {warning}
        </p>
      ))}
      {known && (
        <p className="quiet">
          It is version {known.version} of adapter {known.entry.id} ({known.entry.name}) already.
        </p>
      )}
      <EntryTarget entries={view.entries} value={typed} onChange={setTyped} problem={problem} />
      <div className="ad-row">
        <button
          type="button"
          className="button primary"
          disabled={isBusy || problem !== undefined || (base.needsConfirmation && !isConfirmed)}
          onClick={() => 'id' in target && void registerFiles(isConfirmed, target)}
        >
          Register the import
        </button>
        <button type="button" className="button" disabled={isBusy} onClick={discardFiles}>
          Discard
        </button>
      </div>
    </div>
  );
}
