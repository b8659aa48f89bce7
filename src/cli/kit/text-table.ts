/**
 * What: columns of text that stand below each other on a terminal, whatever characters they have.
 */

/** Marks that take no column of their own: combining ones, joiners, variation selectors. */
const ZERO_WIDTH = /^[\p{Mn}\p{Me}\p{Cf}]$/u
/** First and last code points of the characters that take two columns (East Asian Wide and Fullwidth). */
const WIDE = [
  0x1100, 0x115f, 0x231a, 0x231b, 0x2e80, 0x303e, 0x3041, 0xa4cf, 0xa960, 0xa97f, 0xac00, 0xd7a3, 0xf900, 0xfaff,
  0xfe30, 0xfe6f, 0xff00, 0xff60, 0xffe0, 0xffe6, 0x1f300, 0x1f64f, 0x1f680, 0x1f6ff, 0x1f900, 0x1f9ff,
  0x20000, 0x3fffd,
]

/** How many columns of a terminal a printable text takes. */
export function displayWidth(text: string): number {
  if (/^[\x20-\x7e]*$/.test(text)) return text.length
  let width = 0
  for (const character of text) width += characterWidth(character)
  return width
}

function characterWidth(character: string): number {
  if (ZERO_WIDTH.test(character)) return 0
  const code = character.codePointAt(0)!
  for (let i = 0; i < WIDE.length; i += 2) if (code >= WIDE[i]! && code <= WIDE[i + 1]!) return 2
  return 1
}

export interface Column {
  readonly title: string
  /** Numbers stand at the right; else left. */
  readonly isRight?: boolean
}

/**
 * Gives a table as text that ends its last line: two blanks between columns, none at the end of a line; the titles come
 * first. Cells must be printable already.
 */
export function tableText(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const lines = [columns.map(({ title }) => title), ...rows]
  const widths = columns.map((_, i) => lines.reduce((most, row) => Math.max(most, displayWidth(row[i] ?? '')), 0))
  const texts = lines.map((row) => columns.map(({ isRight }, i) => {
    const cell = row[i] ?? ''
    const blanks = ' '.repeat(widths[i]! - displayWidth(cell))
    return isRight === true ? blanks + cell : cell + blanks
  }).join('  ').trimEnd())
  return `${texts.join('\n')}\n`
}
