// The commit that a figure was measured at.
import { execSync } from 'node:child_process';

/** Short hash, with -dirty behind it where sources, scripts or models differ from it. STUDIO_COMMIT where git is not at hand. */
export function commitNow(): string {
  if (process.env.STUDIO_COMMIT) return process.env.STUDIO_COMMIT;
  const isDirty = execSync('git status --porcelain -- src scripts public').toString() !== '';
  return execSync('git rev-parse --short HEAD').toString().trim() + (isDirty ? '-dirty' : '');
}
