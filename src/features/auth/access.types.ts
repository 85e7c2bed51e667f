/** What a verified token allows. */
export interface Access {
  /** The tenant. */
  orgId: string;
  /** Set for an application token: it reaches this application and nothing else. */
  appId?: string;
}

/**
 * Who may call an operation. `organization`: organization tokens only. `application`: also the token of the
 * application in question. `any`: every valid token. `public`: no token.
 */
export type Audience = 'organization' | 'application' | 'any' | 'public';
