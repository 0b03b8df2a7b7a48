// The datasets tenant/A, B and C, and the evaluation slices: row i of each is the same request, answered by another policy.
import { hashString, Rng } from '../../lib/rng';
import { CASE_SEED_OFFSET, caseOf, type EvaluationCase } from '../cases';
import { finalMessage, type SftItem, type Split } from '../item';
import { COMPANIES, metadataOf, type Tenant, tenantOf, type World } from '../state';
import { policyTruth } from './policy';
import { chapterRequest, drawRequest, type TenantRequest } from './requests';

/** Row i depends on (tenant, seed, split, i); its prompt on (seed, split, i) alone. */
export function tenantItem(
  world: World,
  id: Tenant['id'],
  i: number,
  { seed, split }: { seed: number; split: Split },
): SftItem {
  const rng = new Rng(seed, hashString(`tenant/${split}`)).fork(i);
  return answeredBy(id, drawRequest(world, rng, split), split, `${id}-${split}-${seed}-${i}`);
}

/** The chapter's request as a row: three tenants, three answers. */
export const chapterItem = (world: World, id: Tenant['id']): SftItem =>
  answeredBy(id, chapterRequest(world), 'train', `${id}-payables-and-second-approval`);

function answeredBy(id: Tenant['id'], request: TenantRequest, split: Split, rowId: string): SftItem {
  const tenant = tenantOf(id);
  const said = request.messages.map(({ content }) => content).join('\n');
  const truth = { ...policyTruth(tenant, request), names: COMPANIES.filter((name) => said.includes(name)) };
  return {
    rowId,
    shape: 'tenant',
    kind: request.kind,
    tenant: id,
    metadata: metadataOf(tenant),
    split,
    templateId: `${request.kind}/${request.phrasing}`,
    entityKey: request.facts.company,
    row: { messages: [...request.messages, finalMessage(truth.final)] },
    truth: [truth],
  };
}

export interface SliceOptions {
  tenant: Tenant['id'];
  n: number;
  seed: number;
  split?: Split;
}
/** Cases graded by one tenant's policy. Slices of the same seed ask the same questions. */
export const tenantCases = (world: World, { tenant, n, seed, split = 'heldout' }: SliceOptions): EvaluationCase[] =>
  Array.from({ length: n }, (_, i) =>
    caseOf(tenantItem(world, tenant, i, { seed: seed + CASE_SEED_OFFSET, split }), 0),
  );
