'use strict';
// The process that runs tests: it loads a framework once and then tries one proposal after another.
// Knows drivers by name. Guards that a trial which waits for nothing ends.

const fs = require('fs');
const net = require('net');
const readline = require('readline');
const fresh = require('./fresh.cjs');
const overlay = require('./overlay.cjs');
const { Recorder, plain } = require('./recorder.cjs');
const { Spectrum } = require('./spectrum.cjs');
const spawned = require('./spawned.cjs');
const timers = require('./timers.cjs');

const REPORTS = 3;
const COMMANDS = 4;
const DRIVERS = {
  jest: () => require('./jest_driver.cjs'),
  mocha: () => require('./mocha_driver.cjs'),
  node: () => require('./node_driver.cjs'),
  plain: () => require('./plain_driver.cjs'),
  vitest: () => require('./vitest_driver.cjs'),
};

let waiting = '';

/** Tell the server; what can wait goes with what comes next, since each write costs. */
function send(value, canWait = false) {
  waiting += `${JSON.stringify(value)}\n`;
  if (canWait) return;
  let data = Buffer.from(waiting);
  waiting = '';
  while (data.length) data = data.subarray(fs.writeSync(REPORTS, data));
}

/** Who wants to know that nothing is left to do: what it waits for will never come. */
class Idle {
  constructor() {
    this.call = null;
  }

  on(call) {
    this.call = call;
  }

  off() {
    this.call = null;
  }
}

class Worker {
  constructor() {
    this.root = process.cwd();
    this.idle = new Idle();
    this.session = {
      root: this.root,
      idle: this.idle,
      loadMs: 10_000,
      uncaught: null,
      send,
    };
    this.driver = null;
    this.busy = false;
    this.stuck = null;
  }

  start() {
    this.socket = new net.Socket({ fd: COMMANDS, readable: true, writable: false });
    const lines = readline.createInterface({ input: this.socket });
    let before = Promise.resolve();
    lines.on('line', (line) => {
      before = before.then(() => this.take(JSON.parse(line)));
    });
    lines.on('close', () => process.reallyExit(0));
    spawned.watch();
  }

  async take(message) {
    try {
      if (message.job) await this.open(message.job);
      else await this.tryOne(message.trial);
    } catch (error) {
      send({ done: true, error: plain(error) || 'unknown', recycle: true });
    }
  }

  async open(job) {
    this.job = job;
    const name = job.framework;
    this.driver = await DRIVERS[name]().open(job, this.session);
    this.listen();
    this.usual = timers.count();
    send({ ready: true, files: this.driver.files });
  }

  /** Errors that nobody catches end a test, not this process; an empty loop ends a wait. */
  listen() {
    const uncaught = (error) => {
      if (this.session.uncaught) this.session.uncaught(error);
    };
    process.on('uncaughtException', uncaught);
    process.on('unhandledRejection', uncaught);
    process.on('beforeExit', () => {
      if (!this.busy) return;
      const call = this.idle.call ?? this.stuck;
      this.idle.off();
      if (call) call();
      setImmediate(() => {});
    });
  }

  async tryOne(trial) {
    overlay.put(this.root, trial.files || {});
    spawned.count();
    this.session.loadMs = trial.load_ms;
    const spectrum = trial.trace ? new Spectrum(this.root) : null;
    const recorder = new Recorder(this.root, trial, spectrum, send);
    const answer = { done: true };
    this.busy = true;
    this.socket.unref();
    const stuck = new Promise((resolve) => {
      this.stuck = () => {
        answer.error = 'the tests wait for what never comes';
        answer.recycle = true;
        resolve();
      };
    });
    await Promise.race([this.attempt(trial, recorder), stuck]);
    timers.clear();
    this.socket.ref();
    this.busy = false;
    if (spectrum) spectrum.close();
    answer.stalled = recorder.stalled;
    answer.spawned = spawned.count() > 0;
    answer.recycle ||= this.isLittered() || process.memoryUsage().heapUsed > trial.heap_bytes;
    overlay.put(this.root, {});
    send(answer);
  }

  /** Whether trials have left timers behind, which would fire in those that come. */
  isLittered() {
    return timers.count() > this.usual + (this.driver.mayLeave ?? 0);
  }

  /** Run what is asked for first, then all, where that passes. */
  async attempt(trial, recorder) {
    await this.driver.run(trial.chosen, recorder);
    const passed = [...recorder.outcomes.values()].includes('passed');
    if (!trial.chosen || recorder.failed || !passed) return;
    send({ whole: true });
    recorder.wanted = null;
    recorder.outcomes.clear();
    await this.driver.run(null, recorder);
  }
}

/** Take the place of what the project loads, before it loads anything. */
function preload() {
  overlay.install();
  timers.watch();
  // What the project itself loads in advance may transform files, and has to come after this.
  if (process.execArgv.some((word) => /^--(?:import|loader|experimental-loader)\b/.test(word))) {
    fresh.install(process.cwd());
  }
  globalThis[Symbol.for('kodo.work')] = () => new Worker().start();
}

module.exports = { preload };
