import './support/require-node.mjs';
import { quickstart } from './quickstart/quickstart.mjs';
import { main } from './support/main.mjs';

// npm run quickstart [-- --once]: from a fresh clone to a delivered, verified webhook, and a server to play with.
// package.json starts it with exec, so that Ctrl-C ends the npm command too with our exit code, not with the shell's.
await main(quickstart);
