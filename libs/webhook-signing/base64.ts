const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;

/**
 * Decodes base64 of the standard alphabet strictly; padding may be left out but must be right when present.
 * Unused low bits of the last character are ignored, as other libraries do. Returns undefined for anything else.
 */
export function decodeBase64(text: string): Buffer | undefined {
  if (!BASE64.test(text)) {
    return undefined;
  }
  const padding = text.indexOf('=');
  const isComplete = padding === -1 ? text.length % 4 !== 1 : text.length % 4 === 0;
  return isComplete ? Buffer.from(text, 'base64') : undefined;
}
