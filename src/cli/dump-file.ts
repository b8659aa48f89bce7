/**
 * What: a log, value log, manifest, table, or a file of a blob cache, printed section by section, as text or as JSON,
 * whatever state it is in. Holds one section at a time. Never writes to the file.
 */
import { describeCatalog, describeSegment, describeSnapshot } from '../blob-cache/index.js'
import { FILE_HEADER_BYTES, toHex, VarveError } from '../base/index.js'
import { describeLog, describeValueLog, problemOf, sectionLines, sectionTitle, shownFieldBytes } from '../dump/index.js'
import type { Problem, Section } from '../dump/index.js'
import { describeManifest } from '../manifest/index.js'
import { describeTable } from '../sstable/index.js'
import { describeExport } from '../transfer/index.js'
import { UsageError } from './command.js'
import type { Terminal } from './command.js'
import { FileBytes, openForReading } from './open-file.js'
import { printable, printableJson } from './printable.js'

const MAGICS = {
  log: 'varvelog', vlog: 'varvevlg', manifest: 'varveman', table: 'varvetab', segment: 'varveseg', catalog: 'varvecat',
  index: 'varvebix', export: 'varvexpt',
} as const
export type DumpKind = keyof typeof MAGICS
export const DUMP_KINDS = Object.keys(MAGICS) as DumpKind[]

/** What describes the bytes of a file; a table is asked for its parts. */
const DESCRIBE = {
  log: describeLog, vlog: describeValueLog, manifest: describeManifest,
  segment: describeSegment, catalog: describeCatalog, index: describeSnapshot,
  export: describeExport,
} as const

/** This much text is printed at once. */
const CHUNK_CHARACTERS = 64 * 1024

export interface DumpOptions {
  isJson: boolean
  /** True prints one line a section, and what is wrong with it. */
  isBrief: boolean
  /** Called between sections; true ends the dump. */
  isInterrupted?: () => boolean
}

/** Finds the kind of dump by its name. Throws UsageError. */
export function dumpKind(name: string): DumpKind {
  const kind = DUMP_KINDS.find((each) => each === name)
  if (kind === undefined) throw new UsageError(`what is dumped is one of ${DUMP_KINDS.join(', ')}, not '${name}'`)
  return kind
}

/** Prints the file and gives what is wrong in it. Rejects when it cannot be read, or is a good file of another kind. */
export async function dumpFile(
  kind: DumpKind, name: string, options: DumpOptions, terminal: Terminal,
): Promise<Problem[]> {
  const file = await openForReading(name)
  try {
    const bytes = new FileBytes(file, name)
    checkKind(bytes, kind, name)
    const printer = new SectionPrinter(terminal, options)
    if (options.isJson) printer.print(`{"kind":"${kind}","file":${printableJson(name, 0)},"bytes":${bytes.size}`)
    const shownName = printable(name)
    if (kind === 'table') await printer.sections(describeTable({ file, name: shownName }))
    else await printer.sections(DESCRIBE[kind](bytes, shownName))
    if (options.isJson) printer.print(`,"problems":${printableJson(printer.problems, 0)}}\n`)
    await printer.end()
    return printer.problems
  } finally {
    await file.close()
  }
}

/** Refuses a file of another kind. A damaged header proves nothing, so it passes. */
function checkKind(bytes: FileBytes, kind: DumpKind, name: string): void {
  const magic = String.fromCharCode(...bytes.read(0, FILE_HEADER_BYTES).subarray(0, 8))
  const found = DUMP_KINDS.find((each) => MAGICS[each] === magic)
  if (found === undefined || found === kind) return
  throw new VarveError('INVALID_ARGUMENT', `${name} is a ${found}, not a ${kind}`, {
    file: name, hint: `dump it as a ${found}`,
  })
}

class SectionPrinter {
  readonly problems: Problem[] = []
  private readonly terminal: Terminal
  private readonly options: DumpOptions
  private text = ''

  constructor(terminal: Terminal, options: DumpOptions) {
    this.terminal = terminal
    this.options = options
  }

  /** Prints the sections. A disk that fails on the way is a problem of the file, too. */
  async sections(sections: Generator<Section>): Promise<void> {
    const { isJson, isInterrupted } = this.options
    let before = ',"sections":[\n'
    for (let section = this.next(sections); section !== null; section = this.next(sections)) {
      this.problems.push(...section.problems)
      if (isJson) this.print(before)
      before = ',\n'
      for (const line of isJson ? this.json(section) : this.lines(section)) {
        this.print(line)
        if (this.text.length >= CHUNK_CHARACTERS) await this.end()
      }
      if (isInterrupted?.() === true) break
    }
    if (isJson) this.print(']')
  }

  private next(sections: Generator<Section>): Section | null {
    try {
      const { done, value } = sections.next()
      return done === true ? null : value
    } catch (error) {
      this.problems.push(problemOf(error))
      return null
    }
  }

  print(text: string): void {
    this.text += text
  }

  async end(): Promise<void> {
    this.terminal.out(this.text)
    this.text = ''
    await this.terminal.printed()
  }

  private *lines(section: Section): Generator<string> {
    if (!this.options.isBrief) {
      for (const line of sectionLines(section)) yield `${line}\n`
      yield '\n'
      return
    }
    yield `${sectionTitle(section)}\n`
    for (const { message } of section.problems) yield `  ! ${message}\n`
  }

  private *json(section: Section): Generator<string> {
    const { title, offset, bytes, summary, problems, data, fields } = section
    const head = { title, offset, bytes, summary, problems, data }
    const shown = fields.map((field) => ({ ...field, hex: toHex(shownFieldBytes(section, field)) }))
    yield printableJson(this.options.isBrief ? head : { ...head, fields: shown }, 0)
  }
}

/** Lists the problems once more, for people who look at the end only. */
export function problemsText(name: string, problems: readonly Problem[]): string {
  const count = problems.length === 1 ? '1 problem' : `${problems.length} problems`
  return [`varve: ${count} in ${printable(name)}`, ...problems.map(({ message }) => `  ${message}`)].join('\n') + '\n'
}
