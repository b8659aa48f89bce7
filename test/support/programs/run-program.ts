/** Runs programs of this package, as a user would or in this process, and gives what they printed. */
import { spawn } from 'node:child_process'
import path from 'node:path'
import { runCommandLine } from '../../../src/cli/command-line.js'
import { TestTerminal } from '../fakes/test-terminal.js'
import { packageDir } from '../harness/golden.js'

/** The program `varve` as it is published: in a few files, so that it starts in a quarter of the time. */
export const varveProgram = path.join(packageDir, 'lib/cli.js')

export interface ProgramResult {
  /** The exit code; null when a signal ended the program. */
  code: number | null
  out: string
  error: string
}

/**
 * Runs `varve` in this process: the same without the start of a process, which takes longer than most commands. Each
 * command has a test that starts the program (`runVarve`).
 */
export async function varveHere(...args: string[]): Promise<ProgramResult> {
  return varveHereWith('', ...args)
}

/** Runs `varve` in this process with something on standard input. */
export async function varveHereWith(input: string | Uint8Array, ...args: string[]): Promise<ProgramResult> {
  const terminal = new TestTerminal(input)
  const code = await runCommandLine(args, terminal)
  return { code, out: terminal.outText, error: terminal.errorText }
}

export function runVarve(...args: string[]): Promise<ProgramResult> {
  return runFile(varveProgram, args)
}

/** Runs `varve` with something on standard input. */
export function pipeToVarve(input: string | Uint8Array, ...args: string[]): Promise<ProgramResult> {
  return runFile(varveProgram, args, input)
}

/** Runs a program; `script` is relative to `dist`. */
export function runProgram(script: string, args: string[]): Promise<ProgramResult> {
  return runFile(path.join(packageDir, 'dist', script), args)
}

function runFile(file: string, args: string[], input: string | Uint8Array = ''): Promise<ProgramResult> {
  const child = spawn(process.execPath, [file, ...args], { cwd: packageDir, stdio: 'pipe' })
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
