// Links that reproduce the workbench: made from what is in hand, opened into it.
import type { DatasetRow } from '../protocol/chat';
import { studioClient } from './client';
import { useSession } from './session';
import { decodeShare, encodeShare, type ShareState } from './share';
import { type Conversation, useWorkbench } from './workbench';

/** Address of a shared state: `#/open/<text>`. */
export const OPEN_PATH = '/open/';

/** `row`: one of the person's rows, only when they asked for it. Throws ShareError when it does not fit into a link. */
export async function shareLink(
  panel: ShareState['panel'],
  { messages, tools, documents, add_generation_prompt, continue_final_message }: Conversation,
  row?: DatasetRow,
): Promise<string> {
  const { kit, templateSource, settings } = useWorkbench.getState();
  const state: ShareState = {
    v: 1,
    panel,
    messages,
    tools,
    ...(documents.length > 0 && { documents }),
    settings: { ...settings, add_generation_prompt, continue_final_message },
    ...(templateSource !== undefined && { template: templateSource }),
    ...(kit !== undefined && { kit }),
    ...(row && { row }),
  };
  return `${location.origin}${location.pathname}#${OPEN_PATH}${await encodeShare(state)}`;
}

/** Puts a shared state into the workbench; returns the panel that it belongs to. Throws ShareError; nothing changes then. */
export async function openShared(text: string): Promise<ShareState['panel']> {
  const state = await decodeShare(text);
  const { messages, tools, documents = [], template, kit, row } = state;
  const { add_generation_prompt, continue_final_message, ...settings } = state.settings;
  let known = kit;
  if (kit !== undefined) {
    const { kits } = await studioClient().text.request('listKits', {});
    if (!kits.some(({ id }) => id === kit)) {
      known = undefined;
      useSession.setState({
        notice: {
          tone: 'warn',
          text: `The link was made with a tokenizer that is not in this browser (${kit.slice(0, 15)}…), so the studio's own is used. Bring its files on the Template page and choose it.`,
        },
      });
    }
  }
  useWorkbench.setState({
    kit: known,
    templateSource: template,
    templateName: undefined,
    settings,
    conversation: { messages, tools, documents, add_generation_prompt, continue_final_message },
    sharedRow: row,
  });
  return state.panel;
}
