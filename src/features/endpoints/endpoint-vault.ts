import { Injectable } from '@nestjs/common';
import { newId } from '@libs/sortable-id/sortable-id';
import { generateSecret, parseSecret, type SigningSecret } from '@libs/webhook-signing/signing-secret';
import { Config } from '@/infra/config/config';
import { SecretBox } from '@/infra/crypto/secret-box';
import { EndpointSecret } from './endpoint-secret.entity';

/** Makes, encrypts and opens what nobody may read in the database: signing secrets and headers. */
@Injectable()
export class EndpointVault {
  constructor(
    private readonly config: Config,
    private readonly box: SecretBox,
  ) {}

  /** A current secret, not yet stored: of the text, or a new one of the configured kind. */
  makeSecret(endpointId: string, text: string | null | undefined, now: Date): EndpointSecret {
    return Object.assign(new EndpointSecret(), {
      id: newId('sec', now.getTime()),
      endpointId,
      secretBox: this.box.seal(text ?? generateSecret(this.config.defaultSignatureType)),
      createdAt: now,
      expiresAt: null,
    });
  }

  openSecret(secret: EndpointSecret): SigningSecret {
    return parseSecret(this.box.open(secret.secretBox));
  }

  /** Null when there is nothing to keep. */
  sealHeaders(headers: Readonly<Record<string, string>>): Buffer | null {
    return Object.keys(headers).length === 0 ? null : this.box.seal(JSON.stringify(headers));
  }

  openHeaders(headersBox: Buffer | null): Record<string, string> {
    return headersBox === null ? {} : (JSON.parse(this.box.open(headersBox)) as Record<string, string>);
  }
}
