/**
 * What: makes a command of a declaration: which arguments it takes, what help says of them, what it does. Reads the
 * command line with node:util's parseArgs, reports errors as JSON where that was asked for, and hands Ctrl-C on.
 */
import { parseArgs } from 'node:util'
import { EXIT_ERROR, EXIT_OK, OutputClosed, UsageError } from '../command.js'
import type { Command, CommandGroup } from '../command.js'
import { unknownText } from '../nearest-name.js'
import { flag, optionName } from './arguments.js'
import type { Given, Option, Options, Positional, Positionals } from './arguments.js'
import { helpPage, synopsisOf } from './command-help.js'
import { CommandContext } from './context.js'
import type { BytesForm } from './key-bytes.js'

/** What a command prints with --json; `none` has no such option. */
export type JsonForm = 'object' | 'lines' | 'none'

export interface CommandSpec<P extends Positionals, O extends Options> {
  /** What is typed; a part has its command's name in front: `blob ls`. */
  readonly name: string
  readonly group: CommandGroup
  readonly summary: string
  /** The fields that `run` gets of them, in the order of the command line. */
  readonly positionals: P
  /** The fields that `run` gets of them: `dryRun` is given as `--dry-run`. */
  readonly options?: O
  /** More lines for `varve help <name>`. */
  readonly details?: readonly string[]
  readonly json: JsonForm
  /**
   * What Ctrl-C does. `end`: it ends the process at once, for a command that leaves nothing half made wherever it ends.
   * `abort`: it aborts the context's signal, and the command ends itself within a second; a second Ctrl-C ends the
   * process.
   */
  readonly onInterrupt: 'end' | 'abort'
  /** Gives the exit code. Throws UsageError, or what went wrong. */
  run(given: Given<P> & Given<O>, context: CommandContext): Promise<number>
}

const JSON_HELP = {
  object: 'one JSON object; on an error, an object with the one key "error"',
  lines: 'one JSON object a line; an error is the last line, an object with the one key "error"',
}
const FORM_FLAGS = {
  hex: flag('keys and values are given, and shown, in hexadecimal digits'),
  utf8: flag('they are given as text, also where it begins with 0x'),
  base64: flag('they are given, and shown, in Base64'),
}

export function defineCommand<P extends Positionals, O extends Options = Record<never, never>>(
  spec: CommandSpec<P, O>,
): Command {
  const { name, group, summary, positionals, details = [], json } = spec
  const hasBytes = [...Object.values(positionals), ...Object.values(spec.options ?? {})].some(({ isBytes }) => isBytes)
  const options: Options = {
    ...spec.options, ...(hasBytes ? FORM_FLAGS : {}), ...(json === 'none' ? {} : { json: flag(JSON_HELP[json]) }),
  }
  const synopsis = synopsisOf(positionals, options)
  const help = helpPage({ name, synopsis, summary, positionals, options, details })
  return {
    name, group, synopsis, summary,
    shortSynopsis: synopsisOf(positionals, {}),
    help: () => help,
    async run(args, terminal) {
      const line = readLine(args, options)
      if (line.isHelp) {
        terminal.out(help)
        return EXIT_OK
      }
      const form = formOf(name, line.given)
      const given = {
        ...readPositionals(name, line.words, positionals, form), ...readOptions(line.given, spec.options ?? {}, form),
      } as Given<P> & Given<O>
      const context = new CommandContext(terminal, { isJson: line.given.has('json'), isLines: json === 'lines', form })
      return runWithin(context, spec.onInterrupt, () => spec.run(given, context))
    },
  }
}

/** Runs a command to its end, whatever comes. */
async function runWithin(
  context: CommandContext, onInterrupt: 'end' | 'abort', run: () => Promise<number>,
): Promise<number> {
  const stopListening = onInterrupt === 'end' ? () => {} : context.terminal.onInterrupt(() => context.interrupt())
  try {
    const code = await run()
    context.end()
    return code
  } catch (error) {
    context.end()
    if (error instanceof OutputClosed || error instanceof UsageError) throw error
    context.reportError(error)
    return EXIT_ERROR
  } finally {
    stopListening()
  }
}

interface Line {
  words: readonly string[]
  /** The values of each option that was given, by field. */
  given: ReadonlyMap<string, readonly string[]>
  isHelp: boolean
}

function readLine(args: readonly string[], options: Options): Line {
  const config: NonNullable<Parameters<typeof parseArgs>[0]>['options'] = { help: { type: 'boolean', short: 'h' } }
  for (const [field, { value }] of Object.entries(options)) {
    config[optionName(field)] = { type: value === null ? 'boolean' : 'string', multiple: true }
  }
  const { values, positionals } = parseLine(args, config)
  const given = new Map<string, readonly string[]>()
  for (const [field, { isMany, value }] of Object.entries(options)) {
    const all = values[optionName(field)] as (string | boolean)[] | undefined
    if (all === undefined) continue
    if (all.length > 1 && isMany !== true && value !== null) {
      throw new UsageError(`--${optionName(field)} is given more than once`)
    }
    given.set(field, all.map(String))
  }
  return { words: positionals, given, isHelp: values.help === true }
}

/** Parses as node:util does; an option that there is not is told with the one that may have been meant. */
function parseLine(
  args: readonly string[], options: NonNullable<Parameters<typeof parseArgs>[0]>['options'],
): { values: Record<string, unknown>; positionals: string[] } {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true })
  } catch (error) {
    const { code, message } = error as { code?: unknown; message: string }
    const typed = /^Unknown option '(--[^']+)'/.exec(message)?.[1]
    if (code !== 'ERR_PARSE_ARGS_UNKNOWN_OPTION' || typed === undefined) throw error
    throw new UsageError(unknownText('option', typed, Object.keys(options ?? {}).map((name) => `--${name}`)))
  }
}

function formOf(name: string, given: Line['given']): BytesForm {
  const forms = (['hex', 'utf8', 'base64'] as const).filter((form) => given.has(form))
  if (forms.length > 1) throw new UsageError(`${name} takes one of --hex, --utf8 and --base64`)
  return forms[0] ?? 'auto'
}

function readPositionals(
  name: string, words: readonly string[], positionals: Positionals, form: BytesForm,
): Record<string, unknown> {
  const left = [...words]
  const values: Record<string, unknown> = {}
  for (const [field, positional] of Object.entries(positionals)) {
    const mine = positional.count === 'many' ? left.splice(0) : left.splice(0, 1)
    checkThere(name, positional, mine)
    values[field] = positional.read(mine, form)
  }
  if (left.length > 0) throw new UsageError(`${name} takes no '${left[0]}'`)
  return values
}

function checkThere(name: string, { count, what, isBytes }: Positional<unknown>, mine: readonly string[]): void {
  if (count === 'one' && mine.length === 0) throw new UsageError(`${name} needs ${what}`)
  // A key may be empty; a name of a file cannot.
  if (!isBytes && mine.includes('')) throw new UsageError(`${name} needs ${what}, which is not empty`)
}

function readOptions(given: Line['given'], options: Options, form: BytesForm): Record<string, unknown> {
  return Object.fromEntries(Object.entries(options).map(([field, option]: [string, Option<unknown>]) => {
    return [field, option.read(given.get(field) ?? [], `--${optionName(field)}`, form)]
  }))
}
