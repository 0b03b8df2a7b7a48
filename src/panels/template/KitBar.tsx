// Which tokenizer: the studio's own, or one that the person brings as the files of a Hugging Face folder.
import { type ReactNode, useRef, useState } from 'react';
import { isKitFile, requireKitSize } from '../../protocol/kitFiles';
import { deleteKit, importKit, useKits } from '../../stores/kits';
import { storedConsequences } from '../../stores/storedConsequences';
import { useWorkbench } from '../../stores/workbench';
import { DeleteStored } from '../../ui/DeleteStored';
import { droppedFiles, type PickedFile } from '../../ui/droppedFiles';
import { FilePicker } from '../../ui/FilePicker';
import { TokenizerSelect } from '../../ui/TokenizerSelect';
import { useDropTarget } from '../../ui/useDropTarget';
import { filesToRead, folderName, rowsAmong } from './kitFiles';

/** `facts`: of what is in hand; `children`: the choices that stand beside it. */
export function KitBar({ facts, children }: { facts: ReactNode; children: ReactNode }) {
  const kits = useKits();
  const { kit, openKit, editTemplate } = useWorkbench();
  const [state, setState] = useState<{
    reading?: string;
    error?: string;
    rows?: string;
    known?: { title: string; storedSince: number };
  }>({});
  const files = useRef<HTMLInputElement>(null);
  const folder = useRef<HTMLInputElement>(null);
  const current = kits.find(({ id }) => id === kit);

  const read = async (given: File[]) => {
    if (given.length === 0) return;
    const rows = rowsAmong(given);
    if (rows) {
      setState({ rows: rows.name });
      return;
    }
    setState({ reading: folderName(given) });
    try {
      const { template, kit: kitFiles } = filesToRead(given);
      if (kitFiles.length === 0 && template) {
        requireKitSize(template.name, template.size);
        editTemplate(await template.text());
        return setState({});
      }
      const read = kitFiles.filter((file) => isKitFile(pathOf(file)));
      for (const { name, size } of read) requireKitSize(name, size); // before any is read
      const parts = await Promise.all(
        kitFiles.map(async (file) => ({
          path: pathOf(file),
          bytes: read.includes(file) ? await file.arrayBuffer() : new ArrayBuffer(0),
        })),
      );
      const { id, title, storedSince } = await importKit(folderName(given), parts);
      openKit(id);
      setState(storedSince === undefined ? {} : { known: { title, storedSince } });
    } catch (error) {
      setState({ error: (error as Error).message });
    }
  };
  const readPicked = (picked: readonly PickedFile[]) => void read(picked.map(({ file }) => file));
  const { isOver, handlers } = useDropTarget((transfer) => {
    void droppedFiles(transfer).then(readPicked, (error: Error) => setState({ error: error.message }));
  });
  return (
    // Dropping is a second way; the buttons inside are the first
    <div className={`kit-bar${isOver ? ' is-over' : ''}`} {...handlers}>
      <TokenizerSelect label="Tokenizer in hand" kits={kits} value={kit} onChange={openKit} />
      <FilePicker
        input={files}
        label="Tokenizer and template files"
        accept=".json,.jinja,.jinja2,.j2,.txt,.jsonl"
        onFiles={readPicked}
      />
      <FilePicker input={folder} label="Folder of a model" isFolder onFiles={readPicked} />
      <button type="button" className="button" onClick={() => files.current?.click()}>
        Bring files
      </button>
      <button type="button" className="button" onClick={() => folder.current?.click()}>
        Bring a folder
      </button>
      {current && (
        <DeleteStored
          id={current.id}
          name={current.title}
          words={`Delete ${current.title}`}
          consequences={storedConsequences}
          remove={() => deleteKit(current.id)}
        />
      )}
      {children}
      <div className="kit-line">
        {facts}
        {state.reading !== undefined ? (
          <span role="status" className="quiet">
            Reading {state.reading} …
          </span>
        ) : (
          !current && (
            <span className="quiet kit-hint">Drop a model’s files or folder here; they stay in this browser.</span>
          )
        )}
      </div>
      {current && (
        <div className="kit-facts">
          <span className="mono quiet">
            {Object.entries(current.tokens)
              .map(([name, token]) => `${name} ${token}`)
              .join(' · ') || 'no named special tokens'}
          </span>
          {current.notes.map((note) => (
            <p key={note} className="warn-text">
              {note}
            </p>
          ))}
        </div>
      )}
      {state.known && (
        <p className="quiet" role="status">
          Nothing new was stored: these are the same bytes as {state.known.title}, stored since{' '}
          {new Date(state.known.storedSince).toLocaleDateString(undefined, { dateStyle: 'medium' })}.
        </p>
      )}
      {state.rows && (
        <div className="note bad" role="alert">
          <div>
            <b>Nothing was imported.</b> {state.rows} holds rows, not a tokenizer. Import it on the{' '}
            <a className="link" href="#/data">
              Data page
            </a>
            ; Mask then shows it under this template.
          </div>
        </div>
      )}
      {state.error && (
        <div className="note bad" role="alert">
          <div>
            <b>Nothing was imported.</b> {state.error}
          </div>
        </div>
      )}
    </div>
  );
}

/** Where a file stood in its folder. */
const pathOf = (file: File): string => file.webkitRelativePath || file.name;
