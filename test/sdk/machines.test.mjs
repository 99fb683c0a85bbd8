// Every call on machines, through both majors of the SDK.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clients, majors, rejects, url } from './support.mjs';

for (const [name, create] of majors) {
  const { operator, as } = clients(create);
  const { machines } = operator;

  test(`${name}: a machine is created, read, changed and deleted`, async () => {
    const b = await machines.create({ name: 'receiver' });
    const a = await machines.create({ name: 'caller', scopedMachines: [b.id], defaultTokenTtl: 120 });
    assert.match(a.id, /^mch_[0-9A-Za-z]{27}$/);
    assert.match(a.instanceId, /^ins_[0-9A-Za-z]{27}$/);
    assert.match(a.secretKey, /^ak_[0-9A-Za-z]{38}$/);
    assert.equal(a.name, 'caller');
    assert.equal(a.defaultTokenTtl, 120);
    assert.equal(b.defaultTokenTtl, 3600);
    assert.ok(Number.isInteger(a.createdAt) && Math.abs(Date.now() - a.createdAt) < 60_000, `createdAt ${a.createdAt}`);
    assert.deepEqual(a.scopedMachines.map(m => m.id), [b.id]);

    const got = await machines.get(a.id);
    assert.equal(got.secretKey, undefined);
    assert.deepEqual({ ...got, scopedMachines: 0 }, { ...a, secretKey: undefined, scopedMachines: 0 });

    const updated = await machines.update({ machineId: a.id, name: 'renamed', defaultTokenTtl: 60 });
    assert.equal(updated.name, 'renamed');
    assert.equal(updated.defaultTokenTtl, 60);
    assert.ok(updated.updatedAt >= a.updatedAt);
    const unchanged = await machines.update({ machineId: a.id });
    assert.equal(unchanged.name, 'renamed');

    const deleted = await machines.delete(a.id);
    assert.deepEqual([deleted.object, deleted.id, deleted.deleted], ['machine', a.id, true]);
    await rejects(machines.get(a.id), 404, 'machine_not_found');
    await machines.delete(b.id);
  });

  test(`${name}: machines are listed by page, query and order`, async () => {
    const mark = `list${Math.random().toString(36).slice(2)}`;
    const made = [];
    for (const n of ['b', 'a', 'c']) made.push(await machines.create({ name: `${mark}-${n}` }));
    const names = async params => (await machines.list({ query: mark, ...params })).data.map(m => m.name.at(-1)).join('');
    assert.equal(await names({ orderBy: 'name' }), 'abc');
    assert.equal(await names({ orderBy: '+name' }), 'abc');
    assert.equal(await names({ orderBy: '-name' }), 'cba');
    assert.equal(await names({ orderBy: '+created_at' }), 'bac');
    assert.equal(await names({}), 'cab');
    assert.equal(await names({ orderBy: 'name', limit: 2 }), 'ab');
    assert.equal(await names({ orderBy: 'name', limit: 2, offset: 2 }), 'c');
    const page = await machines.list({ query: mark.toUpperCase(), limit: 1 });
    assert.equal(page.totalCount, 3);
    assert.equal(page.data.length, 1);
    const exact = await machines.list({ query: made[1].id });
    assert.deepEqual(exact.data.map(m => m.id), [made[1].id]);
    const unknown = await rejects(machines.list({ orderBy: 'secret' }), 422, 'form_param_value_invalid');
    assert.equal(unknown.errors[0].meta.paramName, 'order_by');
    for (const m of made) await machines.delete(m.id);
  });

  test(`${name}: scopes are given and taken in one direction`, async () => {
    const [a, b] = [await machines.create({ name: 'a' }), await machines.create({ name: 'b' })];
    const scope = await machines.createScope(a.id, b.id);
    assert.deepEqual([scope.fromMachineId, scope.toMachineId], [a.id, b.id]);
    assert.deepEqual((await machines.get(a.id)).scopedMachines.map(m => m.id), [b.id]);
    assert.deepEqual((await machines.get(b.id)).scopedMachines, []);
    await machines.createScope(b.id, a.id);
    assert.deepEqual((await machines.get(b.id)).scopedMachines.map(m => m.id), [a.id]);
    await rejects(machines.createScope(a.id, b.id), 409, 'conflict');
    const gone = await machines.deleteScope(a.id, b.id);
    assert.equal(gone.deleted, true);
    assert.deepEqual((await machines.get(a.id)).scopedMachines, []);
    await rejects(machines.deleteScope(a.id, b.id), 404, 'resource_not_found');
    await machines.delete(a.id);
    await machines.delete(b.id);
  });

  test(`${name}: a secret is viewed and rotated with and without overlap`, async () => {
    const b = await machines.create({ name: 'secrets' });
    assert.equal((await machines.getSecretKey(b.id)).secret, b.secretKey);
    const second = await machines.rotateSecretKey({ machineId: b.id, previousTokenTtl: 600 });
    assert.notEqual(second.secret, b.secretKey);
    assert.equal((await machines.getSecretKey(b.id)).secret, second.secret);
    await as(b.secretKey).m2m.createToken();
    await as(second.secret).m2m.createToken();
    const third = await machines.rotateSecretKey({ machineId: b.id, previousTokenTtl: 0 });
    for (const old of [b.secretKey, second.secret]) {
      await rejects(as(old).m2m.createToken(), 401, 'machine_secret_key_invalid');
    }
    await as(third.secret).m2m.createToken();
    const late = await rejects(machines.rotateSecretKey({ machineId: b.id, previousTokenTtl: 28801 }), 422, 'form_param_value_invalid');
    assert.equal(late.errors[0].meta.paramName, 'previous_token_ttl');
    await machines.delete(b.id);
  });

  test(`${name}: faults surface in the SDK's own error type`, async () => {
    const m = await machines.create({ name: 'faults' });
    const nobody = create({ secretKey: 'sk_test_nobody', apiUrl: url });
    await rejects(nobody.machines.list(), 401, 'clerk_key_invalid');
    await rejects(create({ secretKey: m.secretKey, apiUrl: url }).machines.list(), 403, 'authorization_invalid');
    const long = await rejects(machines.create({ name: 'x'.repeat(256) }), 422, 'form_param_max_length_exceeded');
    assert.equal(long.errors[0].meta.paramName, 'name');
    await rejects(machines.create({}), 422, 'form_param_missing');
    await rejects(machines.create({ name: 7 }), 422, 'form_param_type_invalid');
    await rejects(machines.create({ name: 'x', admin: true }), 422, 'form_param_unknown');
    await rejects(machines.create({ name: 'x', defaultTokenTtl: 0 }), 422, 'form_param_value_invalid');
    await rejects(machines.create({ name: 'x', scopedMachines: [`mch_${'0'.repeat(27)}`] }), 422, 'form_resource_not_found');
    await rejects(machines.get(`mch_${'0'.repeat(27)}`), 404, 'machine_not_found');
    await machines.delete(m.id);
  });
}
