'use strict';
// Loads the project's modules anew for every trial, whichever way they are written.
// Knows both module systems of Node. Guards that installed packages stay loaded: they do not change.

const Module = require('module');
const path = require('path');
const fs = require('fs');
const { MessageChannel } = require('worker_threads');
const { pathToFileURL, fileURLToPath } = require('url');
const overlay = require('./overlay.cjs');

const MARK = 'kodo';
const STAND_IN = 'kodo:node-test';
let generation = 0;
let tell = null;
let standIn = null;
let installed = false;

/** Whether a path is the project's own code: inside the root and not installed. */
function own(root, file) {
  return (
    file.startsWith(root + path.sep) &&
    !file.slice(root.length).includes(`${path.sep}node_modules${path.sep}`) &&
    !file.startsWith(path.join(root, '.kodo-search'))
  );
}

function standInSource() {
  const names = Object.keys(standIn()).filter((name) => /^[A-Za-z_$][\w$]*$/.test(name));
  const lines = [`const api = globalThis[Symbol.for('${STAND_IN}')]();`, 'export default api;'];
  for (const name of names) if (name !== 'default') lines.push(`export const ${name} = api.${name};`);
  return lines.join('\n');
}

/** Hooks of the loader of ES modules: own modules get a mark in their address, so they are new. */
function makeHooks(root, state) {
  return {
    resolved(specifier, found) {
      if (state.standsIn && specifier === 'node:test') {
        return { url: `${STAND_IN}?${MARK}=${state.generation}`, format: 'module', shortCircuit: true };
      }
      if (found && found.url.startsWith('file:') && own(root, fileURLToPath(found.url.split('?')[0]))) {
        const join = found.url.includes('?') ? '&' : '?';
        return { ...found, url: `${found.url}${join}${MARK}=${state.generation}` };
      }
      return found;
    },
    loaded(url, found) {
      if (!url.startsWith('file:') || found.format === 'commonjs') return found;
      const text = state.textOf(fileURLToPath(url.split('?')[0]));
      return text === undefined ? found : { ...found, source: text };
    },
  };
}

/** Say what `node:test` is to be for the project's files. */
function standFor(api) {
  standIn = api;
  globalThis[Symbol.for(STAND_IN)] = api;
  const load = Module._load;
  Module._load = function (request, ...rest) {
    return request === 'node:test' ? api() : load.call(this, request, ...rest);
  };
}

/** Start marking modules. A transformer that is loaded later is given the texts that stand in. */
function install(root) {
  if (installed) return;
  installed = true;
  if (typeof Module.registerHooks === 'function') installHere(root);
  else if (typeof Module.register === 'function') installInThread(root);
}

function installHere(root) {
  const state = {
    get generation() {
      return generation;
    },
    get standsIn() {
      return standIn !== null;
    },
    textOf: overlay.textOf,
  };
  const hooks = makeHooks(root, state);
  Module.registerHooks({
    resolve(specifier, context, next) {
      const asked = hooks.resolved(specifier, null);
      if (asked) return asked;
      const found = next(specifier, context);
      // Modules that are required keep their plain address: their cache is cleared instead.
      return (context.conditions || []).includes('require') ? found : hooks.resolved('', found);
    },
    load(url, context, next) {
      if (url.startsWith(STAND_IN)) {
        return { format: 'module', source: standInSource(), shortCircuit: true };
      }
      return hooks.loaded(url, next(url, context));
    },
  });
}

/** The same for a Node whose hooks live in a thread of their own. */
function installInThread(root) {
  const source = `
    import { fileURLToPath } from 'node:url';
    import path from 'node:path';
    const MARK = ${JSON.stringify(MARK)}, STAND_IN = ${JSON.stringify(STAND_IN)};
    const own = ${own};
    const makeHooks = ${makeHooks};
    let hooks, standInSource, texts = new Map();
    const state = { generation: 0, standsIn: false, textOf: (file) => texts.get(file) };
    export function initialize({ port, root }) {
      hooks = makeHooks(root, state);
      port.on('message', ({ generation, files, source, flag }) => {
        state.generation = generation;
        state.standsIn = source !== null;
        standInSource = source;
        texts = new Map(files);
        Atomics.store(flag, 0, 1);
        Atomics.notify(flag, 0);
      });
      port.unref();
    }
    export async function resolve(specifier, context, next) {
      return hooks.resolved(specifier, null) ?? hooks.resolved('', await next(specifier, context));
    }
    export async function load(url, context, next) {
      if (url.startsWith(STAND_IN)) return { format: 'module', source: standInSource, shortCircuit: true };
      return hooks.loaded(url, await next(url, context));
    }`;
  const { port1, port2 } = new MessageChannel();
  port1.unref();
  Module.register(`data:text/javascript,${encodeURIComponent(source)}`, {
    data: { port: port2, root },
    transferList: [port2],
  });
  tell = () => {
    const flag = new Int32Array(new SharedArrayBuffer(4));
    const files = [...overlay.texts].map(([file, { text }]) => [file, text]);
    port1.postMessage({ generation, files, source: standIn && standInSource(), flag });
    Atomics.wait(flag, 0, 0, 5000);
  };
}

/** Forget the project's modules, so that what is loaded next is new. */
function forget(root) {
  generation += 1;
  for (const file of Object.keys(require.cache)) {
    if (own(root, file)) delete require.cache[file];
  }
  if (module.parent) module.parent.children.length = 0;
  module.children.length = 0;
}

/** Tell the loader of ES modules what stands in now; before the first import of a trial. */
function announce(root) {
  install(root);
  if (tell !== null) tell();
}

function packageType(file) {
  for (let folder = path.dirname(file); ; folder = path.dirname(folder)) {
    try {
      return JSON.parse(fs.readFileSync(path.join(folder, 'package.json'), 'utf8')).type || '';
    } catch (error) {
      if (folder === path.dirname(folder)) return '';
    }
  }
}

/** Whether Node would take a file for an ES module. */
function isModule(file) {
  if (/\.m[jt]s$/.test(file)) return true;
  if (/\.c[jt]s$/.test(file)) return false;
  const type = packageType(file);
  if (type) return type === 'module';
  const text = overlay.textOf(file) ?? fs.readFileSync(file, 'utf8');
  return /^\s*(?:import\s*[\w{*'"]|export\s+[\w{*])/m.test(text);
}

/** Load a file of the project as Node's command line would. */
async function load(root, file, guarded) {
  const imports = isModule(file);
  if (imports || installed || /\bimport\s*\(/.test(fs.readFileSync(file, 'utf8'))) announce(root);
  if (imports) {
    return import(pathToFileURL(file).href);
  }
  return guarded(() => require(file));
}

module.exports = { announce, forget, install, isModule, load, own, standFor };
