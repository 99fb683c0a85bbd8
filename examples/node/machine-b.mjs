// The service that is called: JWTs offline with jose, opaque tokens through Clerk's SDK, which speaks to Dualmint unmodified.
//
//   DUALMINT_ISSUER=http://127.0.0.1:8080 MACHINE_B_ID=mch_... MACHINE_B_SECRET=ak_... node machine-b.mjs
import { createServer } from 'node:http';
import { createClerkClient } from '@clerk/backend';
import { createRemoteJWKSet, jwtVerify } from 'jose';

const issuer = process.env.DUALMINT_ISSUER;
const me = process.env.MACHINE_B_ID;
const clerk = createClerkClient({ apiUrl: issuer, machineSecretKey: process.env.MACHINE_B_SECRET });
const keys = createRemoteJWKSet(new URL('/.well-known/jwks.json', issuer));

// who tells which machine a token is from, or throws.
async function who(token) {
  if (token.split('.').length === 3) {
    const { payload } = await jwtVerify(token, keys, { issuer, audience: me, algorithms: ['EdDSA'], typ: 'at+jwt' });
    return payload.sub;
  }
  return (await clerk.m2m.verify({ token })).subject;
}

createServer(async (request, response) => {
  const token = /^Bearer (\S+)$/i.exec(request.headers.authorization ?? '')?.[1];
  try {
    const subject = await who(token ?? '');
    response.writeHead(200, { 'Content-Type': 'application/json' });
    response.end(JSON.stringify({ orders: [1, 2, 3], asked_by: subject }));
  } catch (error) {
    // "Cannot tell now" must not read as "refused": only a clear no is a 401.
    const refused = error.status === 404 || error.code?.startsWith('ERR_JW') || error.code?.startsWith('ERR_JOSE');
    response.writeHead(refused ? 401 : 503, refused ? { 'WWW-Authenticate': 'Bearer' } : { 'Retry-After': '1' });
    response.end();
  }
}).listen(Number(process.env.MACHINE_B_PORT ?? 8081), '127.0.0.1', function () {
  console.log(`machine B listens on ${this.address().port}`);
});
