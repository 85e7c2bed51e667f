import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { eventually } from '../../support/eventually';
import { freePort } from '../../support/free-port';
import { systemProgram } from '../../support/system-program';
import { type Undertaker } from '../../support/undertaker';

const START_TIMEOUT_MS = 10_000;

/** A real nginx in front of the api processes, with the configuration that the project ships. */
export class NginxServer {
  private constructor(
    private readonly child: ChildProcess,
    readonly port: number,
    private readonly undertaker: Undertaker,
  ) {}

  static async start(dir: string, apiPorts: readonly number[], undertaker: Undertaker): Promise<NginxServer> {
    const program = await systemProgram('nginx', 'nginx-light');
    const port = await freePort();
    await mkdir(dir, { recursive: true });
    await chmod(dir, 0o777); // as root its workers run as another user
    const file = join(dir, 'nginx.conf');
    await writeFile(file, await configuration(dir, port, apiPorts));
    const child = spawn(program, ['-c', file, '-p', dir, '-g', 'daemon off;'], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    undertaker.watch(child.pid ?? -1);
    const server = new NginxServer(child, port, undertaker);
    await eventually(
      async () => expect((await fetch(`${server.url}/nginx-health`)).status).toBe(200),
      START_TIMEOUT_MS,
      20,
    );
    return server;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  async stop(): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) {
      const exited = once(this.child, 'exit');
      this.child.kill('SIGTERM');
      await exited;
    }
    this.undertaker.forget(this.child.pid ?? -1);
  }
}

/** config/nginx.conf with the addresses and files of this test. */
async function configuration(dir: string, port: number, apiPorts: readonly number[]): Promise<string> {
  let text = await readFile(join(process.cwd(), 'config', 'nginx.conf'), 'utf8');
  const replace = (from: RegExp, to: string): void => {
    if (!from.test(text)) {
      throw new Error(`config/nginx.conf has no ${from.source} any more: change this test with it`);
    }
    text = text.replace(from, to);
  };
  replace(/\/tmp\//g, `${dir}/`); // first, because the folder may be there itself
  apiPorts.forEach((apiPort, index) =>
    replace(new RegExp(`^ +server api-${index + 1}:8071`, 'gm'), `server 127.0.0.1:${apiPort}`),
  );
  replace(/listen 8080;/, `listen 127.0.0.1:${port};`);
  replace(/worker_processes auto;/, 'worker_processes 2;');
  replace(/\/dev\/stderr/g, join(dir, 'error.log'));
  replace(/\/dev\/stdout/g, join(dir, 'access.log'));
  return text;
}
