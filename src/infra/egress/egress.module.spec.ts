import { Global, Module } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { GuardedHttpClient } from '@libs/guarded-fetch/guarded-fetch';
import { Config, loadConfig } from '@/infra/config/config';
import { EgressModule } from './egress.module';

function configModule(env: Record<string, string>): object {
  @Global()
  @Module({ providers: [{ provide: Config, useValue: loadConfig(env) }], exports: [Config] })
  class ConfigModule {}
  return ConfigModule;
}

describe('EgressModule', () => {
  it('opens the configured subnets, and closes the client with the program', async () => {
    const imports = [configModule({ EGRESS_ALLOW_SUBNETS: '127.0.0.0/8' }) as never, EgressModule];
    const app = await Test.createTestingModule({ imports }).compile();
    const client = app.get(GuardedHttpClient);

    expect(await client.checkUrl('http://127.0.0.1/')).toEqual({ allowed: true });
    expect(await client.checkUrl('http://10.0.0.1/')).toMatchObject({ allowed: false });

    await app.close();
    const outcome = await client.post({ url: 'http://127.0.0.1:9/', headers: {}, body: Buffer.of(), timeoutMs: 1_000 });
    expect(outcome).toMatchObject({ kind: 'failure', reason: 'aborted' });
  });

  it('stops the start on a subnet that is none, and names the variable', async () => {
    const imports = [configModule({ EGRESS_ALLOW_SUBNETS: '10.0.0.0/99' }) as never, EgressModule];

    await expect(Test.createTestingModule({ imports }).compile()).rejects.toThrow('EGRESS_ALLOW_SUBNETS');
  });
});
