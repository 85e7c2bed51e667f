import './support/require-node.mjs';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { run } from './support/commands.mjs';
import { main } from './support/main.mjs';
import { bold, Failure, green, line, red, timeSince } from './support/terminal.mjs';
import { prepareWorkspace } from './support/workspace.mjs';

const JEST = join('node_modules', 'jest', 'bin', 'jest.js');

// npm test [-- jest arguments]: unit, integration and end-to-end tests.
// npm run test:fault [-- --json FILE]: tests that kill and cut off real processes; FILE gets what they measured.
await main(async (args, signal) => {
  await prepareWorkspace(signal);
  const isFault = args[0] === '--fault';
  const startedAt = performance.now();
  const { code, results } = isFault ? await runFaultTests(args.slice(1), signal) : await runTests(args, signal);
  printSummary(isFault ? 'npm run test:fault' : 'npm test', code, results, startedAt);
  return code;
});

function runTests(args, signal) {
  const isChosen = args.some((arg) => /^--(selectProjects|ignoreProjects|projects)\b/.test(arg));
  const projects = isChosen ? [] : ['--selectProjects', 'unit', 'integration', 'e2e'];
  const workers = args.some((arg) => /^(--maxWorkers|-w|--runInBand|-i)\b/.test(arg)) ? [] : ['--maxWorkers=2'];
  // Last, because --selectProjects takes every word that follows.
  return jest([...workers, ...args, ...projects], process.env, signal);
}

function runFaultTests(args, signal) {
  const at = args.indexOf('--json');
  if (at >= 0 && args[at + 1] === undefined) {
    throw new Failure('--json needs the name of a file.');
  }
  const env = at < 0 ? process.env : { ...process.env, POSTHORN_FAULT_JSON: resolve(args[at + 1]) };
  const others = at < 0 ? args : args.toSpliced(at, 2);
  return jest(['--runInBand', ...others, '--selectProjects', 'fault'], env, signal);
}

/** Runs Jest with its output shown; `results` is undefined when it never came to an end. */
async function jest(args, env, signal) {
  const folder = mkdtempSync(join(tmpdir(), 'posthorn-jest-'));
  const given = args.find((arg) => arg.startsWith('--outputFile='))?.slice('--outputFile='.length);
  const outputFile = given ?? join(folder, 'results.json');
  try {
    const json = given === undefined ? ['--json', `--outputFile=${outputFile}`] : ['--json'];
    const { code } = await run(process.execPath, [JEST, ...json, ...args], { env, isShown: true, signal });
    return { code: code ?? 1, results: readResults(outputFile) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function readResults(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    if (error.code === 'ENOENT') {
      return undefined;
    }
    throw error;
  }
}

function printSummary(command, code, results, startedAt) {
  const verdict = code === 0 ? green('passed') : red('failed');
  const counts =
    results === undefined
      ? 'no results'
      : `${results.numPassedTests} passed, ${results.numFailedTests} failed` +
        (results.numPendingTests > 0 ? `, ${results.numPendingTests} skipped` : '') +
        (results.numRuntimeErrorTestSuites > 0 ? `, ${results.numRuntimeErrorTestSuites} files did not run` : '');
  line(`\n${bold(command)} ${verdict}: ${counts}, in ${timeSince(startedAt).trim()}`);
}
