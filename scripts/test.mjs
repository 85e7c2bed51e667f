import './support/require-node.mjs';
import { join, resolve } from 'node:path';
import { run } from './support/commands.mjs';
import { main } from './support/main.mjs';
import { bold, Failure, green, line, red, timeSince } from './support/terminal.mjs';
import { prepareWorkspace } from './support/workspace.mjs';

const JEST = join('node_modules', 'jest', 'bin', 'jest.js');

// npm test [-- jest arguments]: unit, integration and end-to-end tests.
// npm run test:fault [-- --json FILE]: tests that kill and cut off real processes; FILE gets what they measured. Two files
// run at a time. With POSTHORN_FAULT_SHORT=1 a few quick cases run, one after the other.
await main(async (args, signal) => {
  await prepareWorkspace(signal);
  const startedAt = performance.now();
  const isFault = args[0] === '--fault';
  const code = isFault ? await runFaultTests(args.slice(1), signal) : await runTests(args, signal);
  const verdict = code === 0 ? green('passed') : red('failed');
  line(`\n${bold(isFault ? 'npm run test:fault' : 'npm test')} ${verdict} after ${timeSince(startedAt).trim()}`);
  return code;
});

function runTests(args, signal) {
  const isChosen = args.some((arg) => /^--(selectProjects|ignoreProjects|projects)\b/.test(arg));
  const isLimited = args.some((arg) => /^(--maxWorkers|-w|--runInBand|-i)\b/.test(arg));
  const workers = isLimited ? [] : ['--maxWorkers=2'];
  // Last, because it takes every word that follows.
  const projects = isChosen ? [] : ['--selectProjects', 'unit', 'integration', 'e2e'];
  return jest([...workers, ...args, ...projects], process.env, signal);
}

function runFaultTests(args, signal) {
  const at = args.indexOf('--json');
  if (at >= 0 && args[at + 1] === undefined) {
    throw new Failure('--json needs the name of a file.');
  }
  const env = at < 0 ? process.env : { ...process.env, POSTHORN_FAULT_REPORT: resolve(args[at + 1]) };
  const others = at < 0 ? args : args.toSpliced(at, 2);
  const workers = process.env['POSTHORN_FAULT_SHORT'] === '1' ? '--runInBand' : '--maxWorkers=2';
  return jest([workers, ...others, '--selectProjects', 'fault'], env, signal);
}

async function jest(args, env, signal) {
  const { code } = await run(process.execPath, [JEST, ...args], { env, isShown: true, signal });
  return code ?? 1;
}
