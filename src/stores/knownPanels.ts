// Which panels the app has, for links from one to another: panels know nothing of the shell that lists them.
let known: ReadonlySet<string> = new Set();

export function tellPanels(ids: readonly string[]): void {
  known = new Set(ids);
}
export const hasPanel = (id: string): boolean => known.has(id);
