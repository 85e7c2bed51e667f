import { type DispatchMessage } from '@/features/messages/messages.types';
import { type DeliveryEndpoint } from '@/features/endpoints/endpoints.types';

/** True when the endpoint wants this message: enabled, of its event types, of its channels. */
export function isWanted(
  message: Pick<DispatchMessage, 'eventType' | 'channels'>,
  endpoint: DeliveryEndpoint,
): boolean {
  if (endpoint.isDisabled) {
    return false;
  }
  if (endpoint.eventTypes !== null && !endpoint.eventTypes.has(message.eventType)) {
    return false;
  }
  const { channels } = endpoint;
  return channels === null || (message.channels?.some((channel) => channels.has(channel)) ?? false);
}
