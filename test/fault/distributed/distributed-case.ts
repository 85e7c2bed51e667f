import { type ServerEnv } from '../../support/posthorn-process';
import { type Scene } from './scene';

/** One kind of fault. */
export interface DistributedCase {
  /** What happens to the cluster, as in "loses nothing when NAME". */
  name: string;
  isInShortVersion?: boolean;
  env?: ServerEnv;
  /** The first worker reaches Redis and PostgreSQL through proxies. */
  hasProxies?: boolean;
  /** nginx is in front of the api processes. */
  hasLoadBalancer?: boolean;
  /** Does it, under load, and notes what it finds wrong. */
  strike(scene: Scene): Promise<void>;
}
