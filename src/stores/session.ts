// What the whole app knows: the backend, warnings, the theme.
import { create } from 'zustand';
import type { BackendInfo, BackendName } from '../protocol/model';
import { studioClient } from './client';
import { loadModels } from './models';
import { applyEvent, loadRuns } from './runs';

export type Theme = 'system' | 'light' | 'dark';
interface Session {
  backend?: BackendInfo;
  /** How often the device was started anew: what failed on the one before may be asked again. */
  restarts: number;
  /** Why no backend could be started. */
  backendError?: string;
  /** GPU kernels that are being compiled before a first step or answer. */
  compiling?: { done: number; total: number };
  /** The newest thing to tell; read aloud. */
  notice?: { tone: 'warn' | 'bad'; text: string; raw?: string };
  theme: Theme;
  setTheme(theme: Theme): void;
  dismiss(): void;
}
const THEME_KEY = 'studio-theme';
const storedTheme = (): Theme => {
  const value = localStorage.getItem(THEME_KEY);
  return value === 'light' || value === 'dark' ? value : 'system';
};
export const useSession = create<Session>()((set) => ({
  theme: storedTheme(),
  restarts: 0,
  setTheme: (theme) => {
    localStorage.setItem(THEME_KEY, theme);
    set({ theme });
  },
  dismiss: () => set({ notice: undefined }),
}));

/** Tells that something in hand is gone; behind what is told already, because several may go at once. */
export const tellGone = (text: string): void =>
  useSession.setState(({ notice }) => ({
    notice: { tone: 'warn', text: notice && !notice.raw && notice.text !== text ? `${notice.text} ${text}` : text },
  }));

const BACKENDS: readonly string[] = ['webgpu', 'wasm', 'cpu'];
/** `?backend=webgpu|wasm|cpu` forces one; tests and bug reports use it. */
const wantedBackend = (): BackendName | 'auto' => {
  const wanted = new URLSearchParams(location.search).get('backend') ?? '';
  return BACKENDS.includes(wanted) ? (wanted as BackendName) : 'auto';
};

let isStarted = false;
/** Starts the workers once and keeps the stores up to date with what they say. */
export async function startSession(): Promise<void> {
  if (isStarted) return;
  isStarted = true;
  const client = studioClient();
  client.onEvent((event) => {
    applyEvent(event);
    // The records too: a list that was asked for before may come after this.
    if (event.kind === 'kept') Promise.all([loadModels(), loadRuns()]).catch(() => {});
    if (event.kind === 'backend')
      useSession.setState(({ backend, restarts }) => ({
        backend: event.info,
        backendError: undefined,
        restarts: backend ? restarts + 1 : restarts,
      }));
    else if (event.kind === 'warning')
      useSession.setState({ notice: { tone: 'warn', text: event.message, raw: event.raw } });
    else if (event.kind === 'compiling') {
      const { done, total } = event;
      useSession.setState({ compiling: done < total ? { done, total } : undefined });
    } else if (event.kind === 'deviceLost') useSession.setState({ compiling: undefined });
  });
  try {
    const backend = await client.compute.request('init', { backend: wantedBackend() });
    useSession.setState({ backend });
    await loadRuns();
  } catch (cause) {
    useSession.setState({ backendError: (cause as Error).message });
  }
}
