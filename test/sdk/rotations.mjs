// jose with its default cache policy, across rotations that were played beforehand: standard input is one line a minute of what the
// issuer served and minted at that time. Started by rotations_test.go; the clock and the transport are the script's.
import assert from 'node:assert/strict';
import { createInterface } from 'node:readline';
import { mock } from 'node:test';
import { createRemoteJWKSet, customFetch, jwtVerify } from 'jose';

const [, , url, issuer, audience] = process.argv;
mock.timers.enable({ apis: ['Date'], now: 0 });

let served;
const fetches = []; // of each verifier: when it fetched
const fetchFromMemory = times => async asked => {
  assert.equal(String(asked), url);
  times.push(Date.now());
  return new Response(served.body, { status: 200, headers: served.headers });
};
const verifiers = [];
let verified = 0;
for await (const line of createInterface({ input: process.stdin })) {
  const step = JSON.parse(line);
  mock.timers.setTime(step.at);
  served = { body: step.jwks, headers: { 'content-type': 'application/json', 'cache-control': step.cacheControl } };
  // Their clocks begin at different instants.
  if (verifiers.length < 13) {
    const times = [];
    fetches.push(times);
    verifiers.push(createRemoteJWKSet(new URL(url), { [customFetch]: fetchFromMemory(times) }));
  }
  for (const keys of verifiers) {
    for (const token of step.tokens) {
      await jwtVerify(token, keys, { issuer, audience, typ: 'at+jwt', algorithms: ['EdDSA'] });
      verified++;
    }
  }
}
console.log(JSON.stringify({ verified, fetches }));
