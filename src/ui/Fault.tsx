// What is wrong, in a paragraph of its own beside what it is about; nothing while nothing is.

export function Fault({ text }: { text: string | undefined }) {
  if (!text) return null;
  return (
    <p className="bad-text" role="alert">
      {text}
    </p>
  );
}
