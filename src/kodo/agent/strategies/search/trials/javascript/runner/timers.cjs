'use strict';
// Ends the timers that a trial has left behind, which would fire in those that come.
// Knows Node's timers. Guards that everything else about them is as before.

const started = new Set();

/** Remember the timers that are started from now on. Before anything else loads. */
function watch() {
  for (const name of ['setTimeout', 'setInterval', 'setImmediate']) {
    const real = globalThis[name];
    globalThis[name] = function (...words) {
      const timer = real.apply(this, words);
      started.add(timer);
      return timer;
    };
    // `setTimeout` and `setImmediate` promise in a way of their own.
    Object.defineProperties(globalThis[name], Object.getOwnPropertyDescriptors(real));
  }
}

function clear() {
  for (const timer of started) {
    clearTimeout(timer);
    clearImmediate(timer);
  }
  started.clear();
}

/** How many timers keep this process from ending. */
function count() {
  const names = process.getActiveResourcesInfo ? process.getActiveResourcesInfo() : [];
  return names.filter((name) => name === 'Timeout' || name === 'Immediate').length;
}

module.exports = { clear, count, watch };
