// The judged reward model as files: a folder that transformers reads as a classifier with one label, or an adapter in PEFT's.
import { useState } from 'react';
import { studioClient } from '../../stores/client';
import { saveBlob } from '../../stores/saveFile';
import type { JudgedModel } from './judged';

const FORMS = { whole: 'Export for transformers', peft: 'Adapter in PEFT’s files' } as const;
type Form = keyof typeof FORMS;

export function ExportVerbs({ model: { ref, isLive }, isAdapter }: { model: JudgedModel; isAdapter: boolean }) {
  const [state, setState] = useState<{ busy?: Form; error?: string; done?: string }>({});
  const save = async (form: Form) => {
    setState({ busy: form });
    try {
      const { compute } = studioClient();
      const { fileName, blob } = isAdapter
        ? await compute.request('exportAdapter', { ref, form: form === 'peft' ? 'peft' : 'merged' })
        : await compute.request('exportModel', { ref });
      saveBlob(fileName, blob);
      setState({ done: fileName });
    } catch (cause) {
      setState({ error: (cause as Error).message });
    }
  };
  return (
    <div className="reward-bar reward-export">
      {(isAdapter ? (['whole', 'peft'] as const) : (['whole'] as const)).map((form) => (
        <button
          key={form}
          type="button"
          className="link"
          disabled={isLive || state.busy !== undefined}
          onClick={() => void save(form)}
        >
          {state.busy === form ? 'Writing …' : FORMS[form]}
        </button>
      ))}
      <span className={state.error ? 'bad-text' : 'quiet'} role="status">
        {state.error ??
          (state.done
            ? `${state.done} is saved.`
            : `AutoModelForSequenceClassification${isAdapter ? ', the adapter merged; or the adapter alone, its head in modules_to_save' : ', num_labels 1'}`)}
      </span>
    </div>
  );
}
