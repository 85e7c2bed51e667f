import { randomBytes } from 'node:crypto';
import { mkdir, open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Config, ConfigError, withConfig } from './config';

interface Secrets {
  jwtSecret: string;
  mainSecret: string;
}

/** The settings with both secrets present: the given ones, or those of `DATA_DIR/secrets.json` (mode 0600), made once. */
export async function withSecrets(config: Config): Promise<Config> {
  if (config.jwtSecret !== undefined && config.mainSecret !== undefined) {
    return config;
  }
  const kept = await readOrCreate(config.dataDir);
  return withConfig(config, {
    jwtSecret: config.jwtSecret ?? kept.jwtSecret,
    mainSecret: config.mainSecret ?? kept.mainSecret,
  });
}

async function readOrCreate(dataDir: string): Promise<Secrets> {
  const path = join(dataDir, 'secrets.json');
  await mkdir(dataDir, { recursive: true });
  const secrets: Secrets = {
    jwtSecret: randomBytes(32).toString('base64url'),
    mainSecret: randomBytes(32).toString('base64url'),
  };
  try {
    // wx: of two processes that start at once, one makes the file and the other reads it.
    const file = await open(path, 'wx', 0o600);
    try {
      await file.writeFile(`${JSON.stringify(secrets, null, 2)}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
    return secrets;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') {
      throw error;
    }
    return readSecrets(path);
  }
}

async function readSecrets(path: string): Promise<Secrets> {
  try {
    const parsed = JSON.parse(await readFile(path, 'utf8')) as Partial<Secrets>;
    if (typeof parsed.jwtSecret === 'string' && typeof parsed.mainSecret === 'string') {
      return { jwtSecret: parsed.jwtSecret, mainSecret: parsed.mainSecret };
    }
  } catch (error) {
    if (!(error instanceof SyntaxError)) {
      throw error;
    }
  }
  throw new ConfigError(
    `${path} is damaged. Restore it from a backup, or set JWT_SECRET and MAIN_SECRET; without the old MAIN_SECRET the stored signing secrets cannot be read.`,
  );
}
