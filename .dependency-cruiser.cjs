// The layers (docs/architecture.md): a file imports only from its own layer or a lower one, and the page reads of the
// worker's side only data. `new Worker(new URL(…))` is invisible here: test/layers.test.ts looks after that.

/** Worker side, lowest first. Folders in one entry are one layer. */
const LAYERS = [
  ['lib'],
  ['protocol'],
  ['storage'],
  ['gpu'],
  ['text'],
  ['data'],
  ['world'],
  ['nn'],
  ['eval'],
  ['trainers', 'agent'],
  ['interop'],
  ['labs'],
  ['workers'],
];
const PAGE = ['stores', 'ui', 'panels', 'app'];
const folder = (names) => `^src/(${names.join('|')})/`;

const layerRules = LAYERS.slice(0, -1).map((names, level) => ({
  name: `layer-${names.join('-')}`,
  comment: `${names.join(', ')} may not import from a layer above.`,
  severity: 'error',
  from: { path: folder(names) },
  to: { path: folder([...LAYERS.slice(level + 1).flat(), ...PAGE]) },
}));

/** What the page may read below workers/client: descriptions, no tensors, no tokenizers. */
const PAGE_DATA = '^src/(protocol|lib|labs)/|^src/trainers/(registry|[^/]+/config)\\.ts$|^src/workers/client\\.ts$';

module.exports = {
  forbidden: [
    ...layerRules,
    {
      name: 'layer-workers',
      comment: 'Workers know nothing of the page.',
      severity: 'error',
      from: { path: '^src/workers/' },
      to: { path: folder(PAGE) },
    },
    {
      name: 'layer-ui',
      comment: 'Widgets know no domain: they import nothing of ours but widgets and lib.',
      severity: 'error',
      from: { path: '^src/ui/', pathNot: '\\.test\\.tsx?$' },
      to: { path: '^src/(?!ui/|lib/|protocol/)' },
    },
    {
      name: 'layer-stores',
      severity: 'error',
      from: { path: '^src/stores/' },
      to: { path: '^src/(ui|panels|app)/' },
    },
    {
      name: 'layer-panels',
      comment: 'Panels know nothing of the shell.',
      severity: 'error',
      from: { path: '^src/panels/' },
      to: { path: '^src/app/' },
    },
    {
      name: 'panels-apart',
      comment: 'Screens never import each other: what several have in common is in panels/shared.',
      severity: 'error',
      from: { path: '^src/panels/([^/]+)/' },
      to: { path: '^src/panels/', pathNot: '^src/panels/($1|shared)/' },
    },
    {
      name: 'page-reads-data-only',
      comment: 'Tensors and tokenizers live in the workers: ask workers/client.',
      severity: 'error',
      from: { path: folder(PAGE), pathNot: '\\.test\\.tsx?$' },
      to: { path: '^src/', pathNot: `${folder(PAGE)}|${PAGE_DATA}` },
    },
    {
      name: 'page-loads-no-engine',
      comment: 'Directly or through others, the page must not load tfjs, a tokenizer or a template engine.',
      severity: 'error',
      from: { path: folder(PAGE), pathNot: '\\.test\\.tsx?$' },
      to: { path: 'node_modules/@(tensorflow|huggingface)/', reachable: true },
    },
    {
      name: 'no-circular',
      comment: 'A cycle of modules that run code (types may refer to each other).',
      severity: 'error',
      from: { path: '^src/' },
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'resolvable',
      severity: 'error',
      from: { path: '^(src|scripts|e2e|test)/' },
      to: { couldNotResolve: true, pathNot: '^virtual:|^wouter/use-hash-location$' },
    },
    {
      name: 'product-imports-no-tests',
      severity: 'error',
      from: { path: '^src/', pathNot: '\\.test(Worker)?\\.tsx?$' },
      to: { path: '\\.test(Worker)?\\.tsx?$|^(test|e2e)/' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true, // type-only imports obey the layers as well
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'browser', 'default'],
      mainFields: ['module', 'main'],
    },
  },
};
