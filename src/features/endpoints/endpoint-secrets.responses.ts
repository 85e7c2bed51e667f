/** The key with which a receiver verifies webhooks. */
export class EndpointSecretOut {
  /**
   * `whsec_...`, or for ed25519 the public key `whpk_...`.
   * @example whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD
   */
  key: string;
}
