import './support/require-node.mjs';
import { main } from './support/main.mjs';
import { step } from './support/terminal.mjs';
import { build } from './support/workspace.mjs';

// npm run build: compiles everything into dist, whether or not it has changed.
await main((_args, signal) => step('Building', () => build(signal)));
