import { type Setting } from './setting';
import { SETTINGS } from './settings';

/** docs/configuration.md: every setting with its variable, default and meaning. */
export function configurationMarkdown(): string {
  const rows = Object.values<Setting<unknown>>(SETTINGS).map(
    (setting) => `| \`${setting.env}\` | ${code(setting)} | ${setting.doc}${example(setting)} |`,
  );
  return [
    '# Configuration',
    '',
    'Settings are environment variables. All have a default; an unknown or malformed value stops the start and names the',
    'variable. Lists are comma-separated. This page is generated: `npm run docs`.',
    '',
    '| variable | default | meaning |',
    '|---|---|---|',
    ...rows,
    '',
  ].join('\n');
}

function code(setting: Setting<unknown>): string {
  return /^[\w.,:[\]/-]+$/.test(setting.defaultText) ? `\`${setting.defaultText}\`` : setting.defaultText;
}

function example(setting: Setting<unknown>): string {
  return setting.example === undefined ? '' : ` Example: \`${setting.example}\`.`;
}
