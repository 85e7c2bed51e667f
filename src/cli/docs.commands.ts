import { Command } from 'commander';
import { configurationMarkdown } from '@/infra/config/config-docs';
import { loadConfig, withConfig } from '@/infra/config/config';
import { previewDocument } from '@/roles/docs';

/** `posthorn openapi`. */
export function openapiCommand(): Command {
  return new Command('openapi')
    .description('print the OpenAPI document of the API; needs no database')
    .action(async () => {
      const config = withConfig(loadConfig({}), {
        jwtSecret: 'only-for-the-document',
        mainSecret: 'only-for-the-document',
      });
      process.stdout.write(`${JSON.stringify(await previewDocument(config), null, 2)}\n`);
    });
}

/** `posthorn config-docs`. */
export function configDocsCommand(): Command {
  return new Command('config-docs').description('print the list of all settings as Markdown').action(() => {
    process.stdout.write(configurationMarkdown());
  });
}
