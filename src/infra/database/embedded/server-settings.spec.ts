import { serverArguments, serverSettings, sharedBuffersMib } from './server-settings';

const GIB = 1024 ** 3;

describe('server settings', () => {
  it.each([
    [64 * GIB, 256],
    [2 * GIB, 256],
    [1 * GIB, 128],
    [GIB / 2, 64],
    [GIB / 16, 16],
  ])('gives the buffers their share of %d bytes of memory', (memory, mib) => {
    expect(sharedBuffersMib(memory)).toBe(mib);
  });

  it('lets the caller replace a default', () => {
    const settings = serverSettings('18.4.0', { max_connections: '200', work_mem: '8MB' });
    expect(settings).toMatchObject({ fsync: 'on', synchronous_commit: 'on', max_connections: '200', work_mem: '8MB' });
  });

  it('puts the port last', () => {
    expect(serverArguments('/data/pg', { jit: 'off' }, 5000)).toEqual([
      ...['-D', '/data/pg'],
      ...['-c', 'jit=off'],
      ...['-c', 'port=5000'],
    ]);
  });
});
