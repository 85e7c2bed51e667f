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
    this.heartbeat = setInterval(() => void this.ask(), HEARTBEAT_MS);
  }

  get isConnected(): boolean {
    return this.isSubscribed;
  }

  async publish(cache: string, key: string): Promise<void> {
    try {
      await this.publisher.publish(this.channel, `${cache} ${key}`);
    } catch (error) {
      this.log.debug({ err: error, cache }, 'a change could not be told to other processes');
    }
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
    const space = message.indexOf(' ');
    this.listeners.get(message.slice(0, space))?.onChange(message.slice(space + 1));
  }

  private forgetAll(): void {
    for (const listener of this.listeners.values()) {
      listener.onGap();
    }
  }
}
