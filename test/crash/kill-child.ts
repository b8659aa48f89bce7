/**
 * What: the program that real-kill.ts kills: node kill-child.js DIRECTORY ROUND MODE. Names of acknowledged
 * batches go to descriptor 3, each after its promise settled.
 */
import { writeSync } from 'node:fs'
import { Varve } from '../../src/index.js'
import { writeHistory } from '../support/programs/kill-history.js'

const [directory = '', round = '0', mode = 'strict'] = process.argv.slice(2)

Varve.open(directory, { writeBufferSize: 256 * 1024, manifestSync: mode === 'strict', syncIntervalMs: 50 })
  .then((db) => writeHistory(db, Number(round), (name) => writeSync(3, `${name}\n`), () => true))
  .catch((error: unknown) => {
    console.error(error)
    process.exitCode = 1
  })
