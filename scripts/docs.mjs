import './support/require-node.mjs';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { mustRun, ROOT } from './support/commands.mjs';
import { main } from './support/main.mjs';
import { Failure, line } from './support/terminal.mjs';
import { prepareWorkspace } from './support/workspace.mjs';

/** The files that the program writes about itself, and the commands that print them. */
const GENERATED = { 'docs/openapi.json': 'openapi', 'docs/configuration.md': 'config-docs' };

// npm run docs: writes the generated files. With --check: fails when one of them is not what it would be.
await main(async (args, signal) => {
  await prepareWorkspace(signal);
  const stale = [];
  for (const [file, command] of Object.entries(GENERATED)) {
    const path = join(ROOT, file);
    const current = await readFile(path, 'utf8').catch(() => undefined);
    const fresh = await mustRun(`posthorn ${command}`, process.execPath, ['bin/posthorn.js', command], { signal });
    if (current === fresh) {
      continue;
    }
    stale.push(file);
    if (!args.includes('--check')) {
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, fresh);
      line(`wrote ${file}`);
    }
  }
  await checkExamples();
  if (args.includes('--check') && stale.length > 0) {
    throw new Failure(`Not up to date: ${stale.join(', ')}. Run: npm run docs`);
  }
});

/** The settings in config/*.env, commented ones too, have to be among those that the program documents. */
async function checkExamples() {
  const documented = await readFile(join(ROOT, 'docs/configuration.md'), 'utf8');
  const files = (await readdir(join(ROOT, 'config'))).filter((name) => name.endsWith('.env'));
  for (const file of files) {
    const text = await readFile(join(ROOT, 'config', file), 'utf8');
    for (const [, name] of text.matchAll(/^#?([A-Z][A-Z_]+)=/gm)) {
      if (!documented.includes(`\`${name}\``)) {
        throw new Failure(`config/${file} sets ${name}, which is no setting.`);
      }
    }
  }
}
