/**
 * What: the commands of the shell: which there are, what help says of them, how a line is completed.
 */
import { parseFileName } from '../../base/index.js'
import { EXIT_OK, UsageError } from '../command.js'
import { DUMP_KINDS } from '../dump-file.js'
import { unknownText } from '../nearest-name.js'
import { delCommand, fillCommand, getCommand, putCommand, scanCommand } from './data-commands.js'
import type { ShellCommand } from './session.js'
import {
  compactCommand, dumpCommand, flushCommand, fullCompactionCommand, gcCommand, quitCommand, statsCommand,
} from './state-commands.js'

const decoder = new TextDecoder()

const helpCommand: ShellCommand = {
  name: 'help',
  synopsis: '[COMMAND]',
  summary: 'Tell what there is',
  wordCounts: [0, 1],
  async run([name], { terminal }) {
    terminal.out(name === undefined ? overview() : commandHelp(findCommand(name)))
    return EXIT_OK
  },
}

const commands: readonly ShellCommand[] = [
  fillCommand, putCommand, getCommand, delCommand, scanCommand, flushCommand, compactCommand,
  fullCompactionCommand, gcCommand, statsCommand, dumpCommand, helpCommand, quitCommand,
]

const namesOf = ({ name, aliases = [] }: ShellCommand): string[] => [name, ...aliases]

/** Finds a command by its name. Throws UsageError. */
export function findCommand(name: Uint8Array): ShellCommand {
  const text = decoder.decode(name)
  const command = commands.find((each) => namesOf(each).includes(text))
  if (command === undefined) throw new UsageError(unknownText('command', text, commands.flatMap(namesOf)))
  return command
}

export function usage(command: ShellCommand): string {
  return `${namesOf(command).join('|')} ${command.synopsis}`.trimEnd()
}

function commandHelp(command: ShellCommand): string {
  return [usage(command), command.summary, ...command.details ?? [], ''].join('\n')
}

function overview(): string {
  const columns = Math.max(...commands.map((command) => usage(command).length))
  return [
    ...commands.map((command) => `  ${usage(command).padEnd(columns)}  ${command.summary}`),
    '',
    'Words are separated by blanks; "…" and \'…\' keep blanks. Outside \'…\', \\xNN is a byte, and \\ stands before a',
    'blank, a quote, # and itself. # begins a comment.',
    '',
  ].join('\n')
}

/** Completes a line for node:readline: what its last word may become, and that word. */
export function complete(line: string, fileNames: () => readonly string[]): [string[], string] {
  const words = line.trimStart().split(/[ \t]+/)
  const last = words.at(-1)!
  return [candidates(words, fileNames).filter((each) => each.startsWith(last)).map((each) => `${each} `), last]
}

function candidates(words: readonly string[], fileNames: () => readonly string[]): readonly string[] {
  const [name, kind] = words
  if (words.length === 1) return commands.flatMap(namesOf)
  if (words.length === 2 && name === helpCommand.name) return commands.flatMap(namesOf)
  if (words.length === 2 && name === dumpCommand.name) return DUMP_KINDS
  if (words.length === 3 && name === dumpCommand.name) {
    return fileNames().filter((each) => parseFileName(each)?.kind === kind)
  }
  return []
}
