import { type DeliveryEndpoint } from '@/features/endpoints/endpoints.types';
import { isWanted } from './fan-out';

const ENDPOINT: DeliveryEndpoint = {
  id: 'ep_1',
  appId: 'app_1',
  url: 'https://example.com/',
  isDisabled: false,
  eventTypes: null,
  channels: null,
  headers: {},
  secrets: [],
  failingSinceMs: null,
  throttleRate: null,
};

describe('isWanted', () => {
  it.each([
    ['everything, when there is no filter', {}, ['a', null], true],
    ['everything, channels included', {}, ['a', ['x']], true],
    ['nothing, when it is disabled', { isDisabled: true }, ['a', null], false],
    ['its event types', { eventTypes: new Set(['a', 'b']) }, ['b', null], true],
    ['no other event types', { eventTypes: new Set(['a', 'b']) }, ['c', null], false],
    ['one of its channels', { channels: new Set(['x', 'y']) }, ['a', ['z', 'y']], true],
    ['no other channels', { channels: new Set(['x']) }, ['a', ['z']], false],
    ['no message without channels, when it has some', { channels: new Set(['x']) }, ['a', null], false],
    ['what fits both filters', { eventTypes: new Set(['a']), channels: new Set(['x']) }, ['a', ['x']], true],
    ['not what fits one of them', { eventTypes: new Set(['a']), channels: new Set(['x']) }, ['b', ['x']], false],
  ] as const)('wants %s', (_, filter, [eventType, channels], expected) => {
    const message = { eventType, channels: channels === null ? null : [...channels] };

    expect(isWanted(message, { ...ENDPOINT, ...filter })).toBe(expected);
  });
});
