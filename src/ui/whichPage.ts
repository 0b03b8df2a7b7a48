// Which page reads a file that was given to another one: told by its name, and of JSON by its first characters. Pure.

export interface OtherPage {
  href: '#/data' | '#/models' | '#/runs';
  title: string;
  /** What the file is, in a sentence. */
  what: string;
}

const MODEL = { href: '#/models', title: 'Models' } as const;
/** `head`: the beginning of the file as text, where it was read. Undefined: nothing speaks for a page. */
export function pageFor(path: string, head = ''): OtherPage | undefined {
  const name = path.split('/').at(-1)!;
  if (/\.(safetensors|gguf|bin|pt|pth)$/i.test(name) || /\.safetensors\.index\.json$/i.test(name))
    return { ...MODEL, what: `${name} holds the weights of a model.` };
  if (/^(adapter_config|generation_config|tokenizer(_config)?)( ?\(\d+\))?\.json$/i.test(name))
    return { ...MODEL, what: `${name} is a part of a model or an adapter: give its whole folder.` };
  if (/\.json$/i.test(name) && /^\s*\{/.test(head) && /"(model_type|architectures)"\s*:/.test(head))
    return { ...MODEL, what: `${name} describes a model: give its whole folder.` };
  if (/^trainer_state.*\.json$/i.test(name) || /^\s*\{[^[]*"log_history"\s*:/.test(head))
    return { href: '#/runs', title: 'Runs', what: `${name} is the log of a run.` };
  if (/\.run\.zip$/i.test(name)) return { href: '#/runs', title: 'Runs', what: `${name} is a run of the studio.` };
  if (/\.(jsonl|ndjson|csv|tsv|parquet)$/i.test(name))
    return { href: '#/data', title: 'Data', what: `${name} holds rows.` };
  return undefined;
}
