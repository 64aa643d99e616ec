'use strict';
// Takes a list of proposals, has each tried by one of a few processes, and prints what came of it.
// Knows no framework. Guards the time, and that a change which no test can see is said to be unseen.

const fs = require('fs');
const path = require('path');
const { Child, runnerPath } = require('./pool.cjs');
const { Trial } = require('./trial.cjs');

const MARK = '\u001ekodo ';
const CANARY = 'kodo looks whether the tests read this file';
const MOST_SERVED = 200;
const WATCH_MS = 50;

function say(value) {
  process.stdout.write(`\n${MARK}${JSON.stringify(value)}\n`);
}

/** Files that are written for one trial, and put back after it. */
class OnDisk {
  put(files) {
    this.kept = new Map();
    for (const [name, text] of Object.entries(files)) {
      this.kept.set(name, fs.existsSync(name) ? fs.readFileSync(name) : null);
      fs.mkdirSync(path.dirname(path.resolve(name)), { recursive: true });
      fs.writeFileSync(name, text);
    }
  }

  back() {
    for (const [name, data] of this.kept ?? []) {
      if (data === null) fs.rmSync(name, { force: true });
      else fs.writeFileSync(name, data);
    }
    this.kept = null;
  }
}

class Server {
  constructor(job) {
    this.job = job;
    this.disk = job.on_disk ? new OnDisk() : null;
    this.queue = [];
    this.children = new Set();
    this.width = this.disk || job.trials.length < 4 ? 1 : job.width;
    this.passes = 0;
    this.ends = Date.now() + job.seconds * 1000;
    this.stopped = false;
    this.boots = 0;
    this.looked = false;
  }

  async serve() {
    const watch = setInterval(() => {
      for (const child of this.children) child.watch();
      if (Date.now() > this.ends) this.stop();
    }, WATCH_MS);
    this.over = new Promise((resolve) => {
      this.stop = () => {
        this.stopped = true;
        resolve();
      };
    });
    await Promise.race([this.over, this.tryAll()]);
    clearInterval(watch);
    for (const child of this.children) child.kill();
    await Promise.all([...this.children].map((child) => child.gone));
    if (this.disk) this.disk.back();
    const over = { light: this.job.light, looked: this.looked };
    process.stdout.write(`\n${MARK}${JSON.stringify({ over })}\n`, () => process.exit(0));
  }

  async tryAll() {
    const unseen = await this.unseen();
    this.looked = true;
    for (const name of unseen) say({ unseen: name });
    const trials = this.job.trials.filter(
      ({ files }) => !Object.keys(files).some((name) => unseen.has(name)),
    );
    await Promise.all(trials.map((spec) => this.one(spec).then((trial) => this.learn(trial))));
  }

  /** Return the changed files that no test reads: a trial would tell nothing of them. */
  async unseen() {
    const found = new Set();
    for (const [name, { text, chosen }] of Object.entries(this.job.canaries)) {
      const spec = { id: -1, chosen, stop_at: 0 };
      const plain = await this.steady(spec);
      const hashbang = text.startsWith('#!') ? text.indexOf('\n') + 1 : 0;
      const spoiled = `${text.slice(0, hashbang)}throw new Error('${CANARY}');${text.slice(hashbang)}`;
      const changed = await this.one({ ...spec, files: { [name]: spoiled } });
      if (changed.mark === plain.mark && !changed.mark.includes(CANARY)) found.add(name);
    }
    return found;
  }

  /** Run what stands there twice; where that differs from before, what stays loaded is to blame. */
  async steady(spec) {
    let trial;
    for (let turn = 0; turn < 2; turn += 1) {
      trial = await this.one({ ...spec, files: {} });
      if (!this.job.light || trial.isAs(this.job.expected)) continue;
      this.job.light = false;
      for (const child of this.children) child.kill();
      turn = -1;
    }
    return trial;
  }

  learn(trial) {
    if (this.stopped) return;
    say(trial.report());
    if (!trial.good) return;
    this.passes += 1;
    const { stop_after_passes: most, seconds_after_pass: seconds } = this.job;
    if (most && this.passes === 1) this.ends = Math.min(this.ends, Date.now() + seconds * 1000);
    if (most && this.passes >= most) this.stop();
  }

  /** Have one proposal tried; resolves with the trial. */
  one(spec) {
    return new Promise((resolve) => {
      const trial = new Trial(spec, this.job, (_trial, over) => {
        if (this.disk) this.disk.back();
        if (over) resolve(trial);
        else this.queue.unshift(trial);
      });
      this.queue.push(trial);
      this.dispatch();
    });
  }

  dispatch() {
    if (this.stopped) return;
    for (const child of this.children) {
      if (child.dead) this.bury(child);
      else if (child.ready && child.trial === null && this.queue.length) this.feed(child);
    }
    const coming = [...this.children].filter((child) => !child.ready || child.trial === null).length;
    while (this.queue.length > coming && this.children.size < this.width) {
      if (this.boots > 3 && !this.everReady) return this.giveUp();
      this.boots += 1;
      const child = new Child(this.job, runnerPath, (changed) => this.changed(changed));
      this.children.add(child);
      break;
    }
  }

  bury(child) {
    this.children.delete(child);
    if (!child.ready) this.lastError = child.error;
  }

  changed(child) {
    if (child.ready) this.everReady = true;
    if (!child.dead && child.trial === null && child.served >= MOST_SERVED) child.kill();
    setImmediate(() => this.dispatch());
  }

  feed(child) {
    const trial = this.queue.shift();
    if (this.disk) this.disk.put(trial.spec.files);
    if (!trial.tries) trial.began = Date.now();
    child.start(trial);
  }

  giveUp() {
    const error = this.lastError || 'no test process starts';
    for (const trial of this.queue.splice(0)) trial.done({ error });
  }
}

function main() {
  const job = JSON.parse(fs.readFileSync(path.join('.kodo-search', 'jobs.json'), 'utf8'));
  return new Server(job).serve();
}

module.exports = { main };
