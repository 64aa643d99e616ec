'use strict';
// Stands in for `node:test`: the same functions for tests, run by us in one process again and again.
// Knows what that module exports. Guards that what it cannot do fails, so that nobody believes it.

const { isPromise } = require('util').types;

// Older ones cancel a subtest that nobody waits for.
const WAITS_FOR_SUBTESTS = Number(process.versions.node.split('.')[0]) >= 24;
const CANCELLED = 'test did not finish before its parent and was cancelled';
const DRAINED = 'Promise resolution is still pending but the event loop has already resolved';

const real = (() => {
  try {
    return require('node:test');
  } catch {
    return null;
  }
})();

/** A test or a suite of tests, with its hooks and what is below it. */
class Unit {
  constructor(parent, kind, name, options, call) {
    this.parent = parent;
    this.kind = kind;
    this.name = name;
    this.options = options;
    this.call = call;
    this.units = [];
    this.hooks = { before: [], after: [], beforeEach: [], afterEach: [] };
    this.error = undefined;
    this.started = false;
    this.finished = new Promise((resolve) => {
      this.finish = resolve;
    });
  }

  get path() {
    return this.parent === null ? [] : [...this.parent.path, this.name];
  }

  /** The hooks of everything around this unit, the outermost first. */
  around(kind) {
    const outer = this.parent === null ? [] : this.parent.around(kind);
    return [...outer, ...this.hooks[kind]];
  }
}

/** What a test function is given: names, subtests, hooks and remarks. */
class Context {
  constructor(file, unit) {
    this.file = file;
    this.unit = unit;
    this.name = unit.name;
    this.fullName = unit.path.join(' > ');
    this.filePath = file.path;
    this.signal = new AbortController().signal;
    for (const kind of Object.keys(unit.hooks)) this[kind] = (call) => unit.hooks[kind].push(call);
    this.test = (...words) => file.subtest(unit, words);
    this.it = this.test;
    this.test.skip = (name) => file.subtest(unit, [name, { skip: true }, () => {}]);
    this.test.todo = this.test.skip;
    this.assert = require('assert');
  }

  get mock() {
    return (this.tracker ??= new real.mock.constructor());
  }

  diagnostic() {}

  runOnly() {}

  plan() {
    throw new Error('kodo: t.plan is not known here');
  }

  skip() {
    this.unit.skipped = true;
  }

  todo() {
    this.unit.options = { ...this.unit.options, todo: true };
  }
}

/** All tests of one file while it is tried once. */
class TestFile {
  constructor(name, path, recorder, idle) {
    this.name = name;
    this.path = path;
    this.recorder = recorder;
    this.idle = idle;
    this.root = new Unit(null, 'suite', '', {}, null);
    this.at = this.root;
    this.current = null;
    this.running = null;
    this.isDrained = false;
    this.real = real;
    this.api = this.makeApi();
  }

  makeApi() {
    const named = (kind, more) => (...words) => this.add(kind, words, more);
    const make = (kind) => {
      const make = named(kind, {});
      make.skip = named(kind, { skip: true });
      make.todo = named(kind, { todo: true });
      make.only = named(kind, {});
      return make;
    };
    const api = make('test');
    const suite = make('suite');
    const hook = (kind) => (call) => void this.at.hooks[kind].push(call);
    Object.assign(api, {
      test: api, it: make('test'), describe: suite, suite, default: api,
      before: hook('before'), after: hook('after'),
      beforeEach: hook('beforeEach'), afterEach: hook('afterEach'),
      mock: real && real.mock, assert: real && real.assert, snapshot: real && real.snapshot, run: real && real.run,
    }); // prettier-ignore
    return api;
  }

  add(kind, words, more) {
    const call = words.find((word) => typeof word === 'function') || (() => {});
    const name = typeof words[0] === 'string' ? words[0] : call.name || '<anonymous>';
    const options = { ...words.find((word) => word && typeof word === 'object'), ...more };
    const unit = new Unit(this.at, kind, name, options, call);
    this.at.units.push(unit);
    if (kind === 'suite' && !options.skip) this.collect(unit);
    if (unit.parent === this.root) this.start();
    return kind === 'suite' ? Promise.resolve() : unit.finished;
  }

  /** Run a suite's function, which says what is in it. */
  collect(unit) {
    const before = this.at;
    this.at = unit;
    try {
      const value = this.recorder.guarded(() => unit.call.call(unit, unit));
      if (isPromise(value)) unit.collecting = value.catch((error) => void (unit.error = error));
    } catch (error) {
      unit.error = error;
    } finally {
      this.at = before;
    }
  }

  subtest(parent, words) {
    const before = this.at;
    this.at = parent;
    this.add('test', words, {});
    this.at = before;
    const unit = parent.units[parent.units.length - 1];
    parent.chain = (parent.chain || Promise.resolve()).then(() => this.run(unit));
    return unit.finished;
  }

  /** Start with the tests that are known, as Node does: the file may still be loading. */
  start() {
    this.running ??= new Promise((resolve) => setImmediate(resolve)).then(() => this.runUnits(this.root));
  }

  /** Run what is left once the file is loaded; resolves when all tests have ended. */
  async finish() {
    this.start();
    await this.running;
    await this.runUnits(this.root);
    await this.hooksOf(this.root.hooks.after, this.root).catch((error) => {
      this.recorder.keep(`${this.name}::after`, 'failed', error);
    });
  }

  async runUnits(unit) {
    for (let at = 0; at < unit.units.length && !this.recorder.enough; at += 1) {
      if (!unit.units[at].started) await this.run(unit.units[at]);
    }
  }

  async run(unit) {
    if (unit.started) return unit.finished;
    unit.started = true;
    if (unit.kind === 'suite') await this.runSuite(unit);
    else await this.runTest(unit);
    unit.finish();
    return undefined;
  }

  async runSuite(unit) {
    if (unit.collecting) await this.waited(unit.collecting, unit);
    if (unit.error !== undefined) this.keep(unit, 'failed', unit.error);
    if (unit.options.skip || unit.error !== undefined) return;
    await this.runUnits(unit);
    if (unit.ready) {
      await this.hooksOf(unit.hooks.after, unit).catch((error) => this.keep(unit, 'failed', error));
    }
  }

  /** Run the `before` hooks around a unit that have not run yet. */
  prepare(unit) {
    const ready = async () => {
      if (unit.parent !== null) await this.prepare(unit.parent);
      await this.hooksOf(unit.hooks.before, unit);
    };
    return (unit.ready ??= ready());
  }

  async runTest(unit) {
    const { recorder } = this;
    const name = this.nameOf(unit);
    if (unit.options.skip) return recorder.keep(name, 'skipped');
    if (this.isDrained) return recorder.keep(name, 'failed', new Error(CANCELLED));
    if (unit.parent.kind === 'suite' && !recorder.wants(name) && !this.wantsBelow(name)) return undefined;
    const context = new Context(this, unit);
    const outer = this.current;
    this.current = unit;
    recorder.begin(name);
    try {
      await this.prepare(unit.parent);
      await this.hooksOf(unit.parent.around('beforeEach'), unit, context);
      await this.called(unit.call, context, unit);
      await this.subtests(unit);
    } catch (error) {
      unit.error ??= error;
    }
    if (unit.failing !== undefined) unit.error ??= unit.failing;
    try {
      await this.hooksOf(unit.hooks.after, unit, context);
      await this.hooksOf(unit.parent.around('afterEach'), unit, context);
    } catch (error) {
      unit.error ??= error;
    }
    if (context.tracker) context.tracker.reset();
    this.current = outer;
    return this.judge(unit, name);
  }

  judge(unit, name) {
    const failed = unit.error !== undefined && !unit.options.todo;
    const below = unit.units.some((one) => one.failed);
    unit.failed = failed || below;
    if (unit.skipped || unit.options.todo) this.recorder.end(name, 'skipped');
    else if (failed) this.recorder.end(name, 'failed', unit.error);
    else this.recorder.end(name, below ? 'parent' : 'passed');
  }

  /** Wait for the subtests of a test; one that nobody waited for is cancelled, as in Node. */
  async subtests(unit) {
    if (!WAITS_FOR_SUBTESTS && unit.units.some((one) => !one.started)) {
      throw new Error(CANCELLED);
    }
    if (unit.chain) await unit.chain;
  }

  async hooksOf(hooks, unit, context = new Context(this, unit)) {
    for (const hook of hooks) await this.called(hook, context, unit);
  }

  async called(call, context, unit) {
    const { recorder } = this;
    if (call.length >= 2) {
      let done;
      const ended = new Promise((resolve, reject) => {
        done = (error) => (error ? reject(error) : resolve());
      });
      recorder.guarded(() => call.call(context, context, done));
      return this.waited(ended, unit);
    }
    const value = recorder.guarded(() => call.call(context, context));
    return isPromise(value) || (value && typeof value.then === 'function') ? this.waited(value, unit) : value;
  }

  /** Wait for a promise, but not for ever. */
  async waited(promise, unit) {
    const limitMs = unit.options.timeout || 4 * this.recorder.limitMs;
    let timer;
    const late = new Promise((_resolve, reject) => {
      timer = setTimeout(() => reject(new Error(`test timed out after ${limitMs}ms`)), limitMs);
      timer.unref();
      this.idle.on(() => {
        this.isDrained = true; // then Node runs none of those that come
        reject(new Error(DRAINED));
      });
      unit.stop = reject;
    });
    try {
      return await Promise.race([promise, late]);
    } finally {
      clearTimeout(timer);
      this.idle.off();
    }
  }

  /** An error that nobody caught belongs to the test that runs. */
  uncaught(error) {
    if (this.current === null) return;
    this.current.failing ??= error;
    if (this.current.stop) this.current.stop(error);
  }

  keep(unit, outcome, error) {
    this.recorder.keep(this.nameOf(unit), outcome, error);
  }

  nameOf(unit) {
    return `${this.name}::${unit.path.join(' > ')}`;
  }

  wantsBelow(name) {
    return [...this.recorder.wanted].some((wanted) => wanted.startsWith(`${name} > `));
  }
}

module.exports = { TestFile };
