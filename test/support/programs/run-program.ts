/** Runs a compiled program of this package as a user would, and gives what it printed. */
import { spawn } from 'node:child_process'
import path from 'node:path'
import { packageDir } from '../harness/golden.js'

export interface ProgramResult {
  /** The exit code; null when a signal ended the program. */
  code: number | null
  out: string
  error: string
}

export function runVarve(...args: string[]): Promise<ProgramResult> {
  return runProgram('src/cli/main.js', args)
}

/** Runs `varve` with something on standard input. */
export function pipeToVarve(input: string | Uint8Array, ...args: string[]): Promise<ProgramResult> {
  return runProgram('src/cli/main.js', args, packageDir, input)
}

/** Runs a program; `script` is relative to `dist`. */
export function runProgram(
  script: string, args: string[], cwd = packageDir, input: string | Uint8Array = '',
): Promise<ProgramResult> {
  const child = spawn(process.execPath, [path.join(packageDir, 'dist', script), ...args], { cwd, stdio: 'pipe' })
  // A program that does not read it may be gone.
  child.stdin.on('error', () => {}).end(input)
  const result: ProgramResult = { code: null, out: '', error: '' }
  child.stdout.setEncoding('utf8').on('data', (text: string) => (result.out += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (result.error += text))
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code) => resolve({ ...result, code }))
  })
}
