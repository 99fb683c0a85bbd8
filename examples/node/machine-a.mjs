// The service that calls: it gets a token with Clerk's SDK, unmodified, and puts it on its request.
//
//   DUALMINT_ISSUER=http://127.0.0.1:8080 MACHINE_A_SECRET=ak_... TOKEN_FORMAT=jwt node machine-a.mjs
import { createClerkClient } from '@clerk/backend';

const clerk = createClerkClient({ apiUrl: process.env.DUALMINT_ISSUER, machineSecretKey: process.env.MACHINE_A_SECRET });
const { token } = await clerk.m2m.createToken({ tokenFormat: process.env.TOKEN_FORMAT || 'opaque' });

const response = await fetch(`${process.env.MACHINE_B_URL ?? 'http://127.0.0.1:8081'}/orders`, {
  headers: { Authorization: `Bearer ${token}` },
});
console.log(response.status, await response.text());
