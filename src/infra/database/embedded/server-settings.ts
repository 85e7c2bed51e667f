import { totalmem } from 'node:os';

const MIB = 1024 * 1024;

/**
 * The settings of the server, durable first: every commit reaches the disk before it returns. `overrides` win.
 * They are given on the command line, so that a new release can change them for the folders that exist.
 */
export function serverSettings(binariesVersion: string, overrides: Record<string, string>): Record<string, string> {
  return {
    listen_addresses: '127.0.0.1',
    // No sockets: their path may not be longer than 107 bytes, and TCP on loopback is enough.
    unix_socket_directories: '',
    max_connections: '50',
    fsync: 'on',
    synchronous_commit: 'on',
    shared_buffers: `${sharedBuffersMib(memoryBytes())}MB`,
    // Few, long checkpoints: each makes the next change of a page write the whole page to the log.
    max_wal_size: '2GB',
    checkpoint_timeout: '15min',
    wal_compression: 'pglz', // the only method that the packaged binaries have on every system
    // Compiling a query costs more than any of our short statements.
    jit: 'off',
    timezone: 'UTC',
    log_timezone: 'UTC',
    log_destination: 'stderr',
    logging_collector: 'off',
    cluster_name: 'posthorn',
    // Unknown to PostgreSQL; makes an adopted server of older binaries visible, even when their path is the same.
    'posthorn.binaries_version': binariesVersion,
    ...overrides,
  };
}

/** 256 MiB, or an eighth of the memory on a machine with less than 2 GiB. */
export function sharedBuffersMib(totalBytes: number): number {
  return Math.max(16, Math.min(256, Math.floor(totalBytes / MIB / 8)));
}

/** The memory of the machine or the limit of the container, whichever is less. */
function memoryBytes(): number {
  const limit = process.constrainedMemory(); // 0 when unknown
  return limit > 0 ? Math.min(limit, totalmem()) : totalmem();
}

/** Arguments of the `postgres` program. The port comes last, because the rest is what must not differ to adopt a server. */
export function serverArguments(clusterDir: string, settings: Record<string, string>, port: number): string[] {
  const all = { ...settings, port: String(port) };
  return ['-D', clusterDir, ...Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`])];
}
