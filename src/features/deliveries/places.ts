/** Bytes of payload that one place of a budget stands for. */
const BYTES_OF_PLACE = 128 * 1024;

/**
 * The places that a delivery takes of a budget: one, and more for a large payload, so that a budget bounds the memory of
 * what is under way, too: 1,000 places are 128 MiB.
 */
export function placesOf(message: { payload: { length: number } }): number {
  return Math.max(1, Math.ceil(message.payload.length / BYTES_OF_PLACE));
}

/** The most bytes of payload that fit into these places. */
export function bytesOfPlaces(places: number): number {
  return places * BYTES_OF_PLACE;
}
