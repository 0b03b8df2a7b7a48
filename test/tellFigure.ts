// What a test found, told to the script that measures by running it (scripts/resultsInterop.ts). Elsewhere it does nothing.

/** Appends a line of JSON to the file that STUDIO_FIGURES names. */
export async function tellFigure(name: string, value: number): Promise<void> {
  const path = typeof process === 'undefined' ? undefined : process.env.STUDIO_FIGURES;
  if (!path) return;
  const { appendFileSync } = await import(/* @vite-ignore */ 'node:fs');
  appendFileSync(path, `${JSON.stringify({ name, value })}\n`);
}
