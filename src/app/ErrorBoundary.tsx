// A panel that fails says so in its own place; the rest of the app goes on.
import { Component, type ReactNode } from 'react';

export class ErrorBoundary extends Component<{ title: string; children: ReactNode }, { error?: Error }> {
  override state: { error?: Error } = {};
  static getDerivedStateFromError(error: Error) {
    return { error };
  }
  override render() {
    const { error } = this.state;
    if (!error) return this.props.children;
    return (
      <div className="panel">
        <h1>{this.props.title}</h1>
        <div className="note bad" role="alert">
          <div>
            <b>This panel stopped.</b> {error.message} Runs and data are not touched.{' '}
            <button type="button" className="link" onClick={() => this.setState({ error: undefined })}>
              Open it again
            </button>
          </div>
        </div>
      </div>
    );
  }
}
