// What the test files share: where the server is, the two majors of the SDK, and one way to look at an SDK's error.
import assert from 'node:assert/strict';
import { createClerkClient as version3 } from '@clerk/backend';
import { createClerkClient as version2 } from '@clerk/backend-2';
import { isClerkAPIResponseError } from '@clerk/backend/errors';

const required = name => process.env[name] || assert.fail(`${name} is not set: these tests are started by "go test ./test/sdk"`);

export const url = required('DUALMINT_TEST_URL');
export const issuer = required('DUALMINT_TEST_ISSUER');
export const instanceKey = required('DUALMINT_TEST_INSTANCE_KEY');

export const majors = [
  ['@clerk/backend 3.25', version3],
  ['@clerk/backend 2.33', version2],
];

// clients gives the SDK as the operator has it, and a function that gives it as a machine has it.
export const clients = create => ({
  operator: create({ secretKey: instanceKey, apiUrl: url }),
  as: machineSecretKey => create({ machineSecretKey, apiUrl: url }),
});

// rejects awaits an answer of the contract's error shape, as the SDK's own error type shows it.
export async function rejects(promise, status, code) {
  const err = await promise.then(v => assert.fail(`accepted: ${JSON.stringify(v)}`), e => e);
  assert.ok(isClerkAPIResponseError(err), `not the SDK's own error type: ${err?.stack}`);
  assert.equal(err.status, status, JSON.stringify(err.errors));
  assert.equal(err.errors[0].code, code);
  assert.ok(err.errors[0].message, 'no message');
  assert.ok(err.errors[0].longMessage, 'no long message');
  assert.ok(err.clerkTraceId, 'no trace id');
  return err;
}
