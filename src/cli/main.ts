#!/usr/bin/env node
/**
 * What: the program `varve`.
 */
import { runCommandLine } from './command-line.js'
import { ProcessTerminal } from './process-terminal.js'

const terminal = new ProcessTerminal()
process.exitCode = await runCommandLine(process.argv.slice(2), terminal)
terminal.end()
