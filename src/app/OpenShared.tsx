// A shared link being opened: into the panel that it belongs to, or the reason why not.
import { useEffect, useState } from 'react';
import { openShared } from '../stores/openShare';
import { Panel } from '../ui/Panel';

export function OpenShared({ text, onGo }: { text: string; onGo: (path: string) => void }) {
  const [error, setError] = useState<string>();
  // biome-ignore lint/correctness/useExhaustiveDependencies: once a link
  useEffect(() => {
    let isOver = false;
    openShared(text).then(
      (panel) => !isOver && onGo(`/${panel}`),
      (cause: unknown) => !isOver && setError((cause as Error).message),
    );
    return () => {
      isOver = true;
    };
  }, [text]);
  return (
    <Panel title="Shared link" lede="Somebody sent you a state of the template and mask workbench.">
      {error ? (
        <div className="note bad" role="alert">
          <div>
            <b>The link was not opened.</b> {error}{' '}
            <a className="link" href="#/template">
              Go to Template
            </a>
          </div>
        </div>
      ) : (
        <div className="skeleton-block" aria-hidden="true" />
      )}
    </Panel>
  );
}
