'use strict';
// Runs the files of a `node --test` project: each with its modules new, as in a process of its own.
// Knows which files Node takes for tests. Guards that a file that cannot be loaded is a failure.

const fs = require('fs');
const path = require('path');
const fresh = require('./fresh.cjs');
const { TestFile } = require('./node_test.cjs');

const CODE = /\.[cm]?[jt]sx?$/;
const TEST_NAME = /^(?:test|test-.+|.+[._-]test)\.[cm]?[jt]s$/;

let current = null;

function walk(folder, keep, inTest) {
  const found = [];
  for (const entry of fs.readdirSync(folder, { withFileTypes: true })) {
    const file = path.join(folder, entry.name);
    if (entry.isDirectory() && entry.name !== 'node_modules' && !entry.name.startsWith('.')) {
      found.push(...walk(file, keep, inTest || entry.name === 'test'));
    } else if (entry.isFile() && keep(entry.name, inTest)) {
      found.push(file);
    }
  }
  return found.sort();
}

/** The meaning of `*`, `**`, `?` and `{a,b}` in a path. */
function globbed(word) {
  const parts = { '**/': '(?:.*/)?', '**': '.*', '*': '[^/]*', '?': '[^/]', '{': '(?:', '}': ')', ',': '|' };
  const plain = (text) => text.replace(/[.+^$()|[\]\\]/g, '\\$&');
  const text = word.split(/(\*\*\/|\*\*|[*?{},])/).map((part) => parts[part] ?? plain(part));
  return new RegExp(`^${text.join('')}$`);
}

/** The test files that the arguments of `node --test` name, or those that Node finds by itself. */
function findFiles(root, words) {
  const typed = Boolean(process.features.typescript) || process.execArgv.some((word) => word.includes('tsx'));
  const script = (name) => (typed ? CODE : /\.[cm]?js$/).test(name) && !name.endsWith('.d.ts');
  const isTest = (name, inTest) => script(name) && (inTest || TEST_NAME.test(name));
  if (!words.length) return walk(root, isTest, false);
  return words.flatMap((word) => {
    const place = path.resolve(root, word);
    if (!fs.existsSync(place)) {
      const pattern = globbed(path.normalize(word));
      return walk(root, script, false).filter((file) => pattern.test(path.relative(root, file)));
    }
    return fs.statSync(place).isDirectory() ? walk(place, isTest, path.basename(place) === 'test') : [place];
  });
}

async function open(job, session) {
  const { root } = session;
  const files = findFiles(root, job.arguments).map((file) => path.relative(root, file));
  current = new TestFile('', '', null, session.idle);
  fresh.standFor(() => current.api);

  async function runFile(name, recorder) {
    fresh.forget(root);
    const file = path.join(root, name);
    current = new TestFile(name, file, recorder, session.idle);
    session.uncaught = (error) => (loaded ? current.uncaught(error) : failed(error));
    let loaded = false;
    let failed;
    const broken = new Promise((_resolve, reject) => {
      failed = reject;
      session.idle.on(() => reject(new Error('the file never ends loading')));
    });
    process.argv[1] = file;
    try {
      const load = fresh.load(root, file, (call) => recorder.guarded(call, session.loadMs));
      await Promise.race([load, broken]);
      loaded = true;
      session.idle.off();
      if (current.root.units.length === 0) recorder.keep(`${name}::${name}`, 'passed');
      await current.finish();
    } catch (error) {
      recorder.keep(name, 'failed', error);
    }
    if (current.real && current.real.mock) current.real.mock.reset();
  }

  return {
    files,
    async run(chosen, recorder) {
      for (const name of chosen ?? files) {
        if (!recorder.enough) await runFile(name, recorder);
      }
    },
  };
}

module.exports = { findFiles, open };
