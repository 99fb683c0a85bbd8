// What the tests of sessions share: the session's cookie, and pages asked for with one put there by hand.
import { request } from 'node:http';
import { url } from './support.mjs';

export const cookieName = 'dualmint-session';
export const idOf = async context => (await context.cookies()).find(c => c.name === cookieName);

// get asks for a page with a cookie by hand and gives status and the address that it leads to.
export const get = (path, cookie, headers = {}) => new Promise((done, failed) => {
  request(url + path, { headers: { ...(cookie && { Cookie: `${cookieName}=${cookie}` }), ...headers } }, r => {
    r.resume();
    r.on('end', () => done({ status: r.statusCode, to: r.headers.location, headers: r.headers }));
  }).on('error', failed).end();
});

export const opens = async cookie => (await get('/dashboard/machines', cookie)).status === 200;
