import type { Server } from 'node:http';

export function serve(options: {
  root: string;
  port: number;
  base?: string;
  isPortFixed?: boolean;
}): Promise<{ server: Server; port: number; isOtherPort: boolean; url: string }>;
