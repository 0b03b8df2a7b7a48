// Sizes in words, from bytes to GiB, with as many digits as tell two of them apart.
import { count, number } from '../lib/words';

/** 640 → `640 B`, 151,552 → `148 KiB`, 3,670,016 → `3.50 MiB`. */
export function byteWords(bytes: number): string {
  if (bytes < 1024) return `${count(bytes)} B`;
  for (const [unit, size] of [
    ['KiB', 2 ** 10],
    ['MiB', 2 ** 20],
  ] as const)
    if (bytes < 1000 * size) return `${number(bytes / size)} ${unit}`;
  return `${number(bytes / 2 ** 30)} GiB`;
}
