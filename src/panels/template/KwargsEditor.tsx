// Variables of the template beside messages and tools: chat_template_kwargs of all rows, and this conversation's documents.
import type { Json } from '../../protocol/chat';
import { useWorkbench } from '../../stores/workbench';
import { JsonField } from './JsonField';
import { documentsProblem, kwargsProblem } from './templateView';

type Kwargs = { [key: string]: Json };

/** `documents` is a variable among the others, as in apply_chat_template. */
export const withDocuments = (kwargs: Kwargs | undefined, documents: readonly Kwargs[]): Kwargs => ({
  ...kwargs,
  ...(documents.length > 0 && { documents: [...documents] }),
});

export function KwargsEditor({
  documents,
  onDocuments,
}: {
  documents: Kwargs[];
  onDocuments: (documents: Kwargs[]) => void;
}) {
  const { settings, edit } = useWorkbench();
  return (
    <>
      <h3 className="mono field-title">chat_template_kwargs</h3>
      <JsonField
        label="chat_template_kwargs as JSON"
        rows={3}
        value={settings.chat_template_kwargs}
        problemOf={kwargsProblem}
        onChange={(next) => edit({ chat_template_kwargs: next as Kwargs })}
      />
      <p className="quiet tools-line">
        Variables that the template asks for, such as <span className="mono">{'{"enable_thinking": false}'}</span>. Mask
        renders every row with them too; a row’s own column of that name goes before.
      </p>
      <h3 className="mono field-title">documents</h3>
      <JsonField
        label="Documents as JSON"
        rows={7}
        value={documents}
        problemOf={documentsProblem}
        onChange={(next) => onDocuments(next as Kwargs[])}
      />
      <p className="quiet tools-line">
        What retrieval found for this conversation, usually with title and text. Rows bring theirs in a column{' '}
        <span className="mono">documents</span>.
      </p>
    </>
  );
}
