import { createConnection } from 'node:net';
import { connect } from 'node:tls';
import { AbstractConnector, type RedisOptions } from 'ioredis';

/** Where a server listens. */
export interface RedisNode {
  host: string;
  port: number;
}

type NetStream = Awaited<ReturnType<AbstractConnector['connect']>>;

const DISCONNECT_TIMEOUT_MS = 200;

/** Makes a connector of ioredis that goes to the next node whenever it connects again. */
export function rotatingConnector(
  nodes: readonly RedisNode[],
  tls: RedisOptions['tls'],
): NonNullable<RedisOptions['Connector']> {
  let attempts = 0;
  return class RotatingConnector extends AbstractConnector {
    constructor() {
      super(DISCONNECT_TIMEOUT_MS);
    }

    async connect(): Promise<NetStream> {
      const node = nodes[attempts++ % nodes.length];
      if (node === undefined) {
        throw new Error('There is no node to connect to');
      }
      const stream = tls === undefined ? createConnection({ ...node }) : connect({ ...node, ...tls });
      stream.once('error', (error: Error) => {
        this.firstError = error;
      });
      this.stream = stream;
      return stream;
    }
  };
}
