'use strict'

const testCommon = require('./common')
const noop = () => {}

async function test (steps) {
  let step

  function nextEnd () {
    step = steps.shift() || step
    return step
  }

  if (nextEnd() !== 'create') {
    // Send a message triggering an environment exit
    // and indicating at which step we stopped.
    process.send(step)
    return
  }

  const db = testCommon.factory()

  if (nextEnd() !== 'open') {
    if (nextEnd() === 'open-error') {
      // If opening fails the cleanup hook should be a noop.
      db.open({ createIfMissing: false, errorIfExists: true }).then(function () {
        throw new Error('Expected an open() error')
      }, noop)
    }

    return process.send(step)
  }

  // Open the db, expected to be closed by the cleanup hook.
  await db.open()

  if (nextEnd() === 'create-iterator') {
    // Create an iterator, expected to be closed by the cleanup hook.
    const it = db.iterator()

    if (nextEnd() === 'nexting') {
      // This async work should finish before the cleanup hook is called.
      it.next()
    }
  }

  if (nextEnd() === 'close') {
    // Close the db, after which the cleanup hook is a noop.
    db.close()
  }

  process.send(step)
}

test(process.argv.slice(2))
