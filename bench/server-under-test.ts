/** The server that is measured: one of our own, or one that runs already. */
export interface ServerUnderTest {
  url: string;
  token: string;
  pids: number[];
  postmasterPid?: number;
  redisPid?: number;
  databaseUrl?: string;
  close(): Promise<void>;
}
