import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Config, ConfigError, loadConfig } from './config';
import { withSecrets } from './generated-secrets';

describe('withSecrets', () => {
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'posthorn-secrets-'));
  });

  afterEach(() => rm(folder, { recursive: true, force: true }));

  const configOf = (env: Record<string, string> = {}): Config => loadConfig({ DATA_DIR: join(folder, 'data'), ...env });
  const file = (): string => join(folder, 'data', 'secrets.json');

  it('makes both secrets once, in a file that nobody else can read', async () => {
    const first = await withSecrets(configOf());

    expect(first.jwtSecret).toMatch(/^[\w-]{43}$/);
    expect(first.mainSecret).toMatch(/^[\w-]{43}$/);
    expect(first.jwtSecret).not.toBe(first.mainSecret);
    expect((await stat(file())).mode & 0o777).toBe(0o600);
    expect(await withSecrets(configOf())).toEqual(first);
    expect(await readdir(join(folder, 'data'))).toEqual(['secrets.json']);
  });

  it('touches no file when both are given, and lets a given one win', async () => {
    const given = configOf({ JWT_SECRET: 'j'.repeat(20), MAIN_SECRET: 'm'.repeat(20) });
    expect(await withSecrets(given)).toBe(given);
    await expect(stat(file())).rejects.toThrow('ENOENT');

    const half = await withSecrets(configOf({ JWT_SECRET: 'j'.repeat(20) }));
    expect(half.jwtSecret).toBe('j'.repeat(20));
    expect(half.mainSecret).toBe((await withSecrets(configOf())).mainSecret);
  });

  it('gives processes that start at once the same secrets', async () => {
    for (let round = 0; round < 20; round++) {
      const dataDir = join(folder, `data-${round}`);
      const all = await Promise.all(Array.from({ length: 10 }, () => withSecrets(configOf({ DATA_DIR: dataDir }))));

      expect(new Set(all.map(({ mainSecret }) => mainSecret)).size).toBe(1);
      expect(await withSecrets(configOf({ DATA_DIR: dataDir }))).toEqual(all[0]);
      expect(await readdir(dataDir)).toEqual(['secrets.json']);
    }
  });

  it.each([[''], ['{'], ['{}'], ['{"jwtSecret":5,"mainSecret":"x"}'], ['null']])(
    'stops on a damaged file rather than make new secrets: %s',
    async (content) => {
      await withSecrets(configOf());
      await writeFile(file(), content);

      await expect(withSecrets(configOf())).rejects.toThrow(ConfigError);
      await expect(withSecrets(configOf())).rejects.toThrow(/is damaged/);
      expect(await readFile(file(), 'utf8')).toBe(content);
    },
  );
});
