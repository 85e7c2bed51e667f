import { Client } from 'pg';

/** Counts the committed transactions of the server's database; knows nothing of its tables. */
export class TransactionCounter {
  private constructor(private readonly client: Client) {}

  /** Connects, or gives undefined when the database cannot be reached: the figure is optional. */
  static async connect(databaseUrl: string | undefined): Promise<TransactionCounter | undefined> {
    if (!databaseUrl) {
      return undefined;
    }
    const client = new Client({ connectionString: databaseUrl, connectionTimeoutMillis: 5_000 });
    try {
      await client.connect();
      return new TransactionCounter(client);
    } catch (error) {
      console.error(`transactions are not counted: ${(error as Error).message}`);
      return undefined;
    }
  }

  /** Transactions committed so far; sessions report theirs with a delay of up to a second. */
  async read(): Promise<number> {
    const result = await this.client.query<{ commits: string }>(
      'SELECT xact_commit AS commits FROM pg_stat_database WHERE datname = current_database()',
    );
    return Number(result.rows[0]?.commits);
  }

  async close(): Promise<void> {
    await this.client.end();
  }
}
