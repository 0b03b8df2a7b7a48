// The question before something stored is deleted: what is lost with it, or why it cannot go now.
import { useState } from 'react';

/** Why it cannot go now, or what is lost with it. */
export interface DeleteConsequences {
  held?: string;
  consequence?: string;
}

export function useDeleteQuestion({
  consequences,
  remove,
}: {
  consequences: (id: string) => Promise<DeleteConsequences>;
  /** What it throws is told in place of the question. */
  remove: (id: string) => Promise<unknown>;
}) {
  /** Of which thing it was asked: another one may be in hand since. */
  const [asked, setAsked] = useState<{ id: string; lost?: string; refusal?: string }>();
  const [isBusy, setBusy] = useState(false);
  const refuse = (id: string) => (cause: unknown) => setAsked({ id, refusal: (cause as Error).message });
  return {
    asked,
    isBusy,
    ask: (id: string) =>
      consequences(id).then(({ held, consequence }) => setAsked({ id, refusal: held, lost: consequence }), refuse(id)),
    removeNow: () => {
      if (!asked) return;
      setBusy(true);
      remove(asked.id)
        .then(() => setAsked(undefined), refuse(asked.id))
        .finally(() => setBusy(false));
    },
    close: () => setAsked(undefined),
  };
}
