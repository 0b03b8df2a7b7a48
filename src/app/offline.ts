// Registers the service worker of the built site: after the first visit it works without a network.

/** The dev server has no sw.js, and a page from a file or an insecure host has no service workers. */
function registerServiceWorker(): void {
  if (!import.meta.env.PROD || !('serviceWorker' in navigator)) return;
  const register = () =>
    navigator.serviceWorker
      .register(new URL('sw.js', document.baseURI.replace(/[?#].*$/, '')))
      .catch((error: Error) => console.warn(`Working offline is not available: ${error.message}`));
  // After the load event, so that filling the cache does not compete with starting the app.
  if (document.readyState === 'complete') void register();
  else window.addEventListener('load', () => void register(), { once: true });
}

registerServiceWorker();
