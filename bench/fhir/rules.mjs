// The rules of R4 that the validator of check.mjs leaves out. problem is called
// with a rule and a path, never with a value.

// Model finds the definition of every element by its path, and follows the paths
// of an instance through datatypes.
class Model {
  constructor(bundles) {
    this.types = new Map();
    this.rules = new Map(); // constraints of a type on itself
    for (const b of bundles) {
      for (const { resource: r } of b.entry) {
        if (r.resourceType !== 'StructureDefinition' || r.derivation === 'constraint') continue;
        const elements = new Map();
        this.rules.set(r.type, (r.snapshot.element[0].constraint ?? []).filter((c) => c.severity === 'error' && !['ele-1', 'ref-1'].includes(c.key))); // both are below
        for (const e of r.snapshot.element) {
          const name = e.path.slice(r.type.length + 1);
          if (!name.endsWith('[x]')) elements.set(name, { ...e, of: e.type?.[0] });
          else {
            for (const t of e.type) {
              elements.set(name.slice(0, -3) + t.code[0].toUpperCase() + t.code.slice(1), { ...e, of: t, choice: e.path.split('.').at(-1) });
            }
          }
        }
        this.types.set(r.type, elements);
      }
    }
  }

  // walk visits every element of an instance with its definition, and with the
  // object it is in.
  walk(value, visit, path = value.resourceType, type = value.resourceType, prefix = '') {
    const elements = this.types.get(type);
    if (!elements || !value || typeof value !== 'object') return;
    for (const [key, v] of Object.entries(value)) {
      if (key === 'resourceType' || key[0] === '_') continue;
      const name = prefix ? `${prefix}.${key}` : key;
      const def = elements.get(name);
      if (!def) continue; // said by the validator
      const list = Array.isArray(v) ? v : [v];
      list.forEach((item, i) => {
        const at = `${path}.${key}${Array.isArray(v) ? `[${i}]` : ''}`;
        visit(item, def, at, value);
        if (!item || typeof item !== 'object') return;
        if (def.contentReference) this.walk(item, visit, at, type, def.contentReference.slice(1 + type.length + 1));
        else if (def.of?.code === 'BackboneElement' || def.of?.code === 'Element') this.walk(item, visit, at, type, name);
        else if (item.resourceType) this.walk(item, visit, at);
        else this.walk(item, visit, at, def.of?.code);
      });
    }
  }
}

// Bindings knows the codes of every required binding.
export class Bindings {
  constructor(definitions, terminology) {
    this.model = new Model(definitions);
    this.sets = new Map();
    this.systems = new Map();
    this.expanded = new Map();
    this.unchecked = new Set();
    for (const b of terminology) {
      for (const { resource: r } of b.entry) {
        if (r.resourceType === 'ValueSet') this.sets.set(r.url, r);
        if (r.resourceType === 'CodeSystem' && (r.content === 'complete' || r.concept)) this.systems.set(r.url, r);
      }
    }
  }

  check(resource, problem) {
    this.model.walk(resource, (v, def, path) => {
      if (def.binding?.strength !== 'required' || v === null) return;
      const codes = this.codes(def.binding.valueSet);
      if (!codes) {
        this.unchecked.add(def.binding.valueSet.split('|')[0]);
        return;
      }
      const has = (c) => codes.has(`${c.system ?? ''}|${c.code ?? ''}`);
      const good = typeof v === 'string' ? codes.has(v) : v.coding ? v.coding.some(has) : v.code !== undefined ? has(v) : false;
      if (!good) problem(`not a code of the required value set ${def.binding.valueSet.split('/').at(-1)}`, path);
    });
  }

  // codes of a value set, as "code" and "system|code"; null when it cannot be listed.
  codes(url) {
    url = url.split('|')[0];
    if (!this.expanded.has(url)) {
      this.expanded.set(url, null); // for value sets that include themselves
      this.expanded.set(url, this.expand(this.sets.get(url)));
    }
    return this.expanded.get(url);
  }

  expand(set) {
    if (!set?.compose) return null;
    const out = new Set();
    for (const inc of set.compose.include) {
      const part = this.part(inc);
      if (!part) return null;
      part.forEach((c) => out.add(c));
    }
    for (const exc of set.compose.exclude ?? []) {
      const part = this.part(exc);
      if (!part) return null;
      part.forEach((c) => out.delete(c));
    }
    return out;
  }

  part(inc) {
    const out = new Set();
    const add = (code) => {
      out.add(code);
      out.add(`${inc.system}|${code}`);
    };
    if (inc.concept) inc.concept.forEach((c) => add(c.code));
    else if (inc.system) {
      const system = this.systems.get(inc.system);
      if (!system) return null;
      const list = (concepts, take) => concepts?.forEach((c) => {
        if (take(c)) add(c.code);
        list(c.concept, take);
      });
      for (const f of inc.filter ?? []) {
        if (f.op !== 'is-a' || inc.filter.length > 1) return null;
        const below = (concepts) => concepts?.forEach((c) => (c.code === f.value ? list([c], () => true) : below(c.concept)));
        below(system.concept);
      }
      if (!inc.filter) list(system.concept, () => true);
    }
    for (const url of inc.valueSet ?? []) {
      const codes = this.codes(url);
      if (!codes) return null;
      codes.forEach((c) => out.add(c));
    }
    return out;
  }
}

// entries: the rules across a transaction (http.html#trules, bdl-1 to bdl-8).
export function entries(bundle, problem) {
  if (bundle.resourceType !== 'Bundle' || bundle.type !== 'transaction') problem('not a transaction Bundle', 'Bundle.type');
  const urls = new Set(), targets = new Set();
  (bundle.entry ?? []).forEach((e, i) => {
    const at = `Bundle.entry[${i}]`;
    if (!e.request) problem('a transaction entry has a request (bdl-3)', at);
    if (!e.resource) return;
    if (!e.fullUrl) problem('an entry that others refer to has a fullUrl', at);
    if (urls.has(e.fullUrl)) problem('fullUrl is unique (bdl-7)', `${at}.fullUrl`);
    urls.add(e.fullUrl);
    if (e.fullUrl?.includes('/_history/')) problem('fullUrl has no version (bdl-8)', `${at}.fullUrl`);
    const { method, url, ifNoneExist } = e.request ?? {};
    const type = e.resource.resourceType;
    if (method === 'PUT' && url !== `${type}/${e.resource.id}` && !url?.startsWith(`${type}?`)) problem('PUT is to the id of the resource or a search', `${at}.request.url`);
    if (method === 'POST' && url !== type) problem('POST is to the type of the resource', `${at}.request.url`);
    const target = method === 'PUT' ? url : ifNoneExist && `${type}?${ifNoneExist}`;
    if (target && targets.has(target)) problem('one resource stands once in a transaction', `${at}.request`);
    targets.add(target);
  });
}

// references inside the Bundle lead to an entry, those to contained resources to
// one, and the type is one the element allows.
export function references(bundle, model, problem) {
  const types = new Map(bundle.entry?.map((e) => [e.fullUrl, e.resource?.resourceType]));
  for (const { resource } of bundle.entry ?? []) {
    if (!resource) continue;
    const contained = new Map(resource.contained?.map((c) => [`#${c.id}`, c.resourceType]));
    const used = new Set();
    model.walk(resource, (v, def, path) => {
      if (def.of?.code !== 'Reference' || !v) return;
      const ref = v.reference;
      let type;
      if (ref === undefined) {
        if (!v.identifier && !v.display && !v.extension) problem('a reference says something (ele-1)', path);
        type = v.type;
      } else if (ref.startsWith('#')) {
        used.add(ref);
        type = ref === '#' ? resource.resourceType : contained.get(ref);
        if (!type) problem('no contained resource has this id (ref-1)', path);
      } else if (ref.startsWith('urn:')) {
        type = types.get(ref);
        if (!type) problem('no entry has this fullUrl', path);
      } else if (/^[A-Z][A-Za-z]+[/?]/.test(ref)) type = ref.split(/[/?]/)[0];
      else if (!/^https?:/.test(ref)) problem('a reference is Type/id, urn:uuid, # or absolute', path);
      if (v.type && type && v.type !== type) problem('Reference.type is the type it leads to', path);
      const allowed = def.of.targetProfile?.map((p) => p.split('/').at(-1));
      if (type && allowed && !allowed.includes('Resource') && !allowed.includes(type)) problem(`a reference to ${type} is not allowed`, path);
    });
    for (const id of contained.keys()) {
      if (!used.has(id) && !JSON.stringify(resource).includes('"#"')) problem('a contained resource is referred to (dom-3)', `${resource.resourceType}.contained`);
    }
  }
}

// choices: of the types of value[x] one at most.
export function choices(resource, model, problem) {
  const seen = new Map(); // object -> the choices made in it
  model.walk(resource, (v, def, path, parent) => {
    if (!def.choice) return;
    const made = seen.get(parent) ?? new Map();
    seen.set(parent, made);
    if (made.has(def.choice) && made.get(def.choice) !== def.of.code) problem(`one type of ${def.choice} only`, path);
    made.set(def.choice, def.of.code);
  });
}

// datatypes: the constraints of a datatype on itself (cpt-2, qty-3, att-1, per-1 …),
// which the validator looks at for resources and backbone elements only. holds
// evaluates a FHIRPath expression.
export function datatypes(resource, model, holds, problem) {
  model.walk(resource, (v, def, path) => {
    const type = def.of?.code;
    if (!v || typeof v !== 'object' || v.resourceType || def.contentReference || type === 'BackboneElement' || type === 'Element') return;
    for (const rule of model.rules.get(type) ?? []) {
      if (!holds(rule.expression, type, v, resource)) problem(`constraint ${rule.key} of ${type}`, path);
    }
  });
}

// constraints that the validator skips, and FHIR's rules about JSON.
export function constraints(resource, problem) {
  if (resource.resourceType === 'Organization' && !resource.name && !resource.identifier) problem('a name or an identifier (org-1)', 'Organization');
  const walk = (v, path) => {
    if (v === '' || (Array.isArray(v) && !v.length)) problem('empty value (ele-1)', path);
    else if (Array.isArray(v)) v.forEach((x, i) => walk(x, `${path}[${i}]`));
    else if (v && typeof v === 'object') {
      const keys = Object.keys(v);
      if (!keys.some((k) => k !== 'id')) problem('element without a value or children (ele-1)', path);
      if (keys.some((k) => k === 'extension') && v.url !== undefined && keys.some((k) => k.startsWith('value'))) problem('an extension has a value or extensions (ext-1)', path);
      keys.forEach((k) => walk(v[k], `${path}.${k}`));
    } else if (typeof v === 'string') {
      if (/[\u0000-\u0008\u000b\u000c\u000e-\u001f]/.test(v)) problem('control characters in a string', path);
      if (/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/.test(v)) problem('half a character in a string', path);
      if (/\.(reference|valueString|text|display|value|family)$/.test(path) && v.trim() === '') problem('a string of white space only', path);
    }
  };
  walk(resource, resource.resourceType);
}
