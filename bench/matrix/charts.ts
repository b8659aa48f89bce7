/**
 * What: two kinds of charts as SVG: bars that say how many times faster or slower than something else, and lines over
 * the number of entries. Both axes that may span decades are logarithmic. They are legible on a light and a dark page.
 */

const STYLE = [
  '.t{font:12px system-ui,sans-serif;fill:#24292f}', '.h{font-weight:600}', '.g{stroke:#8c959f;stroke-width:.5}',
  '@media (prefers-color-scheme:dark){.t{fill:#d1d7e0}}',
].join('')
/** Colours that colour-blind people tell apart (M. Okabe, K. Ito). */
const COLOURS = ['#0072b2', '#e69f00', '#009e73', '#cc79a7', '#d55e00', '#56b4e9']
const FASTER = '#0072b2'
const SLOWER = '#d55e00'

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}

function text(x: number, y: number, content: string, more = ''): string {
  return `<text class="t" x="${x.toFixed(1)}" y="${y.toFixed(1)}"${more}>${escaped(content)}</text>`
}

function heading(content: string): string {
  return `<text class="t h" x="8" y="18">${escaped(content)}</text>`
}

function svg(width: number, height: number, title: string, parts: readonly string[]): string {
  const head = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img">`
  return [head, `<title>${escaped(title)}</title><style>${STYLE}</style>`, ...parts, '</svg>', ''].join('\n')
}

export interface Bar {
  label: string
  /** How many times as fast as the other; below 1: slower. */
  ratio: number
  /** What it is compared with. */
  other: string
}

const BAR_WIDTH = 860
const BAR_HEIGHT = 18
const LABEL_WIDTH = 330
const NOTE_WIDTH = 150

/** Makes bars that go to the right from 1 × when faster, to the left when slower, as far for 2 × as for a half. */
export function ratioChart(title: string, bars: readonly Bar[]): string {
  const reach = Math.max(1, ...bars.map(({ ratio }) => Math.abs(Math.log2(ratio))))
  const middle = LABEL_WIDTH + NOTE_WIDTH + (BAR_WIDTH - LABEL_WIDTH - 2 * NOTE_WIDTH) / 2
  const unit = (BAR_WIDTH - LABEL_WIDTH - 2 * NOTE_WIDTH) / 2 / reach
  const height = 34 + bars.length * BAR_HEIGHT + 10
  const parts = [heading(title), `<path class="g" d="M${middle} 28V${height - 6}"/>`]
  for (const [at, { label, ratio, other }] of bars.entries()) {
    const y = 34 + at * BAR_HEIGHT
    const width = Math.max(1, Math.abs(Math.log2(ratio)) * unit)
    const isFaster = ratio >= 1
    const x = isFaster ? middle : middle - width
    const note = `${ratio.toFixed(2)} × ${other}`
    parts.push(text(8, y + 11, label))
    parts.push(`<rect x="${x.toFixed(1)}" y="${y}" width="${width.toFixed(1)}" height="${BAR_HEIGHT - 5}" ` +
      `fill="${isFaster ? FASTER : SLOWER}"/>`)
    parts.push(isFaster ? text(x + width + 5, y + 11, note) : text(x - 5, y + 11, note, ' text-anchor="end"'))
  }
  return svg(BAR_WIDTH, height, title, parts)
}

export interface Line {
  name: string
  points: readonly { x: number; y: number }[]
}

const LINE_WIDTH = 860
const LINE_HEIGHT = 320
const PLOT = { left: 60, right: 700, top: 34, bottom: 284 }

/** Makes lines over a logarithmic axis of entries; `unit` names the values, which are on a logarithmic axis too. */
export function lineChart(title: string, unit: string, lines: readonly Line[]): string {
  const points = lines.flatMap((line) => line.points)
  const x = scaleOf(points.map((point) => point.x), PLOT.left, PLOT.right)
  const y = scaleOf(points.map((point) => point.y), PLOT.bottom, PLOT.top)
  const parts = [heading(`${title}, ${unit}`)]
  for (const value of new Set(points.map((point) => point.x))) {
    parts.push(`<path class="g" d="M${x.at(value).toFixed(1)} ${PLOT.top}V${PLOT.bottom}"/>`)
    parts.push(text(x.at(value), PLOT.bottom + 16, countText(value), ' text-anchor="middle"'))
  }
  for (const value of y.ticks) {
    parts.push(`<path class="g" d="M${PLOT.left} ${y.at(value).toFixed(1)}H${PLOT.right}"/>`)
    parts.push(text(PLOT.left - 6, y.at(value) + 4, String(value), ' text-anchor="end"'))
  }
  const drawn = lines.filter((line) => line.points.length > 0)
  for (const [at, line] of drawn.entries()) {
    const colour = COLOURS[at % COLOURS.length]!
    const path = line.points.map((point) => `${x.at(point.x).toFixed(1)} ${y.at(point.y).toFixed(1)}`).join('L')
    parts.push(`<path d="M${path}" fill="none" stroke="${colour}" stroke-width="2.5"/>`)
    parts.push(`<rect x="${PLOT.right + 16}" y="${PLOT.top + 20 * at}" width="12" height="12" fill="${colour}"/>`)
    parts.push(text(PLOT.right + 34, PLOT.top + 11 + 20 * at, line.name))
  }
  return svg(LINE_WIDTH, LINE_HEIGHT, title, parts)
}

interface Scale {
  at(value: number): number
  ticks: number[]
}

/** Puts values on a logarithmic axis between two places; its ticks are powers of ten with their doubles and fives. */
function scaleOf(values: readonly number[], from: number, to: number): Scale {
  const [least, most] = [Math.min(...values), Math.max(...values)]
  const candidates = Array.from({ length: 36 }, (_, i) => [1, 2, 5][i % 3]! * 10 ** (Math.floor(i / 3) - 3))
  const low = candidates.filter((value) => value <= least).at(-1) ?? least
  const high = candidates.find((value) => value >= most && value > low) ?? 10 * most
  const at = (value: number): number => from + ((to - from) * Math.log(value / low)) / Math.log(high / low)
  const ticks = candidates.filter((value) => value >= low && value <= high)
  return { at, ticks: ticks.map((value) => Number(value.toPrecision(1))) }
}

function countText(count: number): string {
  return count >= 1e6 ? `${count / 1e6} M` : count >= 1000 ? `${count / 1000} k` : String(count)
}
