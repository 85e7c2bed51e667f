import { spawn } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Ends the processes of a test whose own process was killed before it could do so (Ctrl-C, a crash, a time limit), and
 * removes its folder. It keeps one file for each process, named after its pid.
 */
export class Undertaker {
  private readonly pids: string;
  private readonly shell;

  constructor(dir: string) {
    this.pids = join(dir, 'pids');
    mkdirSync(this.pids, { recursive: true });
    const script =
      'while kill -0 "$1"; do sleep 1; done; cd "$2" || exit; for pid in *; do kill -CONT "$pid"; kill -9 "$pid"; done; ' +
      'sleep 1; rm -rf "$3"';
    this.shell = spawn('/bin/sh', ['-c', script, 'undertaker', String(process.pid), this.pids, dir], {
      detached: true,
      stdio: 'ignore',
    });
    this.shell.unref();
  }

  /** Looks after a process until `forget`. */
  watch(pid: number): void {
    writeFileSync(join(this.pids, String(pid)), '');
  }

  forget(pid: number): void {
    rmSync(join(this.pids, String(pid)), { force: true });
  }

  /** All is in order; nobody needs to be ended. */
  dismiss(): void {
    this.shell.kill();
  }
}
