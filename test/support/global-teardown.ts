import './global-setup';

/** Stops the server of the test run when the last project that uses it is done. */
export default async function globalTeardown(): Promise<void> {
  const server = globalThis.posthornTestServer;
  if (server !== undefined && --server.users === 0) {
    globalThis.posthornTestServer = undefined;
    await server.stop();
  }
}
