// For a template without {% generation %}: what that means, and the way out in one click, with its proof.
import { useState } from 'react';
import { count, plural } from '../../lib/words';
import type { MarkerInsertion, TemplateSettings } from '../../protocol/requests';
import { studioClient } from '../../stores/client';
import { type Conversation, useWorkbench } from '../../stores/workbench';
import { Fault } from '../../ui/Fault';

/** Rows of the proof until a dataset is chosen. */
const FALLBACK = { datasetId: 'builtin:sft/single', split: 'dev' };

export function MarkersNote({
  hasGeneration,
  conversation,
  settings,
}: {
  hasGeneration: boolean;
  conversation: Conversation;
  settings: TemplateSettings;
}) {
  const [done, setDone] = useState<MarkerInsertion>();
  const [error, setError] = useState<string>();
  const [isBusy, setBusy] = useState(false);
  const { templateSource, templateName, datasetId, split, editTemplate } = useWorkbench();
  const insert = async () => {
    setBusy(true);
    setError(undefined);
    try {
      const { messages, tools } = conversation;
      const inserted = await studioClient().text.request('insertMarkers', {
        settings,
        messages,
        tools: tools.length > 0 ? tools : undefined,
        ...(datasetId ? { datasetId, split } : FALLBACK),
      });
      editTemplate(inserted.source, templateName && `${templateName}, with markers`);
      setDone(inserted);
    } catch (cause) {
      setError((cause as Error).message);
    }
    setBusy(false);
  };
  if (done && done.source === templateSource)
    return (
      <div className="note good" role="status">
        <div>
          <b>
            Markers went in at {done.lines.length === 1 ? 'line' : 'lines'} {done.lines.join(', ')}.
          </b>{' '}
          Proven on {plural(done.proof.conversations, 'render')}: {count(done.proof.bytesCompared)} bytes are the same
          as before, and the markers hold what the assistant writes, white space at its edges aside. assistant_only_loss
          now works with this template, here and in TRL.
        </div>
      </div>
    );
  if (hasGeneration) return null;
  return (
    <div className="note" role="status">
      <div>
        <b>This template has no {'{% generation %}'} markers.</b> With assistant_only_loss TRL would train nothing,
        without a word. Mask can derive the spans; or the markers are put in here, and the render is proven to stay the
        same.{' '}
        <button type="button" className="link" disabled={isBusy} onClick={() => void insert()}>
          {isBusy ? 'Inserting …' : 'Insert markers'}
        </button>
        <Fault text={error} />
      </div>
    </div>
  );
}
