/**
 * What: finds the name that was meant when it was mistyped.
 */

/** Gives the one name that begins so, or the closest when at most one letter in three was mistyped; else null. */
function nearestName(typed: string, names: readonly string[]): string | null {
  const begun = names.filter((name) => typed !== '' && name.startsWith(typed))
  if (begun.length === 1) return begun[0]!
  let nearest: string | null = null
  let least = Math.max(1, Math.floor(typed.length / 3)) + 1
  for (const name of names) {
    const mistakes = mistakesBetween(typed.toLowerCase(), name)
    if (mistakes >= least) continue
    nearest = name
    least = mistakes
  }
  return nearest
}

/** Counts letters that were left out, added, replaced, or swapped with their neighbour. */
function mistakesBetween(a: string, b: string): number {
  // rows[i][j] is the distance between the first i letters of `a` and the first j of `b`.
  const rows = [Array.from({ length: b.length + 1 }, (_, j) => j)]
  for (let i = 1; i <= a.length; i++) {
    const [row, above] = [[i], rows[i - 1]!]
    for (let j = 1; j <= b.length; j++) {
      const other = a[i - 1] === b[j - 1] ? 0 : 1
      let least = Math.min(above[j]! + 1, row[j - 1]! + 1, above[j - 1]! + other)
      const isSwapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      if (isSwapped) least = Math.min(least, rows[i - 2]![j - 2]! + 1)
      row.push(least)
    }
    rows.push(row)
  }
  return rows[a.length]![b.length]!
}

/** Gives, for example, `unknown command 'gte': did you mean 'get'?`. */
export function unknownText(what: string, typed: string, names: readonly string[]): string {
  const nearest = nearestName(typed, names)
  return `unknown ${what} '${typed}'${nearest === null ? '' : `: did you mean '${nearest}'?`}`
}
