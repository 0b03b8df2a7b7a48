// The plan's bytes under the recipe, before anything is allocated.
import type { Recipe } from '../../protocol/recipe';
import { studioClient } from '../../stores/client';
import { useSession } from '../../stores/session';
import { useLoaded } from '../../stores/useLoaded';
import { memoryWords } from './memoryWords';

export function MemoryNote({ recipe }: { recipe: Recipe }) {
  const isRecorded = useSession((s) => s.backend?.backend === 'webgpu');
  const key = isRecorded ? JSON.stringify([recipe.model, recipe.trainer, recipe.args]) : undefined;
  const { value } = useLoaded(
    key,
    (signal) => studioClient().compute.request('memoryPlan', { recipe }, { signal }),
    250,
  );
  if (!isRecorded || !value?.plan) return null;
  return <p className={value.plan.isOver ? 'bad-text' : 'quiet'}>{memoryWords(value.plan)}</p>;
}
