import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Config } from '@/infra/config/config';

const VERSION = 1;
const KEY_ID_BYTES = 4;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const HEAD_BYTES = 1 + KEY_ID_BYTES;

/**
 * Encrypts what must not be readable in the database: AES-256-GCM under a key derived from `MAIN_SECRET`.
 * Box: version (1 byte), key id (4), nonce (12), ciphertext, tag (16). The key id tells which secret made a box.
 */
@Injectable()
export class SecretBox {
  private readonly key: Buffer;
  private readonly keyId: Buffer;

  constructor(config: Config) {
    this.key = Buffer.from(hkdfSync('sha256', config.mainSecret ?? '', '', 'posthorn secret box', 32));
    this.keyId = createHash('sha256').update(this.key).digest().subarray(0, KEY_ID_BYTES);
  }

  seal(plaintext: string): Buffer {
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv('aes-256-gcm', this.key, nonce);
    const body = Buffer.concat([cipher.update(plaintext, 'utf8'), cipher.final()]);
    return Buffer.concat([Buffer.from([VERSION]), this.keyId, nonce, body, cipher.getAuthTag()]);
  }

  /** Throws when the box was made with another MAIN_SECRET, or is damaged. */
  open(box: Buffer): string {
    if (box[0] !== VERSION || !box.subarray(1, HEAD_BYTES).equals(this.keyId)) {
      throw new Error('MAIN_SECRET is not the one that encrypted the stored secrets');
    }
    const nonce = box.subarray(HEAD_BYTES, HEAD_BYTES + NONCE_BYTES);
    const decipher = createDecipheriv('aes-256-gcm', this.key, nonce);
    decipher.setAuthTag(box.subarray(-TAG_BYTES));
    const body = box.subarray(HEAD_BYTES + NONCE_BYTES, -TAG_BYTES);
    return Buffer.concat([decipher.update(body), decipher.final()]).toString('utf8');
  }
}
