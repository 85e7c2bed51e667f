import './support/require-node.mjs';
import { npm, run } from './support/commands.mjs';
import { main } from './support/main.mjs';
import { bold, dim, green, indent, line, red, timeSince } from './support/terminal.mjs';
import { prepareWorkspace } from './support/workspace.mjs';

/** The scripts of package.json, the slowest first, because two run at a time. */
const CHECKS = {
  'check:lint': 'ESLint finds nothing',
  'check:types': 'the types fit',
  'check:imports': 'no import crosses a boundary',
  'check:unused': 'nothing is unused',
  'check:format': 'Prettier would change nothing',
  'check:docs': 'the generated documents are up to date',
};
const AT_A_TIME = 2;

// npm run check: every static check, each to its end, so that one run shows everything that is wrong.
await main(async (_args, signal) => {
  await prepareWorkspace(signal);
  const waiting = Object.keys(CHECKS);
  const failed = [];
  const work = async () => {
    for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
      if (!(await check(name, signal))) {
        failed.push(name);
      }
    }
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, work));
  line();
  line(failed.length === 0 ? green(bold('All clean.')) : red(`Not clean: ${failed.join(', ')}`));
  return failed.length === 0 ? 0 : 1;
});

async function check(name, signal) {
  const startedAt = performance.now();
  const [command, ...args] = npm();
  const { code, output } = await run(command, [...args, 'run', '--silent', name], { signal });
  const verdict = code === 0 ? green('ok    ') : red('failed');
  line(`  ${verdict} ${timeSince(startedAt)}  ${CHECKS[name]} ${dim(`(${name})`)}`);
  if (code !== 0) {
    line(`\n${indent(output.trimEnd(), '    ')}\n`);
  }
  return code === 0;
}
