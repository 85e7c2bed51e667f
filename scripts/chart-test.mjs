import './support/require-node.mjs';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CACHE, Chart, findHelm, findValidator } from './chart/chart.mjs';
import { expect, kindOf, nameOf } from './chart/objects.mjs';
import { expectIndependentMigration, expectRestricted, expectTimeToStop, podsOf } from './chart/pod-checks.mjs';
import { ROOT } from './support/commands.mjs';
import { main } from './support/main.mjs';
import { dim, Failure, green, indent, line, red, tail } from './support/terminal.mjs';

const VALIDATE_FOR = ['1.27.0', '1.31.0', '1.37.0'];
const GOLDEN = join('helm', 'golden');
const USAGE = 'Usage: node scripts/chart-test.mjs [--update]';

/** Values that must be refused, and a word that the reason has to have in it. */
const REFUSED = {
  'no secrets at all': [[], 'secrets.databaseUrl'],
  'no secret for the tokens': [
    ['secrets.databaseUrl=postgres://a:b@c/d', 'secrets.redisUrl=redis://r'],
    'secrets.jwtSecret',
  ],
  'an unknown value': [['replicas=3'], 'replicas'],
  'an unknown value of a role': [['worker.replica=3'], 'replica'],
  'a replica count that is no number': [['api.replicas=two'], 'replicas'],
  'a negative replica count': [['api.replicas=-1'], 'replicas'],
  'a Redis mode that does not exist': [['redis.mode=ring'], 'mode'],
  'a database that is not PostgreSQL': [['secrets.databaseUrl=mysql://a/b'], 'databaseUrl'],
  'a Redis list with a hole': [['secrets.redisUrl=redis://a\\,\\,redis://b'], 'redisUrl'],
  'a short secret': [['secrets.mainSecret=short'], 'mainSecret'],
  'a secret among the settings': [['config.JWT_SECRET=0123456789abcdef'], 'JWT_SECRET'],
  'a password among the settings': [['config.REDIS_SENTINEL_PASSWORD=secret'], 'REDIS_SENTINEL_PASSWORD'],
  'a setting that has a value of its own': [['config.SHUTDOWN_DELAY_SECONDS=3'], 'SHUTDOWN_DELAY_SECONDS'],
  'a setting in small letters': [['config.log_level=info'], 'log_level'],
  'a setting that is a list': [['config.RETRY_SCHEDULE={5,10}'], 'RETRY_SCHEDULE'],
  'a fraction among the settings': [['--set-json=config.LOG_LEVEL=1.5'], 'LOG_LEVEL'],
  'a tag with a space': [['image.tag=a b'], 'tag'],
  'a digest that is none': [['image.digest=sha256:abc'], 'digest'],
  'an Ingress without a host': [['ingress.enabled=true'], 'hosts'],
  'an Ingress path without a slash': [['ingress.paths={api}'], 'paths'],
  'a privileged port': [['containerPort=80'], 'containerPort'],
  'a stop without a deadline': [['shutdownTimeoutSeconds=0'], 'shutdownTimeoutSeconds'],
  'a service of a wrong type': [['service.type=Headless'], 'type'],
};

// node scripts/chart-test.mjs: tests of the Helm chart. They need helm, or Go to build it (about two minutes, once), and
// are skipped elsewhere; objects are checked against the schemas of Kubernetes where Python can install them.
// With --update: writes what the chart renders now to helm/golden, for you to look through before you commit it.
await main(async (args, signal) => {
  const isUpdate = args[0] === '--update';
  if (args.length > (isUpdate ? 1 : 0)) {
    throw new Failure(USAGE);
  }
  const helm = await findHelm(signal);
  if (helm === undefined) {
    line('Skipped: there is no helm here, and no Go that could build one.');
    line('0 passed, 0 failed');
    return 0;
  }
  const validator = await findValidator(signal);
  if (validator === undefined) {
    line(
      dim('Python cannot install kubernetes-validate here: objects are not checked against the schemas of Kubernetes.'),
    );
  }
  const chart = new Chart(helm, validator, signal);
  const tests = { ...(await goldenTests(chart, isUpdate)), ...secretTests(chart), ...refusalTests(chart) };
  return (await runAll(tests)) ? 0 : 1;
});

async function runAll(tests) {
  let failed = 0;
  for (const [name, test] of Object.entries(tests)) {
    try {
      await test();
      line(`  ${green('ok    ')} ${name}`);
    } catch (error) {
      if (!(error instanceof Failure) || error.exitCode !== undefined) {
        throw error;
      }
      failed += 1;
      line(`  ${red('failed')} ${name}\n${indent(`${error.message}\n${error.details}`.trimEnd(), '         ')}`);
    }
  }
  line(`${Object.keys(tests).length - failed} passed, ${failed} failed`);
  return failed === 0;
}

async function goldenTests(chart, isUpdate) {
  const files = (await readdir(join(ROOT, GOLDEN))).filter((file) => file.endsWith('.values.yaml')).sort();
  const tests = {};
  for (const file of files) {
    const name = file.replace('.values.yaml', '');
    const values = `--values=${join(GOLDEN, file)}`;
    tests[`${name}: helm lint finds nothing`] = async () => {
      const { code, output } = await chart.lint([values]);
      expect(code === 0, tail(output));
    };
    tests[`${name}: renders what helm/golden/${name}.yaml says`] = async () => {
      await compareWithGolden(await chart.objects([values]), join(ROOT, GOLDEN, `${name}.yaml`), isUpdate);
    };
    for (const version of chart.validator === undefined ? [] : VALIDATE_FOR) {
      tests[`${name}: Kubernetes ${version} knows every field`] = () => validate(chart, [values], name, version);
    }
    tests[`${name}: every pod fits the restricted security standard`] = async () =>
      podsOf(await chart.objects([values])).forEach(expectRestricted);
    tests[`${name}: every pod has the time that it needs to stop`] = async () =>
      expectTimeToStop(await chart.objects([values]));
    tests[`${name}: the migration needs nothing that does not exist yet`] = async () =>
      expectIndependentMigration(await chart.objects([values]));
    tests[`${name}: secrets are in Secrets only`] = async () =>
      expect(
        (await chart.objects([values])).every((text) => kindOf(text) === 'Secret' || !text.includes('never-in-a-pod')),
        'A secret is in an object that is no Secret.',
      );
  }
  return tests;
}

async function compareWithGolden(objects, file, isUpdate) {
  const rendered = `${objects.join('\n---\n')}\n`;
  if (isUpdate) {
    await writeFile(file, rendered);
    return;
  }
  const golden = await readFile(file, 'utf8').catch(() => '');
  const [is, was] = [rendered.split('\n'), golden.split('\n')];
  const at = is.findIndex((text, index) => text !== was[index]);
  expect(
    rendered === golden,
    `Line ${at + 1} is\n  ${is[at]}\nand was\n  ${was[at]}\nIf that is meant: node scripts/chart-test.mjs --update`,
  );
}

async function validate(chart, args, name, version) {
  // What the Prometheus operator adds is not part of Kubernetes.
  const objects = (await chart.objects(args)).filter((text) => kindOf(text) !== 'ServiceMonitor');
  const file = join(CACHE, `${name}.rendered.yaml`);
  await writeFile(file, objects.join('\n---\n'));
  const { code, output } = await chart.validate(file, version);
  expect(code === 0, tail(output));
  expect(objects.length > 5, `There are only ${objects.length} objects.`);
}

function isApi(text) {
  return kindOf(text) === 'Deployment' && nameOf(text) === 'release-posthorn-api';
}

function secretTests(chart) {
  const generate = ['databaseUrl=postgres://a:b@c/d', 'redisUrl=redis://r', 'generate=true'].map(
    (value) => `--set=secrets.${value}`,
  );
  return {
    'an install generates the secrets that it is not given, and keeps them': async () => {
      const objects = await chart.objects(generate);
      const secret = objects.find((text) => nameOf(text) === 'release-posthorn-generated') ?? '';
      expect(secret.includes('helm.sh/resource-policy: keep'), 'There is none that an uninstall keeps.');
      for (const name of ['JWT_SECRET', 'MAIN_SECRET']) {
        const value = new RegExp(`^ {2}${name}: (\\S+)$`, 'm').exec(secret)?.[1] ?? '';
        expect(Buffer.from(value, 'base64').length === 48, `${name} has not 48 characters.`);
      }
      const api = objects.find(isApi) ?? '';
      const used = [...api.matchAll(/^ +name: (\S+)\n +key: (\w+)$/gm)].map(([, from, key]) => `${key} of ${from}`);
      expect(
        used.join() ===
          [
            'DATABASE_URL of release-posthorn',
            'REDIS_URL of release-posthorn',
            'JWT_SECRET of release-posthorn-generated',
            'MAIN_SECRET of release-posthorn-generated',
          ].join(),
        `The api uses ${used.join()}.`,
      );
    },
    'an upgrade without the generated secrets stops rather than make new ones': async () => {
      const { code, output } = await chart.template([...generate, '--is-upgrade']);
      expect(code !== 0 && output.includes('release-posthorn-generated'), `It did not:\n${tail(output, 5)}`);
    },
    'a changed setting changes the pods, and nothing else does': async () => {
      const checksum = async (...args) => {
        const api = (await chart.objects(['--set=secrets.existingSecret=s', ...args])).find(isApi);
        return /checksum\/config: (\w{64})/.exec(api)?.[1];
      };
      const before = await checksum();
      expect(before !== undefined && before === (await checksum('--set=api.replicas=5')), 'It changed without reason.');
      expect(before !== (await checksum('--set=config.LOG_LEVEL=debug')), 'It did not change.');
    },
  };
}

function refusalTests(chart) {
  return Object.fromEntries(
    Object.entries(REFUSED).map(([name, [values, reason]]) => [
      `refuses ${name}`,
      async () => {
        // Everything else is right, so that nothing but the value in question can be the reason.
        const base = name.startsWith('no secret') ? [] : ['secrets.existingSecret=s'];
        const { code, output } = await chart.template(
          [...base, ...values].map((value) => (value.startsWith('--') ? value : `--set=${value}`)),
        );
        expect(code !== 0, 'It was accepted.');
        expect(output.includes(reason), `The reason does not name ${reason}:\n${tail(output, 8)}`);
      },
    ]),
  );
}
