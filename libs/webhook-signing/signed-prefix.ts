/** The part of the signed content in front of the body: `id.timestamp.`. */
export function signedPrefix(id: string, timestamp: string | number): string {
  return `${id}.${timestamp}.`;
}
