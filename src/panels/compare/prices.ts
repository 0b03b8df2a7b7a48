// The person's own prices of a vote, an hour of the device and a case; kept in this browser.
import { create } from 'zustand';
import type { UnitPrices } from '../../labs/costLedger';

/** Something to change, and no claim about what people or machines cost. */
const FIRST: UnitPrices = { comparison: 1, label: 0.5, hour: 2, case: 0.1 };
export const PRICE_FIELDS: readonly { key: keyof UnitPrices; label: string }[] = [
  { key: 'comparison', label: 'a vote between two answers' },
  { key: 'label', label: 'a label of one answer' },
  { key: 'hour', label: 'an hour of the device' },
  { key: 'case', label: 'a held-out case' },
];
const KEY = 'studio-unit-prices';

export const isPrice = (value: unknown): value is number => typeof value === 'number' && value >= 0 && value < 1e9;
function kept(): UnitPrices {
  try {
    const found = JSON.parse(localStorage.getItem(KEY) ?? '{}') as Partial<Record<keyof UnitPrices, unknown>>;
    const known = Object.entries(found).filter(([key, value]) => key in FIRST && isPrice(value));
    return { ...FIRST, ...(Object.fromEntries(known) as Partial<UnitPrices>) };
  } catch {
    return FIRST; // of another version, or storage is off
  }
}
interface Prices {
  prices: UnitPrices;
  set(key: keyof UnitPrices, value: number): void;
}
export const usePrices = create<Prices>()((set, get) => ({
  prices: kept(),
  set(key, value) {
    const prices = { ...get().prices, [key]: value };
    set({ prices });
    try {
      localStorage.setItem(KEY, JSON.stringify(prices));
    } catch {
      // Full or forbidden: they live as long as the page.
    }
  },
}));
