// Breaks a good Bundle in one way after the other: a check that finds nothing
// must be one that could have. Run with: node --test
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const url = (n) => `urn:uuid:00000000-0000-5000-8000-00000000000${n}`;
const id = (n) => url(n).slice(9);
const good = () => ({
  resourceType: 'Bundle',
  type: 'transaction',
  entry: [
    { fullUrl: url(1), resource: { resourceType: 'Patient', id: id(1), gender: 'female', birthDate: '1949-12' }, request: { method: 'PUT', url: `Patient/${id(1)}` } },
    {
      fullUrl: url(2),
      resource: {
        resourceType: 'Observation', id: id(2), status: 'final', code: { text: 'x' }, subject: { reference: url(1) },
        valueQuantity: { value: 1.5, system: 'http://unitsofmeasure.org', code: 'g' },
      },
      request: { method: 'PUT', url: `Observation/${id(2)}` },
    },
  ],
});

const cases = {
  'unknown code': [(p) => (p.gender = 'f'), 'required value set administrative-gender'],
  'day that does not exist': [(p) => (p.birthDate = '1949-13-01'), 'date format'],
  'unknown element': [(p) => (p.sex = 'f'), 'additional property'],
  'list for one': [(p) => (p.gender = ['female']), 'Expected single value'],
  'empty element': [(p) => (p.name = [{}]), 'Patient.name'],
  'contact that says nothing': [(p) => (p.contact = [{ gender: 'male' }]), 'pat-1'],
  'nothing at the end of a reference': [(p, o) => (o.subject.reference = url(9)), 'no entry has this fullUrl'],
  'reference to another type': [(p, o) => (o.subject.reference = url(2)), 'reference to Observation is not allowed'],
  'contained resource that is not there': [(p, o) => (o.subject.reference = '#p'), 'ref-1'],
  'missing status': [(p, o) => delete o.status, 'Missing required property'],
  'coded unit without its system': [(p, o) => delete o.valueQuantity.system, 'qty-3'],
  'phone of no system': [(p) => (p.telecom = [{ value: '1' }]), 'cpt-2'],
  'data of no type': [(p) => (p.photo = [{ data: 'QUJD' }]), 'att-1'],
  'period that ends before it begins': [(p, o) => (o.effectivePeriod = { start: '2026-02-01', end: '2026-01-01' }), 'per-1'],
  'extension without a value': [(p) => (p.extension = [{ url: 'http://example.org/x' }]), 'ext-1'],
  'two values': [(p, o) => (o.valueString = 'y'), 'one type of value[x]'],
  'reason for a value that is there': [(p, o) => (o.dataAbsentReason = { text: 'y' }), 'obs-6'],
  'same resource twice': [(p, o, b) => b.entry.push({ ...b.entry[0], fullUrl: url(3) }), 'stands once'],
  'same fullUrl twice': [(p, o, b) => (b.entry[1].fullUrl = url(1)), 'bdl-7'],
  'entry without request': [(p, o, b) => delete b.entry[0].request, 'bdl-3'],
  'request of another id': [(p, o, b) => (b.entry[0].request.url = `Patient/${id(2)}`), 'PUT is to the id'],
};

test('each violation is found, a good Bundle is not one', () => {
  const lines = [{ id: 'good', bundle: good() }];
  for (const [name, [breakIt]] of Object.entries(cases)) {
    const b = good();
    breakIt(b.entry[0].resource, b.entry[1].resource, b);
    lines.push({ id: name, bundle: b });
  }
  lines.push({ id: 'refused', error: 'x' });
  const run = spawnSync(process.execPath, [fileURLToPath(new URL('check.mjs', import.meta.url))], { input: lines.map((l) => JSON.stringify(l)).join('\n'), encoding: 'utf8' });
  assert.equal(run.status, 1, run.stderr);
  const found = (name) => run.stdout.split('\n').filter((l) => l.startsWith(`${name}: `)).join('\n');
  assert.equal(found('good'), '');
  assert.match(found('refused'), /no Bundle/);
  for (const [name, [, want]] of Object.entries(cases)) assert.ok(found(name).includes(want), `${name}: ${found(name) || 'nothing found'}`);
});
