'use strict';
// Texts that stand in for files while one proposal is tried, so that trials need not share a disk.
// Knows Node's file functions, no framework. Guards that a cache keyed by time sees a new file.

const fs = require('fs');
const path = require('path');
const { fileURLToPath } = require('url');

const texts = new Map();
let tick = Date.now();

function nameOf(file) {
  if (texts.size === 0 || file === undefined || file === null) return '';
  if (typeof file === 'string') {
    return file.startsWith('file:') ? fileURLToPath(file.split('?')[0]) : path.resolve(file);
  }
  return file instanceof URL && file.protocol === 'file:' ? fileURLToPath(file) : '';
}

function textOf(file) {
  const known = texts.get(nameOf(file));
  return known === undefined ? undefined : known.text;
}

/** Let `files` (path in the project -> text) stand in; whatever stood in before is gone. */
function put(root, files) {
  texts.clear();
  const real = fs.realpathSync(root);
  for (const [name, text] of Object.entries(files)) {
    tick += 1000;
    for (const folder of new Set([root, real])) texts.set(path.join(folder, name), { text, tick });
  }
}

function shaped(text, options) {
  const encoding = typeof options === 'string' ? options : options && options.encoding;
  const data = Buffer.from(text);
  return encoding && encoding !== 'buffer' ? data.toString(encoding) : data;
}

function dated(file, found) {
  const known = found && texts.get(nameOf(file));
  if (known) {
    found.mtime = new Date(known.tick);
    found.mtimeMs = known.tick;
    found.size = Buffer.byteLength(known.text);
  }
  return found;
}

/** Put the overlay in front of the functions that loaders read with. Before anything else loads. */
function install() {
  const { readFileSync, readFile, statSync } = fs;
  const read = fs.promises.readFile;
  fs.readFileSync = function (file, options) {
    const text = textOf(file);
    return text === undefined ? readFileSync.apply(this, arguments) : shaped(text, options);
  };
  fs.readFile = function (file, options, callback) {
    const text = textOf(file);
    if (text === undefined) return readFile.apply(this, arguments);
    const done = typeof options === 'function' ? options : callback;
    return process.nextTick(done, null, shaped(text, options));
  };
  fs.promises.readFile = function (file, options) {
    const text = textOf(file);
    return text === undefined
      ? read.apply(this, arguments)
      : Promise.resolve(shaped(text, options));
  };
  fs.statSync = function (file) {
    return dated(file, statSync.apply(this, arguments));
  };
}

module.exports = { install, put, textOf, texts };
