// @ts-check
// Charts over time: lines, or stacked areas. All of a page share their span and a cursor; a table stands behind each.
import { clock, css, h, key, ms, panel, table } from './dom.js'

const [SIDE, TOP, BOTTOM, ROWS_MAX] = [8, 8, 20, 60]

/** What the charts of a page share; `zoom` is the span that was dragged. */
export const shared = { spanMs: 300_000, zoom: null, cursor: 0, draws: new Set() }
export const redraw = () => shared.draws.forEach((draw) => draw())
/** The span that is shown of times from `first` to `last`. */
export const span = (first, last, least = 2e4) => shared.zoom ?? [Math.max(last - shared.spanMs, Math.min(first, last - least)), last]

/** A canvas with the pixels that it has on the screen, empty. */
export function paper(canvas, height) {
  const [width, ratio] = [canvas.clientWidth, devicePixelRatio || 1]
  Object.assign(canvas, { width: Math.round(width * ratio), height: Math.round(height * ratio) })
  canvas.style.height = `${height}px`
  const g = canvas.getContext('2d')
  g.setTransform(ratio, 0, 0, ratio, 0, 0)
  g.font = '11px system-ui, sans-serif'
  return { g, width, height }
}

/** Draws in the frame after data, a resize or other colours, while it is on the page. */
export function keepDrawn(canvas, draw) {
  let frame = 0
  const soon = () => {
    cancelAnimationFrame(frame)
    frame = requestAnimationFrame(() => canvas.isConnected && canvas.clientWidth > 0 && draw())
  }
  new ResizeObserver(soon).observe(canvas)
  shared.draws.add(soon)
  return soon
}
/**
 * A panel with a canvas, of which something is chosen by pointer or by keys: `at` is what is under the pointer, `say` its
 * text, and `walk` has for each key what it leads to.
 * @param {any} it
 */
export function picture({ title, hint, nothing, head, draw, at, say, pick, walk }) {
  const canvas = h('canvas', { tabindex: 0, role: 'img', 'aria-label': `${title}. ${hint}` })
  const [tip, none] = [h('p', { cls: 'tip', role: 'status' }), h('p', { cls: 'empty' }, nothing)]
  const soon = keepDrawn(canvas, () => draw(canvas))
  const choose = (thing) => {
    if (thing === undefined) return
    tip.textContent = say(thing)
    pick(thing)
    soon()
  }
  canvas.addEventListener('pointermove', (event) => (tip.textContent = say(at(event), event.offsetX)))
  canvas.addEventListener('pointerdown', (event) => choose(at(event)))
  canvas.addEventListener('keydown', (event) => {
    if (!Object.hasOwn(walk, event.key)) return
    event.preventDefault()
    choose(walk[event.key]())
  })
  return {
    el: panel([title, head], none, canvas, tip), soon,
    show(isThere) {
      canvas.hidden = !isThere
      none.hidden = isThere
      soon()
    },
  }
}
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', redraw)

/** A round number of at least this size; of bytes, a power of two. */
function roundStep(size, isBinary = false) {
  if (isBinary) return 2 ** Math.ceil(Math.log2(Math.max(1, size)))
  const ten = 10 ** Math.floor(Math.log10(size))
  return [1, 2, 5, 10].find((each) => each * ten >= size) * ten
}

/** Marks of time behind a picture; of durations where it begins at 0. */
export function timeAxis(g, [from, to], { left, width, top, bottom }) {
  const least = (76 * (to - from)) / width
  const step = from === 0 ? roundStep(least) : 1000 * ([1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800].find((s) => s * 1000 >= least) ?? 3600)
  const zone = from === 0 ? 0 : new Date(to).getTimezoneOffset() * 60_000
  g.strokeStyle = css('--grid')
  g.fillStyle = css('--soft')
  g.textAlign = 'center'
  g.beginPath()
  for (let t = Math.ceil((from - zone) / step) * step + zone; t <= to; t += step) {
    const x = Math.round(left + ((t - from) / (to - from)) * width) + 0.5
    g.moveTo(x, top)
    g.lineTo(x, bottom)
    if (x > left + 24 && x < left + width - 24) g.fillText(from === 0 ? ms(t) : clock(t).slice(0, step >= 60_000 ? 5 : 8), x, bottom + 14)
  }
  g.stroke()
}

/** `series`: name, colour, function of a sample and the one before; `line`: a limit. */
export function timeChart({ title, series, format, stacked = false, height = 150, line = null }) {
  const isBinary = /B/.test(format(1))
  const floor = isBinary ? 1024 : /%/.test(format(1)) ? 1 : 3
  const canvas = h('canvas', { tabindex: 0, role: 'img', 'aria-label': `${title}. Arrow keys move the cursor.` })
  const values = series.map(() => h('b', {}, '–'))
  const at = h('span', { cls: 'key', role: 'status' })
  const keys = series.map(({ name, color }, i) => key(name, color, false, values[i]))
  const behind = table(['time {0}', ...series.map(({ name }, i) => `#${name} {${i + 1}}`)], '')
  const alt = h('details', { ontoggle: () => fillTable() }, h('summary', {}, `${title} as a table`), behind.el)
  let [rows, drag] = [[], null]

  /** The span that is shown, and the samples in it: one more on each side, for the lines that lead there. */
  function shown() {
    const [from, to] = span(rows[0]?.[0] ?? 0, rows.at(-1)?.[0] ?? Date.now())
    const first = Math.max(0, rows.findIndex((row) => row[0] >= from) - 1)
    const samples = rows.slice(first, rows.findLastIndex((row) => row[0] <= to) + 2)
    return { from, to, points: samples.map(([t], i) => ({ t, values: valuesAt(first + i) })) }
  }
  const text = (value) => (value === null ? '–' : format(value))
  const valuesAt = (i) => series.map(({ value }) => value(rows[i], rows[i - 1]))

  function draw() {
    const { g, width } = paper(canvas, height)
    const { from, to, points } = shown()
    /** For each point, from where to where each line or area goes. */
    const ends = points.map(({ values }) => {
      let sum = 0
      return values.map((value) => (stacked ? [sum, (sum += value ?? 0)] : value === null ? null : [0, value]))
    })
    const limit = line !== null && rows.length > 0 ? line(rows.at(-1)) : 0
    const most = ends.flat().reduce((max, each) => Math.max(max, each?.[1] ?? 0), Math.max(limit, floor))
    const step = roundStep(most / 3, isBinary)
    const top = Math.ceil(most / step) * step
    const [w, tall] = [width - 2 * SIDE, height - TOP - BOTTOM]
    const x = (t) => SIDE + ((t - from) / (to - from)) * w
    const y = (n) => TOP + tall - (n / top) * tall
    timeAxis(g, [from, to], { left: SIDE, width: w, top: TOP, bottom: TOP + tall })
    const marks = Array.from({ length: Math.round(top / step) }, (_, i) => (i + 1) * step)
    const rule = (n) => g.fillRect(SIDE, Math.round(y(n)), w, 1)
    g.fillStyle = css('--grid')
    marks.forEach(rule)
    g.save()
    g.beginPath()
    g.rect(SIDE, 0, w, height)
    g.clip()
    series.forEach(({ color }, s) => {
      const drawn = points.map(({ t }, i) => ({ x: x(t), end: ends[i][s] })).filter(({ end }) => end !== null)
      g.strokeStyle = g.fillStyle = css(color)
      g.lineWidth = 1.6
      g.beginPath()
      for (const { x, end } of drawn) g.lineTo(x, y(end[1]))
      if (!stacked) g.stroke()
      for (const { x, end } of drawn.reverse()) g.lineTo(x, y(end[0]))
      g.globalAlpha = stacked ? 0.85 : series.length === 1 ? 0.14 : 0
      g.fill()
      g.globalAlpha = 1
    })
    g.fillStyle = css('--text')
    if (limit > 0) rule(limit)
    if (shared.cursor > 0) g.fillRect(Math.round(x(shared.cursor)), TOP, 1, tall)
    g.globalAlpha = 0.15
    if (drag !== null) g.fillRect(x(drag[0]), TOP, x(drag[1]) - x(drag[0]), tall)
    g.restore()
    g.textAlign = 'left'
    g.fillStyle = css('--soft')
    g.strokeStyle = css('--panel')
    g.lineWidth = 3
    for (const n of marks) for (const write of ['strokeText', 'fillText']) g[write](format(n), SIDE + 2, y(n) + 12)
    g.textAlign = 'center'
    if (points.length < 2) g.fillText('gathering …', width / 2, TOP + tall / 2)
    const now = shared.cursor > 0 ? rows.findLastIndex((row) => row[0] <= shared.cursor) : rows.length - 1
    at.textContent = shared.cursor > 0 && now >= 0 ? clock(rows[now][0]) : ''
    if (now >= 0) valuesAt(now).forEach((value, s) => (values[s].textContent = text(value)))
  }

  function fillTable() {
    if (!alt.open) return
    const lines = shown().points.map(({ t, values }) => [clock(t), ...values.map(text)])
    behind.set(lines.slice(-ROWS_MAX))
  }

  const timeOf = (event) => {
    const { from, to } = shown()
    return from + ((event.offsetX - SIDE) / (canvas.clientWidth - 2 * SIDE)) * (to - from)
  }
  const on = (type, hear) => canvas.addEventListener(type, (event) => {
    hear(event)
    redraw()
  })
  on('pointermove', (event) => {
    shared.cursor = timeOf(event)
    if (drag !== null) drag[1] = shared.cursor
  })
  on('pointerleave', () => (shared.cursor = 0))
  on('pointerdown', (event) => {
    drag = [timeOf(event), timeOf(event)]
    canvas.setPointerCapture(event.pointerId)
  })
  on('pointerup', () => {
    if (drag !== null && Math.abs(drag[1] - drag[0]) > 1500) shared.zoom = drag.sort((a, b) => a - b)
    drag = null
  })
  on('keydown', (event) => {
    const by = { ArrowLeft: -1, ArrowRight: 1, Escape: 0 }[event.key]
    if (by === undefined || rows.length === 0) return
    event.preventDefault()
    const i = shared.cursor === 0 ? rows.length : rows.findLastIndex((row) => row[0] <= shared.cursor)
    shared.cursor = by === 0 ? 0 : rows[Math.max(0, Math.min(rows.length - 1, i + by))][0]
    if (by === 0) shared.zoom = null
  })
  const soon = keepDrawn(canvas, draw)
  return {
    el: panel([title, at, keys], canvas, alt),
    set(next) {
      rows = next
      fillTable()
      soon()
    },
  }
}
