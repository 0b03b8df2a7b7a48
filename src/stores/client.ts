// The page's one client of the two workers, made when first asked for.
import { createStudioClient, type StudioClient } from '../workers/client';

let client: StudioClient | undefined;

export function studioClient(): StudioClient {
  client ??= createStudioClient();
  return client;
}
