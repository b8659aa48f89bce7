/**
 * What: what help says of a command, made of its declaration.
 */
import { optionName } from './arguments.js'
import type { Help, Options, Positionals } from './arguments.js'

const NAME_COLUMNS = 14
const LINE_COLUMNS = 100

export interface HelpParts {
  name: string
  synopsis: string
  summary: string
  positionals: Positionals
  options: Options
  details: readonly string[]
}

/** Gives the arguments behind the command's name, as help shows them. */
export function synopsisOf(positionals: Positionals, options: Options): string {
  const words = Object.values(positionals).map(({ name }) => name)
  const shown = Object.entries(options).filter(([, { isHidden }]) => isHidden !== true)
  return [...words, ...shown.map(([field, { value }]) => `[${optionText(field, value)}]`)].join(' ')
}

function optionText(field: string, value: string | null): string {
  const name = `--${optionName(field)}`
  return value === null ? name : `${name} ${value}`
}

export function helpPage({ name, synopsis, summary, positionals, options, details }: HelpParts): string {
  const rows = [
    ...Object.values(positionals).map((each): [string, Help] => [each.name, each.help]),
    ...Object.entries(options).filter(([, { isHidden }]) => isHidden !== true)
      .map(([field, { value, help }]): [string, Help] => [optionText(field, value), help]),
  ]
  const columns = Math.max(NAME_COLUMNS, ...rows.map(([left]) => left.length))
  const lines = rows.flatMap(([left, help]) => {
    return (typeof help === 'string' ? [help] : help).map((text, i) => {
      return `  ${(i === 0 ? left : '').padEnd(columns)} ${text}`
    })
  })
  const more = details.length === 0 ? [] : ['', ...details]
  return [...wrapped(`Usage: varve ${name} ${synopsis}`), '', summary, '', ...lines, ...more, ''].join('\n')
}

/** Breaks a long synopsis between its arguments. */
function wrapped(text: string): string[] {
  const lines: string[] = []
  let line = ''
  for (const part of text.split(/ (?=\[|[A-Z])/)) {
    if (line !== '' && line.length + 1 + part.length > LINE_COLUMNS) {
      lines.push(line)
      line = '       '
    }
    line = line === '' ? part : `${line} ${part}`
  }
  return [...lines, line]
}
