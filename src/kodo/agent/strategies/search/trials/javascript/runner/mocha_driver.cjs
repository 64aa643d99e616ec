'use strict';
// Runs mocha's own library in this process: a new Mocha and new modules for every trial.
// Knows mocha's command line and events. Guards that options it does not know stay with mocha.

const path = require('path');
const { createRequire } = require('module');
const fresh = require('./fresh.cjs');

const REFUSED = ['parallel', 'watch', 'globalSetup', 'globalTeardown', 'grep', 'fgrep', 'invert', 'browser'];

function nameOf(test) {
  return test.titlePath().join(' > ');
}

class Mocha {
  constructor(session) {
    this.session = session;
    this.root = session.root;
  }

  async open(job) {
    const mocha = createRequire(createRequire(path.join(this.root, 'package.json')).resolve('mocha/package.json'));
    const either = (name) => {
      try {
        return mocha(`${name}.js`);
      } catch {
        return mocha(`${name}.cjs`); // since version 12
      }
    };
    this.Mocha = either('./lib/mocha');
    const { loadOptions } = either('./lib/cli/options');
    const collect = either('./lib/cli/collect-files');
    const { handleRequires } = either('./lib/cli/run-helpers');
    const options = loadOptions(job.arguments);
    const refused = REFUSED.find((name) => options[name] !== undefined && options[name] !== false);
    if (refused) throw new Error(`kodo: mocha's ${refused} is not known here`);
    const spec = [...(options._ ?? []), ...(options.spec ?? [])];
    this.required = options.require ? await handleRequires([options.require].flat(), {}) : {};
    if (this.required.globalSetup) throw new Error('kodo: a global setup runs outside of the tests');
    this.options = { ...options, fullTrace: true, color: false, bail: false, parallel: false };
    const found = collect({
      ignore: [options.ignore ?? options.exclude ?? []].flat(),
      extension: [options.extension ?? ['js', 'cjs', 'mjs']].flat(),
      file: [options.file ?? []].flat(),
      recursive: Boolean(options.recursive),
      sort: true,
      spec: spec.length ? spec : ['./test'],
    });
    this.paths = Array.isArray(found) ? found : found.files;
    this.files = this.paths.map((file) => path.relative(this.root, file));
  }

  async run(chosen, recorder) {
    fresh.forget(this.root);
    const mocha = new this.Mocha({ ...this.options, ...this.required, reporter: function () {} });
    const names = new Map();
    this.session.uncaught = null;
    for (const [index, file] of this.paths.entries()) {
      if (!chosen || chosen.includes(this.files[index])) mocha.addFile(file);
      names.set(file, this.files[index]);
    }
    try {
      await this.load(mocha, recorder);
    } catch (error) {
      recorder.keep(this.files.find((file) => !chosen || chosen.includes(file)) ?? 'mocha', 'failed', error);
      return;
    }
    await new Promise((resolve) => {
      const runner = mocha.run(resolve);
      const full = (test) => `${names.get(test.file) ?? test.file}::${nameOf(test)}`;
      runner.on('test', (test) => {
        if (recorder.enough) return runner.abort();
        if (!recorder.wants(full(test))) return void (test.pending = true);
        this.limit(test, recorder);
        return recorder.begin(full(test));
      });
      runner.on('pass', (test) => recorder.end(full(test), 'passed'));
      runner.on('fail', (test, error) => {
        if (test.type === 'hook') recorder.keep(`${full(test)}`, 'failed', error);
        else recorder.end(full(test), 'failed', error);
      });
    });
    mocha.dispose();
  }

  /** Load the test files; those that are required, in one guarded call. */
  async load(mocha, recorder) {
    const imports = mocha.files.some((file) => fresh.isModule(file));
    if (imports) fresh.announce(this.root);
    if (imports) await mocha.loadFilesAsync();
    else recorder.guarded(() => mocha.loadFiles(), this.session.loadMs);
    mocha.lazyLoadFiles(true);
  }

  limit(test, recorder) {
    const { fn } = test;
    if (typeof fn !== 'function') return;
    test.fn = fn.length
      ? function (done) {
          return recorder.guarded(() => fn.call(this, done));
        }
      : function () {
          return recorder.guarded(() => fn.call(this));
        };
    if (test.timeout() > 0) test.timeout(Math.min(test.timeout(), Math.max(1000, 4 * recorder.limitMs)));
  }
}

async function open(job, session) {
  const mocha = new Mocha(session);
  await mocha.open(job);
  return { files: mocha.files, run: (chosen, recorder) => mocha.run(chosen, recorder) };
}

module.exports = { open };
