// What a browser said in its own words, folded below the sentence that says what to do.
import './parts.css';

export function RawText({ text }: { text: string | undefined }) {
  if (!text) return null;
  return (
    <details className="raw-text">
      <summary>What the browser said</summary>
      <code>{text}</code>
    </details>
  );
}
