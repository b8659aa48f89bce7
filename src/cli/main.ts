#!/usr/bin/env node
/**
 * What: the program `varve`.
 */
import { runCommandLine } from './command-line.js'

// Whoever reads our output may have enough of it (`varve stats db | head -1`).
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  process.exit(error.code === 'EPIPE' ? 0 : 1)
})

process.exitCode = await runCommandLine(process.argv.slice(2), {
  out: (text) => void process.stdout.write(text),
  error: (text) => void process.stderr.write(text),
})
