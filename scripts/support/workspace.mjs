import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { mustRun, npm, ROOT } from './commands.mjs';
import { step } from './terminal.mjs';

const BUILD_STAMP = join(ROOT, 'dist', '.build-stamp');
/** What the build reads; the load test brings part of test/support with it. */
const BUILD_INPUTS = ['src', 'libs', 'bench', 'test/support', 'package-lock.json', 'nest-cli.json'];
const TYPESCRIPT_CONFIGS = ['tsconfig.json', 'tsconfig.build.json'];

/** Installs and builds what is missing or out of date, with a line for each. */
export async function prepareWorkspace(signal) {
  if (!(await isInstalled())) {
    const [command, ...args] = npm();
    await step('Installing packages', () =>
      mustRun('npm ci', command, [...args, 'ci', '--no-audit', '--no-fund', '--loglevel=error'], { signal }),
    );
  }
  if (!(await isBuilt())) {
    await step('Building', () => build(signal));
  }
}

/** Compiles src, libs and bench into dist; throws a `Failure` with what the compiler said. */
export async function build(signal) {
  const inputs = await hashOfInputs();
  await rm(BUILD_STAMP, { force: true });
  // Without it the compiler would leave out what has not changed, even where dist has lost it.
  await rm(join(ROOT, 'dist', '.tsbuildinfo'), { force: true });
  await mustRun('The build', process.execPath, [join('node_modules', '@nestjs', 'cli', 'bin', 'nest.js'), 'build'], {
    signal,
  });
  await mkdir(join(ROOT, 'dist'), { recursive: true });
  await writeFile(BUILD_STAMP, inputs);
}

/** Whether node_modules holds what the lock file says; file times do not tell, because git sets them as it likes. */
async function isInstalled() {
  const [wanted, installed] = await Promise.all(
    ['package-lock.json', join('node_modules', '.package-lock.json')].map(readPackages),
  );
  return (
    installed !== undefined &&
    Object.entries(wanted).every(([path, { version, integrity, optional, peer, link }]) => {
      const found = installed[path];
      return found === undefined
        ? path === '' || Boolean(optional ?? peer ?? link)
        : found.version === version && found.integrity === integrity;
    })
  );
}

async function readPackages(file) {
  try {
    return JSON.parse(await readFile(join(ROOT, file), 'utf8')).packages;
  } catch (error) {
    if (error.code === 'ENOENT') {
      return undefined;
    }
    throw error;
  }
}

async function isBuilt() {
  if (!existsSync(join(ROOT, 'dist', 'src', 'cli.js'))) {
    return false;
  }
  const stamp = await readFile(BUILD_STAMP, 'utf8').catch(() => '');
  return stamp === (await hashOfInputs());
}

async function hashOfInputs() {
  const hash = createHash('sha256');
  const files = await Promise.all(BUILD_INPUTS.map(filesBelow));
  for (const file of [...files.flat(), ...TYPESCRIPT_CONFIGS].sort()) {
    hash
      .update(file)
      .update('\0')
      .update(await readFile(join(ROOT, file)));
  }
  return hash.digest('hex');
}

/** The files that the build reads below a folder, or the file itself. */
async function filesBelow(path) {
  if (path.includes('.')) {
    return [path];
  }
  const entries = await readdir(join(ROOT, path), { recursive: true, withFileTypes: true });
  return entries
    .filter(({ name }) => name.endsWith('.ts') && !/\.(int-)?spec\.ts$/.test(name))
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name).slice(ROOT.length));
}
