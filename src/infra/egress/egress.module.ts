import { Global, Module, type OnApplicationShutdown } from '@nestjs/common';
import { GuardedHttpClient } from '@libs/guarded-fetch/guarded-fetch';
import { Config, ConfigError } from '@/infra/config/config';

/** How many bytes of a receiver's answer are kept with the attempt. */
export const MAX_RESPONSE_BYTES = 20_000;

/** The one way out: every request to a customer's URL goes through this client and its address guard. */
@Global()
@Module({
  providers: [{ provide: GuardedHttpClient, useFactory: createClient, inject: [Config] }],
  exports: [GuardedHttpClient],
})
export class EgressModule implements OnApplicationShutdown {
  constructor(private readonly client: GuardedHttpClient) {}

  async onApplicationShutdown(): Promise<void> {
    await this.client.close();
  }
}

function createClient(config: Config): GuardedHttpClient {
  try {
    return new GuardedHttpClient({ allowSubnets: config.egressAllowSubnets, maxResponseBytes: MAX_RESPONSE_BYTES });
  } catch (error) {
    throw new ConfigError(`EGRESS_ALLOW_SUBNETS: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
}
