// One column of the playground: asks a model, shows the text as it is decoded, can be stopped.
import { useCallback, useRef, useState } from 'react';
import { CancelledError } from '../../lib/errors';
import type { SamplingOptions } from '../../protocol/model';
import type { Completion } from '../../protocol/requests';
import { studioClient } from '../../stores/client';

export interface AnswerState {
  status: 'empty' | 'waiting' | 'writing' | 'done' | 'stopped' | 'failed';
  text: string;
  completion?: Completion;
  error?: string;
  /** The model that wrote it, so that a changed selection does not relabel an old answer. */
  ref?: string;
}
const EMPTY: AnswerState = { status: 'empty', text: '' };

export interface AnswerRequest {
  ref: string;
  ids: Int32Array;
  sampling: SamplingOptions;
  stopIds: number[];
}

export function useAnswer() {
  const [state, setState] = useState<AnswerState>(EMPTY);
  const running = useRef<AbortController | undefined>(undefined);
  const stop = useCallback(() => running.current?.abort(), []);
  const reset = useCallback(() => {
    running.current?.abort();
    setState(EMPTY);
  }, []);
  const ask = useCallback(async ({ ref, ids, sampling, stopIds }: AnswerRequest) => {
    running.current?.abort();
    const controller = new AbortController();
    running.current = controller;
    const isCurrent = () => running.current === controller;
    setState({ status: 'waiting', text: '', ref });
    try {
      const { completions } = await studioClient().compute.request(
        'generate',
        { ref, prompts: [ids], sampling, stopIds },
        {
          signal: controller.signal,
          onProgress: ({ text }) => isCurrent() && setState({ status: 'writing', text, ref }),
        },
      );
      const completion = completions[0];
      if (isCurrent()) setState({ status: 'done', text: completion?.text ?? '', completion, ref });
    } catch (error) {
      if (!isCurrent()) return;
      if (error instanceof CancelledError || controller.signal.aborted)
        setState((now) => ({ ...now, status: 'stopped' }));
      else setState({ status: 'failed', text: '', error: (error as Error).message, ref });
    }
  }, []);
  return { state, ask, stop, reset };
}
