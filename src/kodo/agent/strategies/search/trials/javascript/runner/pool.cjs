'use strict';
// The processes that run tests, seen from outside: started, fed, watched and replaced.
// Knows processes, not tests. Guards that an endless loop or endless memory ends only the one trial.

const fs = require('fs');
const path = require('path');
const readline = require('readline');
const { spawn } = require('child_process');

const TICK_MS = 10; // what /proc counts processor time in
const PAGE_BYTES = 4096;
const WORK = `globalThis[Symbol.for('kodo.work')]()`;

/** Processor time that a process has used, in milliseconds; null where the system does not tell. */
function usedMs(pid) {
  try {
    const text = fs.readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
  } catch {
    return null;
  }
}

function residentBytes(pid) {
  try {
    return Number(fs.readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]) * PAGE_BYTES;
  } catch {
    return 0;
  }
}

/** One process and the trial it is busy with, or null. */
class Child {
  constructor(job, runner, onChange) {
    this.job = job;
    this.onChange = onChange;
    this.trial = null;
    this.ready = false;
    this.dead = false;
    this.served = 0;
    this.error = '';
    const flags = ['--require', runner, `--max-old-space-size=${job.heap_mb}`, ...job.node_flags];
    this.process = spawn(process.execPath, [...flags, '-e', WORK], {
      cwd: process.cwd(),
      detached: true,
      env: { ...process.env, ...job.env, KODO_SEARCH: 'worker' },
      stdio: ['ignore', 'ignore', 'pipe', 'pipe', 'pipe'],
    });
    this.process.stdio[4].on('error', () => {});
    this.process.stderr.on('data', (data) => {
      this.error = (this.error + data).slice(-1500);
    });
    readline.createInterface({ input: this.process.stdio[3] }).on('line', (line) => this.hear(line));
    this.process.on('error', () => this.end('the test process did not start'));
    this.gone = new Promise((resolve) => {
      this.process.on('exit', resolve);
      this.process.on('error', resolve);
    });
    this.process.on('close', (code, signal) => {
      this.end(`the test process died (${signal || `exit code ${code}`})\n${this.error}`);
    });
    this.tell({ job });
    this.progress();
  }

  tell(value) {
    this.process.stdio[4].write(`${JSON.stringify(value)}\n`);
  }

  hear(line) {
    let value;
    try {
      value = JSON.parse(line);
    } catch {
      return; // cut off by the end of the process
    }
    this.progress();
    if (value.ready) {
      this.ready = true;
      this.files = value.files;
      this.onChange(this);
    } else if (this.trial !== null) {
      this.trial.hear(value);
      if (value.done) {
        const trial = this.trial;
        this.trial = null;
        this.served += 1;
        if (value.recycle) this.kill();
        trial.done(value);
        this.onChange(this);
      }
    } else if (value.done && value.error) {
      this.error = value.error;
      this.kill();
      this.onChange(this);
    }
  }

  start(trial) {
    this.trial = trial;
    this.progress();
    this.tell({ trial: trial.message });
  }

  progress() {
    this.movedAt = Date.now();
    this.usedBefore = usedMs(this.process.pid);
  }

  /** Kill the process where it has not moved for too long, or where it has grown too large. */
  watch() {
    if (this.dead || (this.ready && this.trial === null)) return;
    if (residentBytes(this.process.pid) > this.job.memory_bytes) {
      return this.cut({ error: 'the tests take too much memory' });
    }
    const limitMs = this.trial === null ? this.job.boot_ms : this.trial.limitMs(this.served === 0);
    const waited = Date.now() - this.movedAt;
    if (waited < limitMs) return undefined;
    const used = usedMs(this.process.pid);
    // Processor time tells a loop from a machine that is busy; the clock catches waiting for ever.
    if (used === null || used - this.usedBefore >= limitMs || waited > 6 * limitMs) {
      return this.cut({ timed_out: true });
    }
    return undefined;
  }

  cut(answer) {
    const trial = this.trial;
    this.trial = null;
    this.kill();
    if (trial !== null) trial.done(answer);
    this.onChange(this);
  }

  end(error) {
    if (this.dead) return;
    this.dead = true;
    const trial = this.trial;
    this.trial = null;
    if (trial !== null) trial.died(error);
    this.onChange(this);
  }

  kill() {
    this.dead = true;
    try {
      process.kill(-this.process.pid, 'SIGKILL');
    } catch {
      // it has ended by itself
    }
  }
}

module.exports = { Child, runnerPath: path.resolve('.kodo-search', 'runner.cjs') };
