// LoRA: an adapter and what it costs, its run, what it has learnt, whether it survives four bits, sweeps, and where to modify.
import { useEffect, useState } from 'react';
import { studioClient } from '../../stores/client';
import { useDatasets } from '../../stores/datasets';
import { lookInMask } from '../../stores/lookInMask';
import { openInChat } from '../../stores/models';
import { isLive } from '../../stores/runPanel';
import { useTemplates } from '../../stores/templates';
import { useLoaded } from '../../stores/useLoaded';
import { Answers } from '../../ui/Answers';
import { Card } from '../../ui/Card';
import { TrainingPanel } from '../shared/TrainingPanel';
import { AdapterCard } from './AdapterCard';
import { CostCard, WorkedExample } from './CostCard';
import { isLoraRun, pictureVersion } from './loraRuns';
import { MeasuredCard } from './MeasuredCard';
import { ModulesTable } from './ModulesTable';
import { MoreSettings } from './MoreSettings';
import { AdapterSelect, PictureCard } from './PictureCard';
import { adapterRefs, runOfRef } from './pictureView';
import { QuantizationCard } from './QuantizationCard';
import { SurvivalCard } from './SurvivalCard';
import { SweepCard } from './SweepCard';
import { TrainCard } from './TrainCard';
import { useLora } from './useLora';
import { WhereCard } from './WhereCard';
import '../../ui/parts.css';
import './lora.css';

export function LoraPanel() {
  const lora = useLora();
  const { run, recipe } = lora;
  const [path, setPath] = useState<string>();
  const [hasExample, setExample] = useState(false);
  const [isOpen, setOpen] = useState(false);
  const [hasHelp, setHelp] = useState(false);
  const sets = useDatasets();
  const templates = useTemplates();
  const [wanted, setWanted] = useState<string>();
  // Adapters of all panels can be looked at; what stands here unasked is this panel's.
  const adapters = adapterRefs(lora.allRuns);
  const runOf = (ref: string) => lora.allRuns.find(({ id }) => id === runOfRef(ref))!;
  // The run in view, unless another adapter was chosen after it came into view.
  const own = adapters.find(({ ref }) => runOfRef(ref) === run?.id);
  const mine = own ?? adapters.find(({ ref }) => isLoraRun(runOf(ref)));
  const adapter = (adapters.find(({ ref }) => ref === wanted) ?? mine)?.ref;
  const pictured = adapter === undefined ? undefined : runOf(adapter);
  const version = pictured && pictureVersion(pictured);
  const read = useLoaded(adapter && `picture ${adapter} ${version}`, async (signal) => ({
    ...(await studioClient().compute.request('adapterPicture', { ref: adapter! }, { signal })),
    ref: adapter!,
  }));
  // The last answer stays while the next is loading: of the same adapter only.
  const picture = { value: read.value?.ref === adapter ? read.value : undefined, error: read.error };
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new run is what the person wants to see
  useEffect(() => {
    setWanted(undefined);
    setOpen(false); // its curves push the folded settings out of sight
  }, [run?.id]);
  const example = hasExample && <WorkedExample onClose={() => setExample(false)} />;
  return (
    <TrainingPanel
      training={lora}
      title="LoRA"
      lede="First lever when many variants of one base are needed and a full copy of each costs too much. Not for knowledge or a language that the base lacks, and no reason to test a variant less."
      startLabel="Train this adapter"
      isReady={lora.plan.value !== undefined}
      deriveAnd={lora.deriveAnd}
      onLook={(place) => lookInMask(recipe, templates, place)}
      finished={
        run && (
          <>
            Next: see below where the update sits, and whether it survives four bits;{' '}
            <button type="button" className="link" onClick={() => openInChat(`run:${run.id}`, run.recipe.model.ref)}>
              compare it with its base in Chat
            </button>
            .
          </>
        )
      }
    >
      <div className="lora-top">
        <AdapterCard
          lora={lora}
          datasets={sets.value?.datasets ?? []}
          isOpen={isOpen}
          onOpen={setOpen}
          hasHelp={hasHelp}
          onHelp={setHelp}
        />
        {isOpen && <MoreSettings lora={lora} hasHelp={hasHelp} onClose={() => setOpen(false)} />}
        <div className="lora-side">
          <CostCard lora={lora} path={path} onExample={() => setExample(!hasExample)} />
          {example}
          <div className="lora-pair">
            <ModulesTable
              plan={lora.plan.value}
              isStale={lora.plan.value !== undefined && lora.problems.length > 0 && lora.plan.error !== undefined}
              path={path}
              onChoose={setPath}
            />
            <TrainCard lora={lora} />
          </div>
        </div>
      </div>
      {run && (
        <Answers
          key={run.id}
          of={lora.titleOf(run)}
          generations={run.generations}
          isOver={!isLive(run)}
          heldOut={run.recipe.data.eval.length > 0}
        />
      )}
      {run && (run.status === 'finished' || run.status === 'stopped') && (
        <MeasuredCard
          run={run}
          title={lora.titleOf(run)}
          starts={run.status === 'finished' && lora.finishedHere && !run.group}
        />
      )}
      {pictured && version !== undefined ? (
        <>
          <PictureCard
            adapter={adapter!}
            run={pictured}
            adapters={adapters}
            onChoose={setWanted}
            picture={picture}
            version={version}
          />
          {picture.value && (
            <SurvivalCard
              run={pictured}
              title={lora.titleOf(pictured)}
              adapter={adapter!}
              modules={picture.value.modules}
            />
          )}
        </>
      ) : (
        <Card
          title="What it has learnt"
          note="no adapter yet"
          actions={adapters.length > 0 && <AdapterSelect adapters={adapters} value={undefined} onChoose={setWanted} />}
        >
          <p className="quiet">
            With the first step there is an update to look at: its singular values, the rank that it really uses, where
            it sits, and whether it would survive being merged into four bits. Export follows from there.
          </p>
        </Card>
      )}
      <SweepCard lora={lora} />
      <WhereCard lora={lora} />
      <QuantizationCard
        modelRef={recipe.model.ref}
        title={lora.bases.find(({ ref }) => ref === recipe.model.ref)?.label ?? ''}
        isReady={lora.backend !== undefined}
      />
    </TrainingPanel>
  );
}
