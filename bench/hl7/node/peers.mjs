// node peers.mjs CODEC DIRECTORY: measures one codec from npm on every corpus of
// the directory and prints one JSON line for each. The messages are strings
// before the clock starts, which is the codecs' gain.
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const require = createRequire(import.meta.url);
const [codec, dir] = process.argv.slice(2);

const split = path => {
  const [, segment, field, rep, component] = /^(\w+)-(\d+)(?:\[(\d+)\])?(?:\.(\d+))?$/.exec(path);
  return { segment, field: +field, rep: +(rep ?? 1), component: +(component ?? 1) };
};

// Each codec: parse, read one value, encode.
const codecs = {
  'node-hl7-client': () => {
    const { Message } = require('node-hl7-client');
    return {
      parse: text => new Message({ text }),
      read: (m, p) => String(p.segment === 'MSH' ? m.get(`MSH.${p.field}`) : m.get(`${p.segment}.${p.field}`).get(p.rep - 1).get(p.component - 1)),
      encode: m => m.toString(),
    };
  },
  'simple-hl7': () => {
    const { Parser } = require('simple-hl7');
    const parser = new Parser();
    return {
      parse: text => parser.parse(text),
      read: (m, p) => (p.segment === 'MSH' ? m.header.getField(p.field - 2) : m.getSegment(p.segment).getField(p.field).split('~')[p.rep - 1].split('^')[p.component - 1]),
      encode: m => m.toString(),
    };
  },
  'hl7-standard': () => {
    const HL7 = require('hl7-standard');
    return {
      parse: text => {
        const m = new HL7(text);
        m.transform();
        return m;
      },
      read: (m, p) => {
        if (p.segment === 'MSH') return m.get(`${p.segment}.${p.field}`);
        const component = `${p.segment}.${p.field}.${p.component}`;
        if (p.rep > 1) return m.getSegment(p.segment).data[`${p.segment}.${p.field}`][p.rep - 1][component];
        const value = m.get(`${p.segment}.${p.field}`);
        return Array.isArray(value) ? value[0][component] : typeof value === 'object' ? value[component] : value;
      },
      encode: m => m.build(),
    };
  },
  hl7v2: async () => {
    const { HL7Message } = await import('hl7v2');
    return {
      parse: text => HL7Message.parse(text),
      read: (m, p) => String(m.getSegment(p.segment).field(p.field).repetitions[p.rep - 1].getValue(p.component)),
      encode: m => m.toHL7String(),
    };
  },
};

const { parse, read, encode } = await codecs[codec]();
const trim = s => s.replace(/[\r\n]+$/, '');

for (const file of readdirSync(dir).filter(f => f.endsWith('.mllp')).sort()) {
  const [corpus, ...paths] = readFileSync(join(dir, file.replace('.mllp', '.paths')), 'utf8').split('\n');
  const raw = readFileSync(join(dir, file));
  const messages = raw.toString('utf8').split('\x1c\r').filter(Boolean).map(m => m.slice(1));
  const places = paths.map(split);
  try {
    let lossless = 'yes';
    for (const text of messages) {
      const m = parse(text);
      for (const [i, p] of places.entries()) {
        const got = read(m, p);
        if (!got || got === 'undefined') throw new Error(`no value at ${paths[i]}`);
      }
      const out = encode(m);
      if (trim(out) !== trim(text)) lossless = 'no';
      else if (out !== text && lossless === 'yes') lossless = 'but the end';
    }
    const start = process.hrtime.bigint();
    let passes = 0;
    let seconds = 0;
    while (seconds < 1.5) {
      for (const text of messages) {
        const m = parse(text);
        for (const p of places) read(m, p);
      }
      passes++;
      seconds = Number(process.hrtime.bigint() - start) / 1e9;
    }
    const bytes = passes * (raw.length - 3 * messages.length);
    console.log(JSON.stringify({ peer: codec, corpus, messages: passes * messages.length, bytes, seconds, lossless }));
  } catch (e) {
    console.log(JSON.stringify({ peer: codec, corpus, error: String(e.message).split('\n')[0].slice(0, 80) }));
  }
}
