// The time that somebody spends himself, where others have their turn in between: a clock that stands still meanwhile.

export interface Turns {
  /** Milliseconds, monotonic. */
  now: () => number;
  /** Gives others their turn. */
  yieldToOthers?: () => Promise<void>;
}

/** Both as given, but that `now` leaves out what passes within `yieldToOthers`, turns within a turn counted once. */
export function ownTime({ now, yieldToOthers }: Turns): Turns {
  let depth = 0;
  let leftAt = 0;
  let away = 0;
  const own = () => (depth > 0 ? leftAt : now()) - away;
  if (!yieldToOthers) return { now };
  const turn = async () => {
    if (depth++ === 0) leftAt = now();
    try {
      await yieldToOthers();
    } finally {
      if (--depth === 0) away += now() - leftAt;
    }
  };
  return { now: own, yieldToOthers: turn };
}
