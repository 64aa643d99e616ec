'use strict';
// Runs jest's own runner in this process, with all that does not change loaded once.
// Knows jest from inside, versions 27 to 30. Guards that each trial meets surroundings like new; the
// server looks whether that has worked.

const path = require('path');
const { createRequire } = require('module');

const MOST_PARKED = 20;
const STACK_FRAMES = 25;
const MOST_TIMERS = 50; // those that fire in an environment that is gone do little
const OLD_WORDS = 6; // what `runTests` was called with up to version 27
const CIRCUS = `${path.sep}jest-circus${path.sep}`;
const MATCHERS = 'matchers'; // what `expect.extend` added belongs to `expect`, which stays
const WATCHER = { isInterrupted: () => false, isWatchMode: () => false, on: () => {} };

/** The parts of the project's own jest. */
function findJest(root) {
  const project = createRequire(path.join(root, 'package.json'));
  const inside = (name) => createRequire(project.resolve(`${name}/package.json`));
  let core;
  try {
    core = inside('jest').resolve('@jest/core');
  } catch {
    core = inside('jest-cli').resolve('@jest/core');
  }
  const part = createRequire(core);
  const plain = (name) => part(name).default ?? part(name);
  return {
    SearchSource: require(core).SearchSource,
    config: part('jest-config'),
    Runtime: plain('jest-runtime'),
    Runner: plain('jest-runner'),
  };
}

/** The command line's words as jest's configuration takes them; null where one is not known. */
function readWords(words) {
  const found = { _: [], $0: 'jest' };
  for (let at = 0; at < words.length; at += 1) {
    const [word, given] = words[at].split(/=(.*)/s);
    const value = () => given ?? words[(at += 1)];
    if (word === '-c' || word === '--config') found.config = value();
    else if (word === '--rootDir') found.rootDir = value();
    else if (word === '--env' || word === '--testEnvironment') found.testEnvironment = value();
    else if (word === '--testPathPattern' || word === '--testPathPatterns') found._.push(value());
    else if (word === '--maxWorkers' || word === '-w' || word === '--coverageReporters') value();
    else if (word === '--passWithNoTests' || word === '--runInBand' || word === '-i') continue;
    else if (/^--(?:ci|silent|verbose|coverage|no-cache|forceExit|detectOpenHandles|bail|colors?|no-watchman|watchAll|watch)$/.test(word)) continue;
    else if (word.startsWith('-')) return null;
    else found._.push(word);
  }
  return found;
}

function nameOf(test) {
  const names = [];
  for (let at = test; at && at.parent; at = at.parent) names.unshift(at.name);
  return names.join(' \u203a ');
}

class Jest {
  constructor(session) {
    this.session = session;
    this.root = session.root;
    this.recorder = null;
    this.parked = new Map();
    this.light = false;
  }

  async open(job) {
    const words = readWords(job.arguments);
    if (words === null) throw new Error('kodo: unknown words on the command line of jest');
    this.light = Boolean(job.light);
    process.env.NODE_ENV ??= 'test';
    process.env.JEST_WORKER_ID ??= '1';
    const jest = (this.jest = findJest(this.root));
    const { globalConfig, configs } = await jest.config.readConfigs({ ...words, watchman: false }, [this.root]);
    if (globalConfig.globalSetup || configs.some((one) => one.globalSetup)) {
      throw new Error('kodo: a globalSetup runs outside of the tests');
    }
    this.globalConfig = Object.freeze({ ...globalConfig, collectCoverage: false, silent: true, bail: 0 });
    this.tests = [];
    for (const config of configs) {
      const context = await jest.Runtime.createContext(config, { console, maxWorkers: 1, watch: false, watchman: false });
      const found = await new jest.SearchSource(context).getTestPaths(this.globalConfig, config);
      this.tests.push(...found.tests);
      this.intercept(config.testRunner);
    }
    this.tests.sort((a, b) => (a.path < b.path ? -1 : 1));
    this.files = this.tests.map((test) => path.relative(this.root, test.path));
  }

  /** Put ourselves between jest and its test runner, where all parts of one file meet. */
  intercept(file) {
    const real = require(file);
    const run = real.default ?? real;
    if (run.kodo) return;
    const between = (...words) => this.between(run, words);
    between.kodo = true;
    const described = Object.getOwnPropertyDescriptors(real);
    const exported = { ...described, default: { value: between, enumerable: true } };
    require.cache[require.resolve(file)].exports = real.default ? Object.defineProperties({}, exported) : between;
  }

  async between(run, words) {
    const [, , environment, runtime, file] = words;
    this.listenTo(environment, path.relative(this.root, file));
    if (!this.parking) return run(...words);
    const parked = new Parked(run, words, environment, runtime);
    this.parked.set(file, parked);
    this.parking(parked);
    return parked.closed;
  }

  listenTo(environment, file) {
    const inner = environment.handleTestEvent;
    environment.handleTestEvent = async (event, state) => {
      if (inner) await inner.call(environment, event, state);
      this.hear(event, state, file);
    };
  }

  hear(event, state, file) {
    const { recorder } = this;
    const { test } = event;
    const name = test ? `${file}::${nameOf(test)}` : file;
    if (event.name === 'test_start') {
      if (test.mode === 'skip' || test.mode === 'todo') return;
      if (recorder.enough || !recorder.wants(name)) {
        test.mode = 'skip';
        return;
      }
      if (test.fn) this.limit(test);
      recorder.begin(name);
    } else if (event.name === 'test_done') {
      if (test.mode === 'skip' || test.mode === 'todo') return;
      const [error] = test.errors.flat().filter(Boolean);
      recorder.end(name, error === undefined ? 'passed' : 'failed', error);
      test.errors = []; // or jest would format them for people, which takes longer than the test
    } else if (event.name === 'run_finish') {
      for (const error of state.unhandledErrors) recorder.keep(file, 'failed', [error].flat()[0]);
    }
  }

  /** End a test that never returns; one that never resolves is left to jest. */
  limit(test) {
    const { recorder } = this;
    const { fn } = test;
    const limited = fn.length
      ? function (done) {
          return recorder.guarded(() => fn.call(this, done));
        }
      : function () {
          return recorder.guarded(() => fn.call(this));
        };
    test.fn = limited;
    test.timeout = Math.min(test.timeout || 5000, Math.max(1000, 4 * recorder.limitMs));
  }

  async run(chosen, recorder) {
    this.recorder = recorder;
    for (const test of this.tests) {
      const name = path.relative(this.root, test.path);
      if (chosen && !chosen.includes(name)) continue;
      if (recorder.enough) return;
      if (this.light) await this.runLight(test, name);
      else await this.runOnce(test, name);
    }
  }

  /** Start jest's runner on one file. */
  start(test, ended) {
    const runner = new this.jest.Runner(this.globalConfig, {});
    if (runner.runTests.length < OLD_WORDS) {
      runner.on('test-file-success', ([, result]) => ended(null, result));
      runner.on('test-file-failure', ([, error]) => ended(error));
      return runner.runTests([test], WATCHER, { serial: true });
    }
    const good = async (_test, result) => ended(null, result);
    const bad = async (_test, error) => ended(error);
    return runner.runTests([test], WATCHER, async () => {}, good, bad, { serial: true });
  }

  async runOnce(test, name) {
    this.parking = null;
    await this.start(test, (error, result) => this.judge(name, error, result));
  }

  judge(name, error, result) {
    const failed = error ?? (result && result.testExecError);
    if (failed) {
      const known = failed instanceof Error ? failed : Object.assign(new Error(failed.message), failed);
      this.recorder.keep(name, 'failed', known);
    }
  }

  /** Run a file in the surroundings that an earlier trial has made. */
  async runLight(test, name) {
    let parked = this.parked.get(test.path);
    if (parked === undefined) {
      while (this.parked.size >= MOST_PARKED) await this.unpark();
      let failed = null;
      parked = await new Promise((resolve, reject) => {
        this.parking = resolve;
        Promise.resolve(this.start(test, (error, result) => {
          failed = error ?? (result && result.testExecError) ?? null;
          resolve(null);
        })).catch(reject); // prettier-ignore
      });
      this.parking = null;
      if (parked === null) {
        this.judge(name, failed);
        return;
      }
    }
    try {
      Error.stackTraceLimit = STACK_FRAMES;
      this.judge(name, null, await parked.run());
    } catch (error) {
      this.judge(name, error);
    } finally {
      parked.reset();
    }
  }

  /** Give up the surroundings that were used longest ago. */
  async unpark() {
    const [file, parked] = this.parked.entries().next().value;
    this.parked.delete(file);
    parked.close();
  }
}

/** One test file's surroundings, kept: the global objects, and jest's own modules inside them. */
class Parked {
  constructor(run, words, environment, runtime) {
    this.words = words;
    this.runner = run;
    this.environment = environment;
    this.runtime = runtime;
    this.before = new Set(Reflect.ownKeys(environment.global));
    this.closed = new Promise((resolve) => {
      this.close = () => resolve({ numPassingTests: 0, numFailingTests: 0, numPendingTests: 0, numTodoTests: 0, testResults: [], snapshot: {}, perfStats: {} });
    }); // prettier-ignore
    this.internal = runtime._internalModuleRegistry ?? (runtime.registries && runtime.registries.internalModuleRegistry);
    if (!(this.internal instanceof Map)) throw new Error('kodo: an unknown jest');
  }

  run() {
    // Newer ones refuse what is loaded between tests, and a file's first load is just that here.
    if (this.used && this.runtime.enterTestCode) this.runtime.enterTestCode();
    this.used = true;
    return this.runner(...this.words);
  }

  /** Make everything new that a trial may have touched. */
  reset() {
    const { runtime, environment } = this;
    for (const file of [...this.internal.keys()]) {
      if (file.includes(CIRCUS)) this.internal.delete(file);
    }
    runtime.restoreAllMocks();
    // In this order: the older ones would take away what the newer ones want to put back.
    for (const timers of [environment.fakeTimersModern, environment.fakeTimers]) {
      if (timers && timers.useRealTimers) timers.useRealTimers();
    }
    runtime.resetModules();
    // Older ones keep what they have read.
    for (const kept of [runtime._cacheFS, runtime._fileTransforms]) {
      if (kept instanceof Map) kept.clear();
    }
    for (const key of Reflect.ownKeys(environment.global)) {
      if (this.before.has(key) || String(key).includes(MATCHERS)) continue;
      try {
        delete environment.global[key];
      } catch {
        // what cannot be deleted was not put there by a test
      }
    }
  }
}

async function open(job, session) {
  const jest = new Jest(session);
  await jest.open(job);
  return {
    files: jest.files,
    mayLeave: MOST_TIMERS,
    run: (chosen, recorder) => jest.run(chosen, recorder),
  };
}

module.exports = { open, readWords };
