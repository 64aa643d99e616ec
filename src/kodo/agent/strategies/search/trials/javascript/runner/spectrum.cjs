'use strict';
// Which lines each test ran, from V8's own block counts.
// Knows the inspector and source maps. Guards that lines are those of the source, not of what a
// transformer made of it.

const fs = require('fs');
const path = require('path');
const inspector = require('inspector');
const { fileURLToPath } = require('url');
const { own } = require('./fresh.cjs');

const JEST_WRAPPER = '({"Object.<anonymous>":function';
const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

/** The segments of a source map as [line, column, source, source line], all from 0. */
function segments(mappings) {
  const found = [];
  let [source, sourceLine] = [0, 0];
  mappings.split(';').forEach((text, line) => {
    let column = 0;
    for (const segment of text.split(',')) {
      if (!segment) continue;
      const values = [];
      let [value, shift] = [0, 0];
      for (const digit of segment) {
        const bits = DIGITS.indexOf(digit);
        value += (bits & 31) << shift;
        shift += 5;
        if (!(bits & 32)) {
          values.push(value & 1 ? -(value >> 1) : value >> 1);
          [value, shift] = [0, 0];
        }
      }
      column += values[0];
      if (values.length < 4) continue;
      source += values[1];
      sourceLine += values[2];
      found.push([line, column, source, sourceLine]);
    }
  });
  return found;
}

function lineStarts(text) {
  const starts = [0];
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) starts.push(at + 1);
  return starts;
}

/** The places of a script that stand for a line of a file, in order: [offset, path, line]. */
function placesOf(root, file, text, mapAddress) {
  const starts = lineStarts(text);
  const name = path.relative(root, file);
  const map = readMap(file, mapAddress);
  if (map === null) {
    return starts.map((start, index) => {
      const indent = text.slice(start, starts[index + 1]).search(/[^\s{}()[\];,]/);
      return [start + Math.max(0, indent), name, index + 1];
    });
  }
  const names = (map.sources || []).map((source) => {
    const base = (map.sourceRoot || '') + source;
    const where = base.startsWith('file:') ? fileURLToPath(base) : path.resolve(path.dirname(file), base);
    return own(root, where) ? path.relative(root, where) : name;
  });
  // Jest puts a wrapper in front of the code, of which the map knows nothing.
  const shift = text.startsWith(JEST_WRAPPER) ? text.indexOf('){') + 2 : 0;
  return segments(map.mappings)
    .filter(([line]) => line < starts.length)
    .map(([line, column, source, sourceLine]) => [
      starts[line] + column + (line === 0 ? shift : 0),
      names[source] ?? name,
      sourceLine + 1,
    ]);
}

function readMap(file, address) {
  if (!address) return null;
  try {
    if (!address.startsWith('data:')) {
      return JSON.parse(fs.readFileSync(path.resolve(path.dirname(file), address), 'utf8'));
    }
    const [head, body] = address.split(/,(.*)/s);
    return JSON.parse(head.endsWith('base64') ? Buffer.from(body, 'base64') : decodeURIComponent(body));
  } catch {
    return null;
  }
}

class Spectrum {
  constructor(root) {
    this.root = root;
    this.scripts = new Map();
    this.session = new inspector.Session();
    this.session.connect();
    this.session.on('Debugger.scriptParsed', ({ params }) => {
      const file = params.url.startsWith('file:') ? fileURLToPath(params.url.split('?')[0]) : params.url;
      if (path.isAbsolute(file) && own(root, file)) {
        this.scripts.set(params.scriptId, { file, map: params.sourceMapURL, places: null });
      }
    });
    this.post('Debugger.enable');
    this.post('Profiler.enable');
    this.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
  }

  post(method, parameters) {
    let found;
    this.session.post(method, parameters, (error, value) => {
      if (error === null) found = value;
    });
    return found;
  }

  begin() {
    this.post('Profiler.takePreciseCoverage');
  }

  /** Return {path: [lines]} of what has run since `begin`. */
  end() {
    const taken = this.post('Profiler.takePreciseCoverage');
    const lines = {};
    for (const { scriptId, functions } of taken ? taken.result : []) {
      const script = this.scripts.get(scriptId);
      if (script === undefined) continue;
      if (script.places === null) {
        const source = this.post('Debugger.getScriptSource', { scriptId });
        script.places = source ? placesOf(this.root, script.file, source.scriptSource, script.map) : [];
      }
      for (const [name, line] of covered(functions, script.places)) {
        (lines[name] ??= new Set()).add(line);
      }
    }
    const found = {};
    for (const [name, set] of Object.entries(lines)) found[name] = [...set].sort((a, b) => a - b);
    return found;
  }

  close() {
    this.session.disconnect();
  }
}

/** Return the places that ran, as [path, line]: the innermost range around a place tells. */
function* covered(functions, places) {
  const ranges = functions.flatMap((one) => one.ranges);
  ranges.sort((a, b) => a.startOffset - b.startOffset || b.endOffset - a.endOffset);
  const around = [];
  let next = 0;
  const leave = (at) => {
    while (around.length && around[around.length - 1].endOffset <= at) around.pop();
  };
  for (let index = 0; index < places.length; index += 1) {
    const [at, name, line] = places[index];
    const end = index + 1 < places.length ? places[index + 1][0] : Infinity;
    for (; next < ranges.length && ranges[next].startOffset <= at; next += 1) {
      leave(ranges[next].startOffset);
      around.push(ranges[next]);
    }
    leave(at);
    let ran = around.length > 0 && around[around.length - 1].count > 0;
    // What begins behind this place and before the next belongs to it too: a function in its line.
    for (; next < ranges.length && ranges[next].startOffset < end; next += 1) {
      leave(ranges[next].startOffset);
      around.push(ranges[next]);
      ran ||= ranges[next].count > 0;
    }
    if (ran) yield [name, line];
  }
}

module.exports = { Spectrum, covered, segments };
