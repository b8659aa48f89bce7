/** Runs a compiled program of this package as a user would, and gives what it printed. */
import { spawn } from 'node:child_process'
import path from 'node:path'
import { packageDir } from './golden.js'

export interface ProgramResult {
  /** Null when a signal ended it. */
  code: number | null
  out: string
  error: string
}

export function runVarve(...args: string[]): Promise<ProgramResult> {
  return runProgram('src/cli/main.js', args)
}

/** `script` is relative to `dist`. */
export function runProgram(script: string, args: string[], cwd = packageDir): Promise<ProgramResult> {
  const child = spawn(process.execPath, [path.join(packageDir, 'dist', script), ...args], {
    cwd, stdio: ['ignore', 'pipe', 'pipe'],
  })
  const result: ProgramResult = { code: null, out: '', error: '' }
  child.stdout.setEncoding('utf8').on('data', (text: string) => (result.out += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (result.error += text))
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code) => resolve({ ...result, code }))
  })
}
