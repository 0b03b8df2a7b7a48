// Whose policy an answer follows. Both count only cases of a tenant, and say nothing about JSON: a wrong one may read well.
import type { Metric } from '../metric';

export const tenantPolicyCorrect: Metric = {
  id: 'tenant_policy_correct',
  unit: 'share',
  direction: 'higher',
  meaning:
    'Of the turns that a tenant’s policy decides, those with its status and its deciding words, and none of another’s.',
  valueOf: ({ verdicts }) => verdicts.tenant_policy_correct,
};
export const tenantStyle: Metric = {
  id: 'tenant_style',
  unit: 'share',
  direction: 'higher',
  meaning:
    'Of the turns for a tenant, those in its form: rule first, as short as can be, or with reason and next step.',
  valueOf: ({ verdicts }) => verdicts.tenant_style,
};
