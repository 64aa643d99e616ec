'use strict';
// One proposal while it is tried: what its tests have said so far, and what is sent to a process.
// Knows limits, not processes. Guards that a test that was cut is a failure with a name.

const COLD = 4; // a process that has just started loads and compiles everything on the way
const MOST_TRIES = 2;
const PATIENCE = 1.25; // the process itself ends what takes too long, where it can

class Trial {
  constructor(spec, job, finished) {
    this.spec = spec;
    this.job = job;
    this.finished = finished;
    this.tests = {};
    this.current = '';
    this.narrow = Boolean(spec.chosen);
    this.began = Date.now();
    this.tries = 0;
    this.answer = {};
  }

  /** What the process is told. */
  get message() {
    const slower = 3 ** this.tries;
    return {
      ...this.spec,
      files: this.job.on_disk ? {} : this.spec.files,
      test_ms: this.job.test_ms * slower,
      load_ms: this.job.load_ms * slower,
      is_last: this.tries >= MOST_TRIES,
      heap_bytes: this.job.heap_mb * 600_000,
    };
  }

  hear(value) {
    if (value.begin) this.current = value.begin;
    if (value.name) {
      const known = this.tests[value.name];
      if (known === undefined || known.outcome !== 'failed') this.tests[value.name] = value.test;
      if (value.name === this.current) this.current = '';
    }
    if (value.whole) {
      this.tests = {};
      this.narrow = false;
    }
  }

  /** How long the process may go without a word. */
  limitMs(isCold) {
    const { test_ms: test, load_ms: load } = this.message;
    return PATIENCE * (this.current ? test : isCold ? COLD * load : load);
  }

  done(answer) {
    if (answer.stalled && this.tries < MOST_TRIES) {
      this.tries += 1;
      this.tests = {};
      this.narrow = Boolean(this.spec.chosen);
      return this.finished(this, false);
    }
    if (answer.timed_out && this.current) {
      const limit = this.message.test_ms / 1000;
      const message = `TestTimeout: the test ran longer than ${limit} s`;
      this.tests[this.current] = { outcome: 'failed', message, frames: [], seconds: limit };
      answer = { ...answer, timed_out: Object.values(this.tests).every((test) => test.outcome !== 'passed') };
    }
    Object.assign(this.answer, answer);
    return this.finished(this, true);
  }

  died(error) {
    if (this.current) this.tests[this.current] = { outcome: 'failed', message: error, frames: [] };
    return this.done({ error });
  }

  get failed() {
    return Object.values(this.tests).some((test) => test.outcome === 'failed');
  }

  get good() {
    const tests = Object.values(this.tests);
    const passed = tests.some((test) => test.outcome === 'passed');
    return passed && !this.failed && !this.answer.error && !this.answer.timed_out;
  }

  /** Whether the tests came out as `expected` (name -> outcome) says of them. */
  isAs(expected) {
    const tests = Object.entries(this.tests);
    return tests.length > 0 && tests.every(([name, test]) => test.outcome === expected[name]);
  }

  /** What two equal outcomes have in common. */
  get mark() {
    const told = Object.entries(this.tests).map(([name, test]) => [name, test.outcome, test.message ?? '']);
    return JSON.stringify([told.sort(), this.answer.error ?? '', Boolean(this.answer.timed_out)]);
  }

  report() {
    return {
      id: this.spec.id,
      tests: this.tests,
      error: this.answer.error ?? '',
      timed_out: Boolean(this.answer.timed_out),
      narrow: this.narrow,
      spawned: Boolean(this.answer.spawned),
      seconds: (Date.now() - this.began) / 1000,
    };
  }
}

module.exports = { Trial };
