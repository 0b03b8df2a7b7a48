// All screens, in the order in which a person walks the pipeline. Adding one = one folder and one line here.
import { type ComponentType, lazy } from 'react';
import { tellPanels } from '../stores/knownPanels';

export interface PanelEntry {
  id: string;
  title: string;
  group: 'Build' | 'Train' | 'Serve and judge' | 'Records';
  component: ComponentType;
}
const panel = (
  id: string,
  title: string,
  group: PanelEntry['group'],
  load: () => Promise<ComponentType>,
): PanelEntry => ({
  id,
  title,
  group,
  component: lazy(async () => ({ default: await load() })),
});

/** Other names of a panel's address. */
const ALIASES: Record<string, string> = { bench: 'engine' };
/** The panel of a hash route, e.g. /mask, or /adapters/log with a tab of its own; the first for an unknown one. */
export function panelOf(path: string): PanelEntry {
  const id = path.slice(1).split('/')[0]!;
  return PANELS.find((panel) => panel.id === (ALIASES[id] ?? id)) ?? PANELS[0]!;
}

export const PANELS: readonly PanelEntry[] = [
  panel('overview', 'Overview', 'Build', async () => (await import('../panels/overview/OverviewPanel')).OverviewPanel),
  panel('models', 'Models', 'Build', async () => (await import('../panels/models/ModelsPanel')).ModelsPanel),
  panel('data', 'Data', 'Build', async () => (await import('../panels/data/DataPanel')).DataPanel),
  panel('template', 'Template', 'Build', async () => (await import('../panels/template/TemplatePanel')).TemplatePanel),
  panel('mask', 'Mask', 'Build', async () => (await import('../panels/mask/MaskPanel')).MaskPanel),
  panel('annotate', 'Annotate', 'Build', async () => (await import('../panels/annotate/AnnotatePanel')).AnnotatePanel),
  panel('sft', 'SFT', 'Train', async () => (await import('../panels/sft/SftPanel')).SftPanel),
  panel('lora', 'LoRA', 'Train', async () => (await import('../panels/lora/LoraPanel')).LoraPanel),
  panel(
    'preferences',
    'Preferences',
    'Train',
    async () => (await import('../panels/preferences/PreferencesPanel')).PreferencesPanel,
  ),
  panel('reward', 'Reward model', 'Train', async () => (await import('../panels/reward/RewardPanel')).RewardPanel),
  panel('rlhf', 'RLHF', 'Train', async () => (await import('../panels/rlhf/RlhfPanel')).RlhfPanel),
  panel(
    'hacking',
    'Reward hacking',
    'Train',
    async () => (await import('../panels/hacking/HackingPanel')).HackingPanel,
  ),
  panel(
    'compare',
    'Compare methods',
    'Train',
    async () => (await import('../panels/compare/ComparePanel')).ComparePanel,
  ),
  panel(
    'adapters',
    'Adapters',
    'Serve and judge',
    async () => (await import('../panels/adapters/AdaptersPanel')).AdaptersPanel,
  ),
  panel('chat', 'Chat', 'Serve and judge', async () => (await import('../panels/chat/ChatPanel')).ChatPanel),
  panel('runs', 'Runs', 'Records', async () => (await import('../panels/runs/RunsPanel')).RunsPanel),
  panel(
    'conformance',
    'Conformance',
    'Records',
    async () => (await import('../panels/conformance/ConformancePanel')).ConformancePanel,
  ),
  panel('engine', 'Engine', 'Records', async () => (await import('../panels/engine/EnginePanel')).EnginePanel),
];
tellPanels(PANELS.map(({ id }) => id));
