import './support/require-node.mjs';
import { main } from './support/main.mjs';
import { prepareWorkspace } from './support/workspace.mjs';

// Installs and builds only what is missing or out of date; the other scripts in package.json begin with it.
await main((_args, signal) => prepareWorkspace(signal));
