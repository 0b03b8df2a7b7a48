// LoRA: an adapter and what it costs, its run, what it has learnt, whether it survives four bits, sweeps, and where to modify.
import { useEffect, useState } from 'react';
import type { RunRecord } from '../../protocol/run';
import { studioClient } from '../../stores/client';
import { useDatasets } from '../../stores/datasets';
import { typedComplaints, useTypedFields } from '../../stores/typedFields';
import { useLoaded } from '../../stores/useLoaded';
import { fields as adapterFields } from '../../trainers/peft/config';
import { trainers } from '../../trainers/registry';
import { Answers } from '../../ui/Answers';
import { Card } from '../../ui/Card';
import { GateFindings } from '../../ui/GateFindings';
import { Panel } from '../../ui/Panel';
import { RunControls } from '../../ui/RunControls';
import { isLive } from '../../ui/runWords';
import { AdapterCard } from './AdapterCard';
import { CostCard, WorkedExample } from './CostCard';
import { MeasuredCard } from './MeasuredCard';
import { ModulesTable } from './ModulesTable';
import { PictureCard } from './PictureCard';
import { adapterRefs, runOfRef } from './pictureView';
import { QuantizationCard } from './QuantizationCard';
import { SurvivalCard } from './SurvivalCard';
import { SweepCard } from './SweepCard';
import { RunNotice, TrainCard } from './TrainCard';
import { useLora } from './useLora';
import { WhereCard } from './WhereCard';
import '../../ui/parts.css';
import './lora.css';

/** A live adapter is read again after this many steps: often enough to watch, rare enough to train on. */
const REREAD_STEPS = 10;
/** Which state of the adapter a picture shows. */
const versionOf = (run: RunRecord): string =>
  run.status === 'running' ? `live ${Math.floor(run.step / REREAD_STEPS)}` : `${run.status} ${run.step}`;
export function LoraPanel() {
  const lora = useLora();
  const { run, recipe } = lora;
  // What is typed and does not fit would not be what is trained.
  const [complaint] = typedComplaints(useTypedFields('lora').typed, { ...trainers.sft.fields, ...adapterFields });
  const [path, setPath] = useState<string>();
  const [hasExample, setExample] = useState(false);
  const sets = useDatasets();
  const [wanted, setWanted] = useState<string>();
  const adapters = adapterRefs(lora.runs);
  // The run in view, unless another adapter was chosen after it came into view.
  const own = adapters.find(({ ref }) => runOfRef(ref) === run?.id);
  const adapter = (adapters.find(({ ref }) => ref === wanted) ?? own ?? adapters[0])?.ref;
  const pictured = adapter === undefined ? undefined : lora.runs.find(({ id }) => id === runOfRef(adapter));
  const version = pictured && versionOf(pictured);
  const picture = useLoaded(adapter && `picture ${adapter} ${version}`, (signal) =>
    studioClient().compute.request('adapterPicture', { ref: adapter! }, { signal }),
  );
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new run is what the person wants to see
  useEffect(() => setWanted(undefined), [run?.id]);
  const example = hasExample && <WorkedExample onClose={() => setExample(false)} />;
  return (
    <Panel
      title="LoRA"
      lede="First lever when many variants of one base are needed and a full copy of each costs too much. Not for knowledge or a language that the base lacks, and no reason to test a variant less."
      actions={
        <RunControls
          status={lora.live?.status}
          isStarting={lora.isStarting}
          canStart={!lora.isBusy && lora.plan.value !== undefined && !lora.plan.error && !complaint}
          startLabel="Train this adapter"
          on={lora.on}
        />
      }
    >
      {run && <RunNotice run={run} onResume={lora.resume} />}
      {lora.gate && (
        <GateFindings
          findings={lora.gate.findings}
          onClose={lora.closeGate}
          onOverride={() => lora.gate?.retry(lora.gate.findings.map(({ kind }) => kind))}
        />
      )}
      {lora.error && (
        <div className="note bad" role="alert">
          <div>
            <b>That did not work.</b> {lora.error}
          </div>
        </div>
      )}
      <div className="lora-top">
        <AdapterCard lora={lora} datasets={sets.value?.datasets ?? []} />
        <div className="lora-side">
          <CostCard lora={lora} path={path} onExample={() => setExample(!hasExample)} />
          {example}
          <div className="lora-pair">
            <ModulesTable plan={lora.plan.value} path={path} onChoose={setPath} />
            <TrainCard lora={lora} />
          </div>
        </div>
      </div>
      {run && <Answers key={run.id} generations={run.generations} isOver={!isLive(run)} />}
      {run && (run.status === 'finished' || run.status === 'stopped') && (
        <MeasuredCard run={run} starts={run.status === 'finished' && lora.finishedHere && !run.group} />
      )}
      {pictured && version !== undefined ? (
        <>
          <PictureCard
            adapter={adapter!}
            adapters={adapters}
            onChoose={setWanted}
            picture={picture}
            version={version}
          />
          {picture.value && <SurvivalCard run={pictured} adapter={adapter!} modules={picture.value.modules} />}
        </>
      ) : (
        <Card title="What it has learnt" note="no adapter yet">
          <p className="quiet">
            With the first step there is an update to look at: its singular values, the rank that it really uses, where
            it sits, and whether it would survive being merged into four bits. Export follows from there.
          </p>
        </Card>
      )}
      <SweepCard lora={lora} />
      <WhereCard lora={lora} />
      <QuantizationCard modelRef={recipe.model.ref} isReady={lora.backend !== undefined} />
    </Panel>
  );
}
