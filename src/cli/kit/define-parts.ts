/**
 * What: a command that has parts, such as `varve blob ls`: finds the part and runs it.
 */
import { EXIT_OK, UsageError } from '../command.js'
import type { Command, CommandGroup } from '../command.js'
import { unknownText } from '../nearest-name.js'

export interface PartsSpec {
  readonly name: string
  readonly group: CommandGroup
  readonly summary: string
  /** Commands whose names begin with the name of this one, and a blank. */
  readonly parts: readonly Command[]
  readonly details: readonly string[]
}

/** Makes one command of several. `varve <name> --help` lists the parts, `varve <name> <part> --help` explains one. */
export function defineParts({ name, group, summary, parts, details }: PartsSpec): Command {
  const partName = (part: Command): string => part.name.slice(name.length + 1)
  const names = parts.map(partName)
  const rows = parts.map((part): [string, string] => [`${partName(part)} ${part.shortSynopsis}`, part.summary])
  const columns = Math.max(...rows.map(([left]) => left.length))
  const help = [
    `Usage: varve ${name} PART …`, '', summary, '', ...rows.map(([left, text]) => `  ${left.padEnd(columns)}  ${text}`),
    '', `'varve ${name} PART --help' explains one.`, '', ...details, '',
  ].join('\n')
  return {
    name, group, summary, synopsis: 'PART …', shortSynopsis: 'PART …',
    help: () => help,
    async run([typed, ...args], terminal) {
      if (typed === undefined) throw new UsageError(`${name} needs what to do: ${names.join(', ')}`)
      if (typed === '--help' || typed === '-h') {
        terminal.out(help)
        return EXIT_OK
      }
      const part = parts.find((each) => partName(each) === typed)
      if (part === undefined) throw new UsageError(unknownText('command', typed, names))
      return part.run(args, terminal)
    },
  }
}
