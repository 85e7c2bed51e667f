import { randomBytes } from 'node:crypto';
import { link, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
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
  return (await readSecrets(path)) ?? create(dataDir, path);
}

/** The file appears whole or not at all: of processes that start at once one makes it, and the others read it. */
async function create(dataDir: string, path: string): Promise<Secrets> {
  const secrets: Secrets = {
    jwtSecret: randomBytes(32).toString('base64url'),
    mainSecret: randomBytes(32).toString('base64url'),
  };
  const draft = join(dataDir, `secrets.${randomBytes(6).toString('hex')}.draft`);
  await writeFile(draft, `${JSON.stringify(secrets, null, 2)}\n`, { mode: 0o600, flag: 'wx', flush: true });
  try {
    await link(draft, path);
    return secrets;
  } catch (error) {
    const theirs = (error as NodeJS.ErrnoException).code === 'EEXIST' ? await readSecrets(path) : undefined;
    if (theirs === undefined) {
      throw error;
    }
    return theirs;
  } finally {
    await rm(draft, { force: true });
  }
}

/** Undefined when there is no file. */
async function readSecrets(path: string): Promise<Secrets | undefined> {
  try {
    const parsed = JSON.parse(await readFile(path, 'utf8')) as Partial<Secrets> | null;
    if (typeof parsed?.jwtSecret === 'string' && typeof parsed.mainSecret === 'string') {
      return { jwtSecret: parsed.jwtSecret, mainSecret: parsed.mainSecret };
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
      return undefined;
    }
    if (!(error instanceof SyntaxError)) {
      throw error;
    }
  }
  throw new ConfigError(
    `${path} is damaged. Restore it from a backup, or set JWT_SECRET and MAIN_SECRET; without the old MAIN_SECRET the stored signing secrets cannot be read.`,
  );
}
