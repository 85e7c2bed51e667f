import { type ChildProcess } from 'node:child_process';
import { type Cluster } from './cluster';
import { type DataDirLock } from './data-dir-lock';
import { findPostmaster, stopPostmaster } from './postmaster';
import { type StartedServer } from './server-process';

/** What a server that runs consists of. */
interface Facts {
  cluster: Cluster;
  lock: DataDirLock;
  connectionUrl: string;
  isAdopted: boolean;
  pid: number;
  /** Undefined when the server was adopted: then it is no child of ours. */
  process?: ChildProcess;
  /** Starts the server of the cluster on this port. */
  launch: (port: number) => Promise<StartedServer>;
  log: (line: string) => void;
}

/** The server of a data folder that this process has locked: starts it again when it dies, and stops it in the end. */
export class RunningServer {
  readonly connectionUrl: string;
  readonly isAdopted: boolean;
  readonly clusterDir: string;
  private pid: number;
  private reviving: Promise<void> | undefined;
  private stopping: Promise<void> | undefined;

  constructor(private readonly facts: Facts) {
    this.connectionUrl = facts.connectionUrl;
    this.isAdopted = facts.isAdopted;
    this.clusterDir = facts.cluster.dir;
    this.pid = facts.pid;
    this.reportEndOf(facts.process);
  }

  revive(): Promise<void> {
    if (this.stopping !== undefined) {
      return Promise.resolve();
    }
    this.reviving ??= this.startIfDead().finally(() => (this.reviving = undefined));
    return this.reviving;
  }

  stop(): Promise<void> {
    this.stopping ??= this.stopOnce();
    return this.stopping;
  }

  private async startIfDead(): Promise<void> {
    if ((await findPostmaster(this.clusterDir)) !== undefined) {
      return; // only a connection or a server process broke, and PostgreSQL recovers from that by itself
    }
    this.facts.log('starting PostgreSQL again');
    const started = await this.facts.launch(Number(new URL(this.connectionUrl).port));
    this.pid = started.pid;
    this.reportEndOf(started.process);
  }

  private async stopOnce(): Promise<void> {
    await this.reviving?.catch(() => undefined); // whoever asked for it has heard of it
    await stopPostmaster(this.clusterDir, this.pid);
    await this.facts.lock.release();
  }

  private reportEndOf(child: ChildProcess | undefined): void {
    child?.once('exit', (code, signal) => {
      if (this.stopping === undefined) {
        this.facts.log(
          `PostgreSQL ended unexpectedly with ${signal ?? `exit code ${code ?? 'unknown'}`}; see postgres.log`,
        );
      }
    });
  }
}
