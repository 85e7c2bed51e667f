import { Client } from 'pg';

/** The database that every test database is a copy of. */
export const TEMPLATE = 'posthorn_template';
/** The template while it is being built; renamed when whole, so a build that broke off is never taken for it. */
export const TEMPLATE_DRAFT = 'posthorn_template_draft';

/** Removes the template from a server, so that the next test database is made from the migrations as they are now. */
export async function dropTemplate(serverUrl: string): Promise<void> {
  const client = new Client({ connectionString: serverUrl });
  await client.connect();
  try {
    await client.query(`DROP DATABASE IF EXISTS ${TEMPLATE}`);
    await client.query(`DROP DATABASE IF EXISTS ${TEMPLATE_DRAFT} WITH (FORCE)`);
  } finally {
    await client.end();
  }
}
