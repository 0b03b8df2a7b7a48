// The choices of a mask: what is trained, where assistant turns are taken from, which turns, which end-of-turn tokens.
import type { MaskOptions } from '../../protocol/chat';
import type { TemplateSettings } from '../../protocol/requests';
import { useWorkbench } from '../../stores/workbench';
import { Segmented } from '../../ui/Segmented';

type Mode = TemplateSettings['mode'];
const MODES = [
  { id: 'full', label: 'Full' },
  { id: 'completion_only_loss', label: 'Completion' },
  { id: 'assistant_only_loss', label: 'Assistant' },
  { id: 'default', label: 'Default' },
] as const;
/** What each mode trains, in TRL's terms. */
export const MODE_WORDS: Record<Mode, string> = {
  full: 'Targets: every token, system prompts and questions too.',
  completion_only_loss: 'Targets: what follows the prompt; in a conversation, the last answer.',
  assistant_only_loss: 'Targets: answers, tool calls and the end of the turn.',
  default: 'TRL’s default: the completion of prompt + completion rows, every token of others.',
};

const CHOICES: {
  key: keyof MaskOptions;
  label: string;
  options: { id: string; label: string }[];
}[] = [
  {
    key: 'assistant_spans',
    label: 'assistant spans',
    options: [
      { id: 'generation', label: '{% generation %}' },
      { id: 'derived', label: 'derived' },
    ],
  },
  {
    key: 'assistant_turns',
    label: 'turns',
    options: [
      { id: 'all', label: 'all' },
      { id: 'last', label: 'last only' },
    ],
  },
  {
    key: 'train_on_eos',
    label: 'train_on_eos',
    options: [
      { id: 'turn', label: 'turn: of the span' },
      { id: 'all', label: 'all of the row' },
      { id: 'last', label: 'last of the row' },
      { id: 'none', label: 'none' },
    ],
  },
  {
    key: 'special_in_content',
    label: 'special tokens in content',
    options: [
      { id: 'text', label: 'as text (safe)' },
      { id: 'token', label: 'as transformers' },
    ],
  },
];
/** They change something whatever is trained. */
const ALWAYS: ReadonlySet<keyof MaskOptions> = new Set(['train_on_eos', 'special_in_content']);

export function ModeChoice() {
  const { settings, edit } = useWorkbench();
  return <Segmented label="Train on" options={MODES} value={settings.mode} onChange={(mode: Mode) => edit({ mode })} />;
}

/** How content is read and what is trained; assistant turns only under assistant_only_loss, where they change something. */
export function MaskChoices({ hasPrompts }: { /** Rows of prompt + completion. */ hasPrompts: boolean }) {
  const { settings, edit } = useWorkbench();
  const { mask, mode } = settings;
  const shown = CHOICES.filter(({ key }) => ALWAYS.has(key) || mode === 'assistant_only_loss');
  return (
    <div className="mask-choices">
      {hasPrompts && mode === 'assistant_only_loss' && (
        <label className="inline-field">
          <span>answers in the prompt</span>
          <select
            className="select"
            value={String(settings.completion_only_loss)}
            onChange={(event) => edit({ completion_only_loss: event.currentTarget.value === 'true' })}
          >
            <option value="false">trained too</option>
            <option value="true">masked: completion_only_loss</option>
          </select>
        </label>
      )}
      {shown.map(({ key, label, options }) => (
        <label key={key} className="inline-field">
          <span>{label}</span>
          <select
            className="select"
            value={mask[key] ?? options[0]!.id}
            onChange={(event) => edit({ mask: { ...mask, [key]: event.currentTarget.value } })}
          >
            {options.map((option) => (
              <option key={option.id} value={option.id}>
                {option.label}
              </option>
            ))}
          </select>
        </label>
      ))}
      {mode === 'assistant_only_loss' && mask.assistant_spans === 'derived' && (
        <span className="quiet">
          Derived spans end with the end-of-turn token; markers of published training templates often hold the line
          break behind it too.
        </span>
      )}
    </div>
  );
}
