import { parseOptions, UsageError } from './options';

describe('parseOptions', () => {
  it('takes the figures of the scenario where the command line says nothing', () => {
    expect(parseOptions(['--scenario', 'fanout', '--duration', '5'])).toMatchObject({
      name: 'fanout',
      shape: 'closed',
      applications: 10,
      endpointsPerApplication: 20,
      durationSeconds: 5,
      payloadBytes: 1024,
      outside: undefined,
    });
  });

  it('collects settings of the server, whatever characters they contain', () => {
    const options = parseOptions(['--server-env', 'A=1', '--server-env', 'RETRY=a=b,c']);

    expect(options.serverEnv).toEqual({ A: '1', RETRY: 'a=b,c' });
  });

  it('takes a running server with its processes', () => {
    const options = parseOptions(['--url', 'http://127.0.0.1:1/', '--token', 't', '--pid', '7', '--pid', '8']);

    expect(options.outside).toEqual({ url: 'http://127.0.0.1:1', token: 't', pids: [7, 8] });
  });

  it.each([
    [['--scenario', 'toString']],
    [['--duration', '0']],
    [['--rate', 'fast']],
    [['--endpoints', '1.5']],
    [['--server-env', 'novalue']],
    [['--url', 'http://127.0.0.1:1']],
    [['--unknown']],
  ])('refuses %j', (args) => {
    expect(() => parseOptions(args)).toThrow(UsageError);
  });
});
