// @ts-check
// Charts over time: lines, or stacked areas. All of a page share their span and a cursor; a table stands behind each.
import { clock, css, h, ms } from './dom.js'

const [SIDE, TOP, BOTTOM, ROWS_MAX] = [8, 8, 20, 60]

/** What the charts of a page share; `zoom` is the span that was dragged. */
export const shared = { spanMs: 300_000, zoom: null, cursor: 0, draws: new Set() }
export const redraw = () => shared.draws.forEach((draw) => draw())
/** The span that is shown of times from `first` to `last`. */
export const span = (first, last, least = 2e4) => shared.zoom ?? [Math.max(last - shared.spanMs, Math.min(first, last - least)), last]

/** A canvas with the pixels that it has on the screen, empty. */
export function paper(canvas, height) {
  const [width, ratio] = [canvas.clientWidth, devicePixelRatio || 1]
  const size = [Math.round(width * ratio), Math.round(height * ratio)]
  if (canvas.width !== size[0] || canvas.height !== size[1]) [canvas.width, canvas.height] = size
  canvas.style.height = `${height}px`
  const g = canvas.getContext('2d')
  g.setTransform(ratio, 0, 0, ratio, 0, 0)
  g.clearRect(0, 0, width, height)
  g.font = '11px system-ui, sans-serif'
  return { g, width, height }
}

/** Draws in the frame after data, a resize or other colours, while it is on the page. */
export function keepDrawn(canvas, draw) {
  let isDue = false
  const soon = () => {
    if (isDue) return
    isDue = true
    requestAnimationFrame(() => {
      isDue = false
      if (canvas.isConnected && canvas.clientWidth > 0) draw()
    })
  }
  new ResizeObserver(soon).observe(canvas)
  shared.draws.add(soon)
  return soon
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
  const keys = series.map(({ name, color }, i) =>
    h('span', { cls: 'key' }, h('i', { style: { background: `var(${color})` } }), `${name} `, values[i]))
  const behind = h('table')
  const alt = h('details', { ontoggle: () => fillTable() }, h('summary', {}, `${title} as a table`), h('div', { cls: 'scroll' }, behind))
  let [rows, drag] = [[], null]

  /** The span that is shown, and which samples are in it. */
  function shown() {
    const [from, to] = span(rows[0]?.[0] ?? 0, rows.at(-1)?.[0] ?? Date.now())
    const first = rows.findIndex((row) => row[0] >= from)
    const end = rows.findLastIndex((row) => row[0] <= to) + 1
    return { from, to, first: Math.max(0, first < 0 ? rows.length : first - 1), end: Math.min(rows.length, end + 1) }
  }
  const valuesAt = (i) => series.map(({ value }) => value(rows[i], rows[i - 1]))

  function draw() {
    const { g, width } = paper(canvas, height)
    const { from, to, first, end } = shown()
    const points = []
    for (let i = first; i < end; i++) points.push({ t: rows[i][0], v: valuesAt(i) })
    const limit = line !== null && rows.length > 0 ? line(rows.at(-1)) : 0
    const sums = points.map(({ v }) => (stacked ? v.reduce((a, n) => a + (n ?? 0), 0) : Math.max(...v.map((n) => n ?? 0))))
    const most = Math.max(...sums, limit, floor)
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
    let base = points.map(() => 0)
    series.forEach(({ color }, s) => {
      const drawn = points.map(({ t, v }, i) => ({ x: x(t), y: y(base[i] + (v[s] ?? 0)), low: y(base[i]), isThere: v[s] !== null }))
        .filter(({ isThere }) => isThere)
      g.strokeStyle = g.fillStyle = css(color)
      g.lineWidth = 1.6
      g.beginPath()
      for (const each of drawn) g.lineTo(each.x, each.y)
      if (!stacked) g.stroke()
      for (const each of drawn.reverse()) g.lineTo(each.x, each.low)
      g.globalAlpha = stacked ? 0.85 : series.length === 1 ? 0.14 : 0
      g.fill()
      g.globalAlpha = 1
      if (stacked) base = points.map(({ v }, i) => base[i] + (v[s] ?? 0))
    })
    const band = (left, wide, color, alpha) => {
      g.globalAlpha = alpha
      g.fillStyle = css(color)
      g.fillRect(left, TOP, wide, tall)
      g.globalAlpha = 1
    }
    g.fillStyle = css('--text')
    if (limit > 0) rule(limit)
    if (shared.cursor > 0) band(Math.round(x(shared.cursor)), 1, '--soft', 1)
    if (drag !== null) band(x(drag[0]), x(drag[1]) - x(drag[0]), '--accent', 0.15)
    g.restore()
    g.textAlign = 'left'
    g.fillStyle = css('--text')
    g.globalAlpha = 0.65
    for (const n of marks) g.fillText(format(n), SIDE + 2, y(n) + 12)
    g.globalAlpha = 1
    g.textAlign = 'center'
    if (points.length < 2) g.fillText('gathering …', width / 2, TOP + tall / 2)
    const now = shared.cursor > 0 ? rows.findLastIndex((row) => row[0] <= shared.cursor) : rows.length - 1
    at.textContent = shared.cursor > 0 && now >= 0 ? clock(rows[now][0]) : ''
    if (now >= 0) valuesAt(now).forEach((value, s) => (values[s].textContent = value === null ? '–' : format(value)))
    canvas.dataset.points = String(points.length)
  }

  function fillTable() {
    if (!alt.open) return
    const { first, end } = shown()
    const lines = rows.slice(first, end).map((row, i) => [clock(row[0]), ...valuesAt(first + i).map((v) => (v === null ? '–' : format(v)))])
    const cells = [['time', ...series.map(({ name }) => name)], ...lines.slice(-ROWS_MAX)]
    behind.replaceChildren(...cells.map((texts, r) => h('tr', {}, texts.map((text) => h(r === 0 ? 'th' : 'td', {}, text)))))
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
  on('dblclick', () => (shared.zoom = null))
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
    el: h('section', { cls: 'panel' }, h('div', { cls: 'head' }, h('h2', {}, title), at, keys), canvas, alt),
    set(next) {
      rows = next
      fillTable()
      soon()
    },
  }
}

/** Hatching, for what waits. */
export function hatch(g, color) {
  const tile = h('canvas', { width: 6, height: 6 })
  const t = tile.getContext('2d')
  t.fillStyle = color
  for (let i = 0; i < 6; i++) t.fillRect(i, 5 - i, 3, 1)
  for (let i = 0; i < 2; i++) t.fillRect(0, 4 + i - 5 * i, 2 - i, 1)
  t.globalAlpha = 0.3
  t.fillRect(0, 0, 6, 6)
  return g.createPattern(tile, 'repeat')
}
