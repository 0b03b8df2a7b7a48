// Figures measured of the adapters that serve over a base, kept beside their registry: each with when and on what device, and with
// what it depends on. Where that is another by now, the figure is no longer about what serves, and goes.
import type { Measured } from '../protocol/serving';
import { exclusive, type Storage } from './storage';

const TABLE = 'serving-measures';
type Kept = Record<string, Measured<unknown> & { basis: string }>;

export class ServingMeasures {
  /** What could not be stored, because the disk is full for example: it lasts as long as the page. */
  private unstored?: Kept;

  /** `baseId`: artifact id of the base, as in the registry. */
  constructor(
    private readonly storage: Pick<Storage, 'getValue' | 'setValue'>,
    private readonly baseId: string,
  ) {}

  /** Under `name`, in place of what was there. Never throws for want of room: a figure that was measured is worth showing. */
  keep(name: string, measured: Measured<unknown>, basis: string): Promise<void> {
    return this.change((kept) => ({ ...kept, [name]: { ...measured, basis } }));
  }

  /** Those that still hold, by name. `basisOf`: what a figure of that name depends on now. */
  async current(basisOf: (name: string) => string): Promise<Record<string, Measured<unknown>>> {
    const kept = await this.read();
    const holds = (name: string) => kept[name]!.basis === basisOf(name);
    if (Object.keys(kept).some((name) => !holds(name)))
      await this.change((all) => Object.fromEntries(Object.entries(all).filter(([name, { basis }]) => basis === basisOf(name)))); // biome-ignore format: one change
    return Object.fromEntries(
      Object.entries(kept).flatMap(([name, { basis: _basis, ...measured }]) => (holds(name) ? [[name, measured]] : [])),
    );
  }

  private async read(): Promise<Kept> {
    return this.unstored ?? (await this.storage.getValue<Kept>(TABLE, this.baseId)) ?? {};
  }
  /** One change at a time, of all tabs. */
  private change(to: (kept: Kept) => Kept): Promise<void> {
    return exclusive(`serving-measures/${this.baseId}`, async () => {
      const next = to(await this.read());
      try {
        await this.storage.setValue(TABLE, this.baseId, next);
        this.unstored = undefined;
      } catch {
        this.unstored = next; // the page has it, and the next change tries again
      }
    });
  }
}
