import { expect, kindOf, nameOf } from './objects.mjs';

/** The objects of a rendering that make pods. */
export function podsOf(objects) {
  const pods = objects.filter((text) => ['Deployment', 'Job', 'Pod'].includes(kindOf(text)));
  expect(pods.length === 5, `Expected three roles, a migration and a test, not ${pods.length} objects with pods.`);
  return pods;
}

/** Fails unless a pod fits the restricted Pod Security Standard, and more that this chart promises. */
export function expectRestricted(text) {
  const wanted = {
    'runAsNonRoot: true': /^ +runAsNonRoot: true$/m,
    'the default seccomp profile': /^ +seccompProfile:\n +type: RuntimeDefault$/m,
    'allowPrivilegeEscalation: false': /^ +allowPrivilegeEscalation: false$/m,
    'a read-only root file system': /^ +readOnlyRootFilesystem: true$/m,
    'no capabilities': /^ +capabilities:\n +drop:\n +- ALL$/m,
    'no token of a service account': /^ +automountServiceAccountToken: false$/m,
    'no variables of Services': /^ +enableServiceLinks: false$/m,
  };
  for (const [what, pattern] of Object.entries(wanted)) {
    expect(pattern.test(text), `${kindOf(text)} ${nameOf(text)} lacks ${what}.`);
  }
}

/** Fails unless Kubernetes waits for longer than a pod may need. */
export function expectTimeToStop(objects) {
  const config = objects.find((text) => kindOf(text) === 'ConfigMap') ?? '';
  const timeout = numberAfter(config, 'SHUTDOWN_TIMEOUT_SECONDS: ');
  for (const text of objects.filter((object) => kindOf(object) === 'Deployment')) {
    const preStop = text.includes('preStop:') ? numberAfter(text, 'command: [sleep, ') : 0;
    const needed = preStop + numberAfter(text, 'name: SHUTDOWN_DELAY_SECONDS\n              value: ') + timeout;
    const given = numberAfter(text, 'terminationGracePeriodSeconds: ');
    expect(given > needed, `${nameOf(text)} has ${given} s to stop and may need ${needed} s.`);
  }
}

function numberAfter(text, label) {
  const at = text.indexOf(label);
  expect(at >= 0, `There is no "${label}".`);
  return Number(/^"?(\d+)/.exec(text.slice(at + label.length))?.[1]);
}

/** Fails when the migration uses other objects of the release: a hook runs before they are made. */
export function expectIndependentMigration(objects) {
  const isHook = (text) => /^ {4}helm\.sh\/hook: pre-install,pre-upgrade$/m.test(text);
  const job = objects.find((text) => kindOf(text) === 'Job') ?? '';
  expect(isHook(job), 'The migration is no hook.');
  expect(!job.includes('serviceAccountName'), 'The migration uses a service account.');
  for (const text of objects.filter((object) => object !== job && !isHook(object))) {
    const isUsed = new RegExp(`^ +name: ${nameOf(text)}$`, 'm').test(job.slice(job.indexOf('containers:')));
    expect(!isUsed, `The migration uses the ${kindOf(text)} ${nameOf(text)}, which comes later.`);
  }
}
