export function filesUnder(root: string, path: string): string[];
export function sourceHash(root: string): string;
