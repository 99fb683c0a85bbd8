// Machine B: an Express server that takes other machines' bearer tokens, written as Clerk's own guides write it. It reads the
// environment that @clerk/express reads, and prints its port once it listens.
import { clerkClient, clerkMiddleware, getAuth } from '@clerk/express';
import express from 'express';

const app = express();
const asWebRequest = req => new Request(`http://b.test${req.originalUrl}`, { headers: req.headers });

app.get('/by-authenticate-request', async (req, res) => {
  const state = await clerkClient.authenticateRequest(asWebRequest(req), { acceptsToken: 'm2m_token' });
  if (!state.isAuthenticated) return res.status(401).json({ reason: state.reason });
  const auth = state.toAuth();
  return res.json({ machine: auth.machineId, id: auth.id, claims: auth.claims, scopes: auth.scopes });
});

app.get('/by-middleware', clerkMiddleware(), (req, res) => {
  const auth = getAuth(req, { acceptsToken: 'm2m_token' });
  if (!auth.isAuthenticated) return res.status(401).json({ reason: 'not authenticated' });
  return res.json({ machine: auth.machineId, id: auth.id, claims: auth.claims, scopes: auth.scopes });
});

app.use((err, _req, res, _next) => res.status(500).json({ error: String(err) }));
const listener = app.listen(0, '127.0.0.1', () => console.log(listener.address().port));
