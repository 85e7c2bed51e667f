// Who may import whom. The tree that these rules keep: libs <- common <- infra <- features <- roles <- main and cli.

/** Tests reach for what they need; the rules are for what ships. */
const TESTS = '\\.(spec|int-spec|fixture)\\.ts$';
const FRAMEWORK =
  '^node_modules/(@nestjs|@fastify|fastify|typeorm|pg|bull|ioredis|passport|class-validator|class-transformer|rxjs|pino|prom-client|commander|reflect-metadata)';

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    {
      name: 'no-cycle',
      comment: 'Two files that need each other are one thing, or lack a third.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'resolvable',
      comment: 'Every import leads somewhere.',
      severity: 'error',
      from: {},
      // The program reads its package.json from where it is compiled to.
      to: { couldNotResolve: true, pathNot: 'package\\.json$' },
    },
    {
      name: 'no-dev-dependency',
      comment: 'What runs in production is installed there: no devDependency.',
      severity: 'error',
      from: { path: '^(src|libs)/', pathNot: TESTS },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'], dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'libs-stand-alone',
      comment: 'A library could be published by itself: it imports nothing else of ours.',
      severity: 'error',
      from: { path: '^libs/([^/]+)/', pathNot: TESTS },
      to: { path: '^(src|libs|test|bench|scripts)/', pathNot: '^libs/$1/' },
    },
    {
      name: 'libs-without-framework',
      comment: 'A library is plain TypeScript.',
      severity: 'error',
      from: { path: '^libs/' },
      to: { path: FRAMEWORK },
    },
    {
      name: 'common-is-a-leaf',
      comment: 'common imports libs and itself.',
      severity: 'error',
      from: { path: '^src/common/', pathNot: TESTS },
      to: { path: '^(src|test|bench|scripts)/', pathNot: '^src/common/' },
    },
    {
      name: 'infra-knows-no-feature',
      comment: 'infra imports infra, common and libs.',
      severity: 'error',
      from: { path: '^src/infra/', pathNot: TESTS },
      to: { path: '^(src|test|bench|scripts)/', pathNot: '^src/(infra|common)/' },
    },
    {
      name: 'features-stay-below-roles',
      comment: 'A feature imports features, infra, common and libs.',
      severity: 'error',
      from: { path: '^src/features/', pathNot: TESTS },
      to: { path: '^(src|test|bench|scripts)/', pathNot: '^src/(features|infra|common)/' },
    },
    {
      name: 'features-meet-at-their-face',
      comment: 'Of another feature only its face: service, types, errors, module, decorators, DTOs and queue.',
      severity: 'error',
      from: { path: '^src/features/([^/]+)/', pathNot: TESTS },
      to: {
        path: '^src/features/',
        pathNot: [
          '^src/features/$1/',
          '^src/features/[^/]+/[^/]+\\.(service|types|errors|module|decorator|requests|responses|queue)\\.ts$',
        ],
      },
    },
    {
      name: 'roles-stay-below-main',
      comment: 'roles put everything together, and are put to work by main and cli.',
      severity: 'error',
      from: { path: '^src/roles/', pathNot: TESTS },
      to: { path: '^(src|test|bench|scripts)/', pathNot: '^src/(roles|features|infra|common)/' },
    },
    {
      name: 'main-and-cli-use-roles-and-infra',
      comment: 'What starts the program knows no feature; signing a token is all that the command line takes from one.',
      severity: 'error',
      from: { path: '^src/(cli/|[^/]+\\.ts$)', pathNot: TESTS },
      to: {
        path: '^(src|test|bench|scripts)/',
        pathNot: ['^src/(roles|infra|common|cli)/', '^src/[^/]+\\.ts$', '^src/features/auth/tokens\\.ts$'],
      },
    },
    {
      name: 'src-never-imports-test',
      comment: 'Production code does not know its tests, the load test or the scripts.',
      severity: 'error',
      from: { path: '^(src|libs)/', pathNot: TESTS },
      to: { path: ['^(test|bench|scripts)/', TESTS] },
    },
    {
      name: 'controllers-and-processors-ask-services',
      comment: 'Only services use repositories.',
      severity: 'error',
      from: { path: '\\.(controller|processor)\\.ts$' },
      to: { path: '\\.repository\\.ts$' },
    },
    {
      name: 'redis-only-in-infra',
      comment: 'Bull and Redis are drivers of ports.',
      severity: 'error',
      from: { path: '^(src|libs)/', pathNot: ['^src/infra/', TESTS] },
      to: {
        path: '^node_modules/(bull|bullmq|ioredis|redis|@redis|@nestjs/bull[^/]*|@types/bull|@types/ioredis)(/|$)',
      },
    },
    {
      name: 'typeorm-only-at-the-database',
      comment: 'TypeORM is for entities, repositories, modules and infra/database.',
      severity: 'error',
      from: { path: '^(src|libs)/', pathNot: ['^src/infra/database/', '\\.(entity|repository|module)\\.ts$', TESTS] },
      to: { path: '^node_modules/(typeorm|@nestjs/typeorm)(/|$)' },
    },
    {
      name: 'pg-only-in-infra',
      comment: 'The driver of Postgres is for infra/database.',
      severity: 'error',
      from: { path: '^(src|libs)/', pathNot: ['^src/infra/database/', TESTS] },
      to: { path: '^node_modules/(pg|@types/pg)(/|$)' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
    },
    skipAnalysisNotInRules: true,
  },
};
