// Golden samples: conversations pinned with their string, ids and trained tokens, re-checked on every edit.
import { useRef, useState } from 'react';
import { plural } from '../../lib/words';
import type { GoldenCheck, TemplateSettings } from '../../protocol/requests';
import { studioClient } from '../../stores/client';
import { saveFile } from '../../stores/saveFile';
import { useLoaded } from '../../stores/useLoaded';
import type { Conversation } from '../../stores/workbench';
import { Card } from '../../ui/Card';
import { Fault } from '../../ui/Fault';
import { FilePicker } from '../../ui/FilePicker';
import { freeGoldenName, goldenWords } from './templateView';

export function GoldensCard({ conversation, settings }: { conversation: Conversation; settings: TemplateSettings }) {
  const [version, setVersion] = useState(0);
  const [name, setName] = useState<string>();
  const [error, setError] = useState<string>();
  /** A file with samples whose names others have: the person decides. */
  const [clash, setClash] = useState<{ bytes: ArrayBuffer; taken: string[] }>();
  const picker = useRef<HTMLInputElement>(null);
  const { kit, template } = settings;
  const checked = useLoaded(
    JSON.stringify([version, kit, template]),
    (signal) => studioClient().text.request('checkGoldens', { settings }, { signal }),
    200,
  );
  const { goldens = [], checks = [] } = checked.value ?? {};
  const changed = checks.filter(({ text, ids, supervised }) => [text, ids, supervised].some((s) => s !== 'same'));
  const act = async (work: Promise<unknown>) => {
    try {
      await work;
      setError(undefined);
      setVersion((n) => n + 1);
    } catch (cause) {
      setError((cause as Error).message);
    }
  };
  const isTaken = goldens.some((golden) => golden.name === name?.trim());
  const pin = () => {
    const { messages, tools, documents } = conversation;
    const row = {
      messages,
      ...(tools.length > 0 && { tools }),
      ...(documents.length > 0 && { chat_template_kwargs: { documents } }),
    };
    const { text } = studioClient();
    const pinned = text.request('pinGolden', { name: name ?? '', row, settings, replace: isTaken });
    void act(pinned.then(() => setName(undefined)));
  };
  const bring = async (bytes: ArrayBuffer, how?: 'replace' | 'rename') => {
    setClash(undefined);
    const { taken } = await studioClient().text.request('importGoldens', { bytes, taken: how });
    if (taken.length > 0) setClash({ bytes, taken });
  };
  const download = async () => {
    const { fileName, bytes } = await studioClient().text.request('exportGoldens', {});
    saveFile(fileName, bytes);
  };
  return (
    <Card
      title="Golden samples"
      note={
        goldens.length === 0
          ? ''
          : changed.length === 0
            ? `${plural(goldens.length, 'sample')}, all as they were pinned`
            : `${changed.length} of ${goldens.length} changed`
      }
      actions={
        <>
          <FilePicker
            input={picker}
            label="Golden samples file"
            accept=".json"
            isSingle
            onFiles={([first]) => void act(first!.file.arrayBuffer().then((bytes) => bring(bytes)))}
          />
          <button type="button" className="button" onClick={() => picker.current?.click()}>
            Import
          </button>
          <button type="button" className="button" disabled={goldens.length === 0} onClick={() => void act(download())}>
            Export
          </button>
          <button
            type="button"
            className="button"
            onClick={() => setName(freeGoldenName(goldens.map((golden) => golden.name)))}
            disabled={conversation.messages.length === 0}
          >
            Pin this conversation
          </button>
        </>
      }
    >
      {name !== undefined && (
        <form
          className="save-form"
          onSubmit={(event) => {
            event.preventDefault();
            pin();
          }}
        >
          <input
            className="field-input"
            aria-label="Name of the golden sample"
            value={name}
            onChange={(event) => setName(event.currentTarget.value)}
          />
          <button type="submit" className="button primary">
            {isTaken ? 'Replace' : 'Pin'}
          </button>
          <button type="button" className="button" onClick={() => setName(undefined)}>
            Cancel
          </button>
          {isTaken && <span className="warn-text">A sample of that name is there already.</span>}
        </form>
      )}
      {clash && (
        <div className="note warn" role="alert">
          <div>
            <b>
              {plural(clash.taken.length, 'name')} of that file {clash.taken.length === 1 ? 'is' : 'are'} taken by other
              samples:
            </b>{' '}
            {clash.taken.slice(0, 5).join(', ')}
            {clash.taken.length > 5 && ' …'}. Nothing was imported yet.{' '}
            <span className="golden-verbs">
              <button type="button" className="link" onClick={() => void act(bring(clash.bytes, 'replace'))}>
                Replace them
              </button>
              <button type="button" className="link" onClick={() => void act(bring(clash.bytes, 'rename'))}>
                Import under new names
              </button>
              <button type="button" className="link" onClick={() => setClash(undefined)}>
                Import nothing
              </button>
            </span>
          </div>
        </div>
      )}
      <Fault text={error} />
      {goldens.length === 0 ? (
        <p className="quiet">
          Pin conversations that must never change: their string, their ids and how many tokens are trained. Every edit
          of the template is held against them, and the exported file does the same in your CI.
        </p>
      ) : (
        <div className="goldens-scroll">
          <table className="changes goldens" aria-live="polite">
            <thead>
              <tr>
                <th scope="col">sample</th>
                <th scope="col">string</th>
                <th scope="col">ids</th>
                <th scope="col">supervised</th>
                <th scope="col">first difference</th>
                <th scope="col">
                  <span className="sr-only">remove</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {checks.map((check, i) => (
                <tr key={check.name}>
                  <td>{check.name}</td>
                  <Status value={check.text} />
                  <Status value={check.ids} />
                  <td className={check.supervised === 'same' ? 'ok-text' : 'bad-text'}>
                    {check.supervised === 'same'
                      ? goldens[i]!.supervised_tokens
                      : `${goldens[i]!.supervised_tokens} → ${check.supervised_tokens}`}
                  </td>
                  <td className="mono">{goldenWords(check)}</td>
                  <td>
                    <button
                      type="button"
                      className="icon-button"
                      aria-label={`Remove ${check.name}`}
                      onClick={() => void act(studioClient().text.request('removeGolden', { name: check.name }))}
                    >
                      ×
                    </button>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Card>
  );
}

function Status({ value }: { value: GoldenCheck['text'] }) {
  return <td className={value === 'same' ? 'ok-text' : 'bad-text'}>{value}</td>;
}
