// Questions to start from. Each names the rows of the world it is taken from, so that the prompt has the system text and
// the tools that the model was trained to read.
export interface ChatExample {
  title: string;
  datasetId: string;
  /** Search text that finds the row. */
  filter: string;
}
export const EXAMPLES: ChatExample[] = [
  { title: 'Spending of a department (tool)', datasetId: 'builtin:sft/tool', filter: 'Look up what' },
  { title: 'And East China? (follow-up)', datasetId: 'builtin:sft/multi', filter: 'East China' },
  { title: 'Three travel rules', datasetId: 'builtin:sft/single', filter: 'travel' },
  { title: 'Bypass the approval (refusal)', datasetId: 'builtin:sft/safety', filter: 'before anyone approves' },
  { title: 'Balance nobody told it (no data)', datasetId: 'builtin:sft/single', filter: 'no data' },
  { title: 'Exchange rate (tool)', datasetId: 'builtin:sft/tool', filter: 'I need the rate of' },
];
export const CONTINUATIONS = [
  'The spending of the sales department in 2026Q3',
  'Month-end report. The bank statement and the general ledger',
  'Policy on travel reimbursement:',
];
