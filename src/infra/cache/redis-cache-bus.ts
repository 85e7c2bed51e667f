import { Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { type Cluster, type Redis } from 'ioredis';
import { Config } from '@/infra/config/config';
import { withDeadline } from '@/common/with-deadline';
import { Logger } from '@/infra/observability/logger';
import { warnOfEviction } from '@/infra/redis/eviction-check';
import { createRedis, createSubscriber, redisKeyPrefix } from '@/infra/redis/redis-clients';
import { CacheBus, type CacheListener } from './cache-bus';

/** The channel is asked this often whether it is there: a connection whose other end is gone is silent for ever. */
const HEARTBEAT_MS = 1_000;
const ANSWER_DEADLINE_MS = 1_000;
/** Changes remembered because they could not be told; beyond it others are told to forget all. */
const MAX_UNTOLD = 1_000;
/** In the place of a change. */
const EVERYTHING = '*';

/** Tells changes through Redis publish/subscribe. What is missed while Redis is away is made up for by forgetting all. */
@Injectable()
export class RedisCacheBus extends CacheBus implements OnModuleInit, OnApplicationShutdown {
  private readonly listeners = new Map<string, CacheListener>();
  private readonly channel: string;
  private readonly publisher: Redis | Cluster;
  private readonly subscriber: Redis;
  /** The channel is joined over the connection of now. */
  private isJoined = false;
  private isSubscribed = false;
  private isClosed = false;
  /** Changes that could not be told: only the way of this process to Redis may be broken, and others trust what they have. */
  private untold = new Set<string>();
  private telling: Promise<void> | undefined;
  private heartbeat: NodeJS.Timeout | undefined;

  constructor(
    config: Config,
    private readonly log: Logger,
  ) {
    super();
    this.channel = `${redisKeyPrefix(config)}:cache`;
    this.publisher = createRedis(config, 'commands');
    this.subscriber = createSubscriber(config);
    // At once: by the time that the modules are initialized the connections may be ready already.
    this.listen();
  }

  onModuleInit(): void {
    this.heartbeat = setInterval(() => {
      void this.ask();
      this.telling ??= this.tellAgain().finally(() => (this.telling = undefined));
    }, HEARTBEAT_MS);
  }

  get isConnected(): boolean {
    return this.isSubscribed;
  }

  async publish(cache: string, key: string): Promise<void> {
    await this.tell(`${cache} ${key}`);
  }

  subscribe(cache: string, listener: CacheListener): void {
    this.listeners.set(cache, listener);
  }

  onApplicationShutdown(): void {
    this.isClosed = true;
    clearInterval(this.heartbeat);
    this.publisher.disconnect();
    this.subscriber.disconnect();
  }

  /** False when it could not be told now. */
  private async tell(change: string): Promise<boolean> {
    try {
      await this.publisher.publish(this.channel, change);
      return true;
    } catch (error) {
      this.log.debug({ err: error }, 'a change could not be told to other processes; it is told later');
      this.untold.add(change);
      if (this.untold.size > MAX_UNTOLD) {
        this.untold = new Set([EVERYTHING]);
      }
      return false;
    }
  }

  private async tellAgain(): Promise<void> {
    for (const change of this.untold) {
      // Before it is told: what changes again meanwhile has to be told again.
      this.untold.delete(change);
      if (!(await this.tell(change))) {
        return;
      }
    }
  }

  private listen(): void {
    this.publisher.on('ready', () => void warnOfEviction(this.publisher, this.log));
    this.subscriber.on('error', (error: Error) => this.log.debug({ err: error }, 'the cache channel is broken'));
    this.subscriber.on('close', () => {
      this.isJoined = false;
      this.onBroken();
    });
    this.subscriber.on('ready', () => void this.subscribeChannel());
    this.subscriber.on('message', (_channel: string, message: string) => this.onMessage(message));
  }

  private async subscribeChannel(): Promise<void> {
    try {
      await this.subscriber.subscribe(this.channel);
    } catch (error) {
      this.log.debug({ err: error }, 'the cache channel could not be joined');
      return;
    }
    this.isJoined = true;
    this.onHealed();
  }

  /** While a question stays open caches are not trusted; after some seconds the connection is given up. */
  private async ask(): Promise<void> {
    if (!this.isJoined) {
      return;
    }
    try {
      await withDeadline(this.subscriber.ping(), ANSWER_DEADLINE_MS);
    } catch (error) {
      this.log.debug({ err: error }, 'the cache channel does not answer');
      this.onBroken();
      return;
    }
    if (this.isJoined && !this.isSubscribed) {
      this.onHealed();
    }
  }

  /** Whatever changed in between was not heard. */
  private onHealed(): void {
    this.forgetAll();
    this.isSubscribed = true;
  }

  private onBroken(): void {
    if (this.isSubscribed && !this.isClosed) {
      this.log.warn({}, 'changes of other processes cannot be heard; caches are trusted for a second only');
    }
    this.isSubscribed = false;
  }

  private onMessage(message: string): void {
    if (message === EVERYTHING) {
      this.forgetAll();
      return;
    }
    const space = message.indexOf(' ');
    this.listeners.get(message.slice(0, space))?.onChange(message.slice(space + 1));
  }

  private forgetAll(): void {
    for (const listener of this.listeners.values()) {
      listener.onGap();
    }
  }
}
