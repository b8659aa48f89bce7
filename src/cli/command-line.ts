/**
 * What: `varve <command> …`: finds the command, runs it, prints what went wrong, gives the exit code.
 * Owns: the list of commands. Does not own: what they do (commands/).
 */
import { createRequire } from 'node:module'
import { COMMAND_GROUPS, EXIT_ERROR, EXIT_OK, EXIT_USAGE, OutputClosed, UsageError } from './command.js'
import type { Command, Terminal } from './command.js'
import { backupCommand } from './commands/backup.js'
import { batchCommand } from './commands/batch.js'
import { blobCommand } from './commands/blob.js'
import { checkpointCommand, restoreCommand } from './commands/checkpoint.js'
import { compactCommand } from './commands/compact.js'
import { countCommand } from './commands/count.js'
import { delCommand } from './commands/del.js'
import { destroyCommand } from './commands/destroy.js'
import { dumpCommand } from './commands/dump.js'
import { exportCommand } from './commands/export.js'
import { filesCommand } from './commands/files.js'
import { findCommand } from './commands/find.js'
import { flushCommand } from './commands/flush.js'
import { gcCommand } from './commands/gc.js'
import { getCommand } from './commands/get.js'
import { healCommand } from './commands/heal.js'
import { historyCommand } from './commands/history.js'
import { importCommand } from './commands/import.js'
import { ingestCommand } from './commands/ingest.js'
import { inspectCommand } from './commands/inspect.js'
import { orphansCommand } from './commands/orphans.js'
import { putCommand } from './commands/put.js'
import { repairCommand } from './commands/repair.js'
import { scanCommand } from './commands/scan.js'
import { shellCommand } from './commands/shell.js'
import { sizesCommand } from './commands/sizes.js'
import { statsCommand } from './commands/stats.js'
import { unlockCommand } from './commands/unlock.js'
import { verifyCommand } from './commands/verify.js'
import { errorText } from './error-text.js'
import { unknownText } from './nearest-name.js'
import { printable } from './printable.js'

const commands: readonly Command[] = [
  getCommand, scanCommand, countCommand, findCommand, historyCommand, filesCommand, sizesCommand, statsCommand,
  inspectCommand, dumpCommand, shellCommand, putCommand, delCommand, batchCommand, destroyCommand, flushCommand,
  compactCommand, gcCommand, checkpointCommand, backupCommand, restoreCommand, verifyCommand, healCommand,
  repairCommand, exportCommand, importCommand, ingestCommand, orphansCommand, unlockCommand, blobCommand,
]

const NAMES = [...commands.map(({ name }) => name), 'help', 'version']
const HELP_NAMES = new Set(['help', '--help', '-h'])
const VERSION_NAMES = new Set(['version', '--version', '-v'])

/** Runs one command line; never throws. */
export async function runCommandLine(args: readonly string[], terminal: Terminal): Promise<number> {
  let code = EXIT_OK
  try {
    code = await dispatch(args, terminal)
    await terminal.printed()
    return code
  } catch (error) {
    if (error instanceof OutputClosed) return code
    if (!isUsageError(error)) {
      terminal.error(errorText(error))
      return EXIT_ERROR
    }
    const help = commands.some(({ name }) => name === args[0]) ? `varve help ${args[0]}` : 'varve help'
    terminal.error(`varve: ${printable(usageText(error))}\nTry '${help}'.\n`)
    return EXIT_USAGE
  }
}

async function dispatch([name, ...rest]: readonly string[], terminal: Terminal): Promise<number> {
  if (name === undefined) {
    terminal.error(overview())
    return EXIT_USAGE
  }
  if (HELP_NAMES.has(name)) return help(rest, terminal)
  if (VERSION_NAMES.has(name)) {
    terminal.out(`${packageVersion()}\n`)
    return EXIT_OK
  }
  return commandOf(name).run(rest, terminal)
}

function help([name, ...more]: readonly string[], terminal: Terminal): number {
  if (more.length > 0) throw new UsageError('help takes one command')
  terminal.out(name === undefined ? overview() : commandOf(name).help())
  return EXIT_OK
}

function commandOf(name: string): Command {
  const command = commands.find((each) => each.name === name)
  if (command === undefined) throw new UsageError(unknownText('command', name, NAMES))
  return command
}

function overview(): string {
  const usage = ({ name, shortSynopsis }: Command): string => `varve ${name} ${shortSynopsis}`
  const others: [string, string][] = [
    ['varve help [COMMAND]', 'Tell how to use it'], ['varve --version', 'Print the version'],
  ]
  const columns = Math.max(...commands.map((command) => usage(command).length), ...others.map(([left]) => left.length))
  const lines = ['Usage: varve COMMAND …']
  for (const group of COMMAND_GROUPS) {
    const rows = commands.filter((command) => command.group === group)
      .map((command): [string, string] => [usage(command), command.summary])
    if (group === 'Other') rows.push(...others)
    if (rows.length === 0) continue
    lines.push('', `${group}:`, ...rows.map(([left, text]) => `  ${left.padEnd(columns)}  ${text}`))
  }
  const codes = 'Exit codes: 0 done, 1 error, 2 wrong command line, 3 done, and something is lost or damaged.'
  return [...lines, '', codes, ''].join('\n')
}

/** Recognises our UsageError, and what node:util's parseArgs throws. */
function isUsageError(error: unknown): error is Error {
  const code = (error as { code?: unknown } | null)?.code
  return error instanceof UsageError || (typeof code === 'string' && code.startsWith('ERR_PARSE_ARGS'))
}

/** Cuts what parseArgs adds about arguments that begin with a dash. */
function usageText({ message }: Error): string {
  return message.replace(/\. To specify a positional argument .*/, '')
}

function packageVersion(): string {
  return (createRequire(import.meta.url)('varve/package.json') as { version: string }).version
}
