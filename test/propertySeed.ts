// Property tests draw the same cases in each `npm test`, so that a change is judged by its own doing; `npm run test:full` draws
// new ones each time, and prints the seed of what it finds.
import fc from 'fast-check';

if (!process.env.STUDIO_FULL) fc.configureGlobal({ seed: 20_261_124 });
