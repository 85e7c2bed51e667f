import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { run } from '../support/commands.mjs';
import { dim, line, tail } from '../support/terminal.mjs';
import { expect } from './objects.mjs';

/** Where the programs are kept that these tests need. */
export const CACHE = process.env['POSTHORN_TOOLS'] ?? join(homedir(), '.cache', 'posthorn-tools');
const CHART = join('helm', 'posthorn');
const HELM_PACKAGE = 'helm.sh/helm/v3/cmd/helm@v3.22.0';
const VALIDATOR = 'kubernetes-validate==1.37.0';
/** A helm that is built from source believes in Kubernetes 1.20. */
const RENDER_FOR = '1.31.0';

/** The chart in the repository and the programs that read it. */
export class Chart {
  constructor(helm, validator, signal) {
    this.helm = helm;
    this.validator = validator;
    this.signal = signal;
  }

  /** `helm template`; returns `{ code, output }`. */
  template(args) {
    return this.call(['template', 'release', CHART, '--namespace=hooks', `--kube-version=${RENDER_FOR}`, ...args]);
  }

  /** `helm lint`, which takes a warning for an error; returns `{ code, output }`. */
  lint(args) {
    return this.call(['lint', '--strict', CHART, `--kube-version=${RENDER_FOR}`, ...args]);
  }

  /** The objects of a rendering that has to succeed, each as its text. */
  async objects(args) {
    const { code, output } = await this.template(args);
    expect(code === 0, `helm template failed:\n${tail(output)}`);
    return output
      .split(/^---$/m)
      .map((text) => text.trim())
      .filter((text) => /^kind:/m.test(text));
  }

  call(args) {
    return run(this.helm, args, { signal: this.signal });
  }

  /** Checks objects in a file against what one version of Kubernetes accepts. */
  validate(file, version) {
    return run(this.validator, ['--strict', '--no-warn', '-k', version, file], { signal: this.signal });
  }
}

/** The helm on the path, the one in the cache, or a new one there; undefined where none can be had. */
export async function findHelm(signal) {
  await mkdir(CACHE, { recursive: true });
  const cached = join(CACHE, 'helm');
  for (const helm of ['helm', cached]) {
    if (await works(helm, ['version', '--short'], signal)) {
      return helm;
    }
  }
  if (!(await works('go', ['version'], signal))) {
    return undefined;
  }
  line(dim(`building ${HELM_PACKAGE} into ${CACHE}`));
  await run('go', ['install', HELM_PACKAGE], { env: { ...process.env, GOBIN: CACHE, GOFLAGS: '' }, signal });
  return existsSync(cached) ? cached : undefined;
}

/** The program that checks objects, installed when it is missing; undefined where that cannot be done. */
export async function findValidator(signal) {
  const venv = join(CACHE, 'python');
  const validator = join(venv, 'bin', 'kubernetes-validate');
  if (!(await works(validator, ['--version'], signal))) {
    await works('python3', ['-m', 'venv', venv], signal);
    await works(join(venv, 'bin', 'pip'), ['install', '--quiet', VALIDATOR], signal);
  }
  return (await works(validator, ['--version'], signal)) ? validator : undefined;
}

async function works(command, args, signal) {
  try {
    return (await run(command, args, { signal })).code === 0;
  } catch (error) {
    if (error.code === 'ENOENT' || error.code === 'EACCES') {
      return false;
    }
    throw error;
  }
}
