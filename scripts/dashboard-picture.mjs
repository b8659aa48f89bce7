// @ts-check
// Makes docs/pictures/dashboard.png: a database at work is scraped by a real Prometheus, which answers the queries of
// docs/dashboards/varve.json; the panels are drawn from its answers, in the places that the file gives them, and
// photographed. Grafana is not needed, and draws the same numbers in a style of its own.
//   node scripts/dashboard-picture.mjs [seconds]        needs a build, prometheus and chromium
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { formatPrometheus, PROMETHEUS_CONTENT_TYPE, Varve } from 'varve'
import { root } from './source-tree.mjs'

/**
 * @typedef {{ x: number, y: number, w: number, h: number }} Place
 * @typedef {{ expr: string, legendFormat: string }} Target
 * @typedef {{ matcher: { options: string }, properties: { id: string, value: string }[] }} Override
 * @typedef {{ defaults: { unit?: string }, overrides: Override[] }} Fields
 * @typedef {{ type: string, title: string, gridPos: Place, targets?: Target[], fieldConfig?: Fields }} Panel
 * @typedef {{ metric: Record<string, string>, values: [number, string][] }} Series
 * @typedef {{ name: string, colour: string, points: [number, number][], isRight: boolean, unit: string | undefined }} Line
 */

const SECONDS = Number(process.argv[2] ?? 120)
/** The picture ends where the row "Tables and compaction" begins; the others follow below in the dashboard. */
const ROWS = 39
const WIDTH = 1200
const UNIT = 30
const COLOURS = ['#3f7fbf', '#d9822b', '#3a9a5c', '#b0479a', '#8a6d3b', '#5b6abf', '#c0504d', '#2a9d9d']
const lab = mkdtempSync(path.join(tmpdir(), 'varve-picture-'))

/** @param {import('node:http').Server} server @returns {Promise<number>} */
function listen(server) {
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => {
    const address = server.address()
    resolve(typeof address === 'object' && address !== null ? address.port : 0)
  }))
}

/** Orders that come, are read and change, with a rush in the middle of each half minute. @param {Varve} db */
async function work(db) {
  const value = Buffer.alloc(400, 'order')
  const large = Buffer.alloc(20_000, 'invoice')
  const end = Date.now() + SECONDS * 1000
  for (let i = 0; Date.now() < end; i++) {
    const isRush = Math.floor(Date.now() / 1000) % 30 > 22
    for (let k = 0; k < (isRush ? 120 : 20); k++) {
      const n = (i * 20 + k) * 7919 % 100_000
      void db.put(`order/${n}`, value)
      if (k % 10 === 0) void db.put(`invoice/${n % 300}`, large)
    }
    await db.put('last', String(i), { sync: i % 20 === 0 })
    for (let k = 0; k < 30; k++) await db.get(`order/${(i * 31 + k * 17) % 120_000}`)
    await sleep(isRush ? 2 : 10)
  }
}

/** @param {number} port @param {string} request @returns {Promise<Series[]>} */
async function ask(port, request) {
  const response = await fetch(`http://127.0.0.1:${port}/api/v1/${request}`)
  const answer = /** @type {{ status: string, error: string, data: { result: Series[] } }} */ (await response.json())
  if (answer.status !== 'success') throw new Error(`${request}: ${answer.error}`)
  return answer.data.result
}

/** @param {string} text */
const escaped = (text) => text.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`)

/** @param {number} value @param {string | undefined} unit */
function shown(value, unit) {
  /** @param {number} number */
  const short = (number) => String(Number(number.toPrecision(3)))
  if (unit === 'percentunit') return `${short(value * 100)} %`
  if (unit === 's' && value < 0.001) return `${short(value * 1e6)} µs`
  if (unit === 's') return value < 1 ? `${short(value * 1e3)} ms` : `${short(value)} s`
  if (unit === 'bytes' || unit === 'Bps') {
    const power = value < 1024 ? 0 : Math.min(3, Math.floor(Math.log2(value) / 10))
    return `${short(value / 1024 ** power)} ${['B', 'KiB', 'MiB', 'GiB'][power]}${unit === 'Bps' ? '/s' : ''}`
  }
  const text = value >= 1e6 ? `${short(value / 1e6)} M` : value >= 1000 ? `${short(value / 1000)} k` : short(value)
  return unit === 'ops' ? `${text}/s` : text
}

/** The next round number above all values. @param {Line[]} lines */
function topOf(lines) {
  const most = Math.max(0, ...lines.flatMap(({ points }) => points.map(([, value]) => value)))
  if (most === 0) return 1
  const base = /^(bytes|Bps)$/.test(lines[0]?.unit ?? '') ? 2 : 10
  const power = base ** Math.floor(Math.log(most) / Math.log(base))
  return (base === 2 ? [1, 1.5, 2] : [1, 2, 4, 6, 8, 10]).map((part) => part * power).find((top) => top >= most) ?? most
}

/**
 * Draws the lines of a panel, those of the left scale and those of the right one.
 * @param {Panel} panel
 * @param {Line[]} lines
 * @param {number} start
 */
function chart({ gridPos: { w, h } }, lines, start) {
  const margin = lines.some(({ isRight }) => isRight) ? 50 : 30
  const [width, height] = [w * WIDTH / 24 - 105 - margin, h * UNIT - 92]
  const paths = [false, true].flatMap((right) => {
    const these = lines.filter(({ isRight }) => isRight === right)
    if (these.length === 0) return []
    const top = topOf(these)
    const scale = [0, 0.5, 1].map((part) => {
      const y = height - part * height
      const place = right ? `x="${width + 6}" text-anchor="start"` : 'x="-6" text-anchor="end"'
      const text = `<text ${place} y="${y + 4}">${shown(part * top, these[0]?.unit)}</text>`
      return right ? text : `<line x1="0" x2="${width}" y1="${y}" y2="${y}" stroke="#ddd"/>${text}`
    })
    return [...scale, ...these.map(({ points, colour }) => {
      const places = points.map(([at, value]) => {
        return `${((at - start) / SECONDS * width).toFixed(1)},${(height - value / top * height).toFixed(1)}`
      })
      return `<polyline points="${places.join(' ')}" fill="none" stroke="${colour}" stroke-width="1.5"/>`
    })]
  })
  const times = [0, 0.5, 1].map((part) => {
    const text = new Date((start + part * SECONDS) * 1000).toISOString().slice(11, 19)
    return `<text x="${part * width}" y="${height + 17}" text-anchor="middle">${text}</text>`
  })
  const names = lines.map(({ name, colour }) => `<span><i style="background:${colour}"></i>${escaped(name)}</span>`)
  const box = [width + 75 + margin, height + 30]
  const parts = [...paths, ...times].join('')
  return `<svg width="${box[0]}" height="${box[1]}" viewBox="-75 -6 ${box.join(' ')}">${parts}</svg><p>${names.join('')}</p>`
}

/** @param {Line[]} lines */
function stat([line]) {
  if (line === undefined) return '<b>none</b>'
  return `<b>${escaped(line.name.includes(' ') ? line.name : shown(line.points.at(-1)?.[1] ?? NaN, line.unit))}</b>`
}

/** Asks what a panel asks. @param {number} port @param {Panel} panel @param {number} start @returns {Promise<Line[]>} */
async function linesOf(port, { type, targets = [], fieldConfig }, start) {
  /** @type {Line[]} */
  const lines = []
  for (const { expr, legendFormat } of targets) {
    const query = encodeURIComponent(expr.replaceAll('$__rate_interval', '4s').replaceAll('$database', '.*'))
    // A stat shows what is there at the end; a state that was left before is none.
    const from = type === 'stat' ? start + SECONDS : start
    const range = `query=${query}&start=${from}&end=${start + SECONDS}&step=1`
    for (const { metric, values } of await ask(port, `query_range?${range}`)) {
      const name = legendFormat.replace(/\{\{(\w+)\}\}/g, (_, label) => metric[label] ?? '')
      const own = fieldConfig?.overrides.find(({ matcher }) => new RegExp(matcher.options.slice(1, -1)).test(name))?.properties
      const points = values.map(([at, value]) => /** @type {[number, number]} */ ([at, Number(value)]))
      lines.push({
        name, points: points.filter(([, value]) => Number.isFinite(value)),
        colour: COLOURS[lines.length % COLOURS.length] ?? '',
        isRight: own?.some(({ value }) => value === 'right') === true,
        unit: own?.find(({ id }) => id === 'unit')?.value ?? fieldConfig?.defaults.unit,
      })
    }
  }
  return lines
}

/** @param {number} port @param {Panel} panel @param {number} start */
async function drawn(port, panel, start) {
  const { gridPos: { x, y, w, h }, title, type } = panel
  const place = `left:${x * WIDTH / 24}px;top:${y * UNIT}px;width:${w * WIDTH / 24}px;height:${h * UNIT}px`
  if (type === 'row') return `<h2 style="${place}">${escaped(title)}</h2>`
  const lines = await linesOf(port, panel, start)
  const content = type === 'stat' ? stat(lines) : chart(panel, lines, start)
  return `<section style="${place}"><div><h3>${escaped(title)}</h3>${content}</div></section>`
}

const STYLE = `
  body { margin: 0; width: ${WIDTH}px; height: ${ROWS * UNIT}px; position: relative; background: #f4f5f5; color: #333 }
  body { font: 12px sans-serif } h2, section { position: absolute; box-sizing: border-box; margin: 0 }
  h2 { font-size: 14px; padding: 8px 10px } section { padding: 4px }
  section > div { background: #fff; border: 1px solid #ddd; height: 100%; box-sizing: border-box; padding: 8px 10px }
  h3 { margin: 0 0 6px; font-size: 12px } p { margin: 2px 0 0 } span { margin-right: 14px; white-space: nowrap }
  b { display: block; font-size: 24px; text-align: center; padding-top: 14px; color: #3a9a5c }
  i { display: inline-block; width: 12px; height: 3px; margin: 0 5px 3px 0 } text { font-size: 11px; fill: #777 }`

const db = await Varve.open(path.join(lab, 'orders'), { writeBufferSize: 2 ** 20, memoryBudget: 24 * 2 ** 20, workers: 1 })
const scraped = createServer((_request, response) => {
  response.setHeader('content-type', PROMETHEUS_CONTENT_TYPE)
  response.end(formatPrometheus(db.stats(), { labels: { database: 'orders' } }))
})
const target = await listen(scraped)
const probe = createServer()
const port = await listen(probe)
await new Promise((resolve) => probe.close(resolve))
writeFileSync(path.join(lab, 'prometheus.yml'), JSON.stringify({
  global: { scrape_interval: '1s' },
  scrape_configs: [{ job_name: 'varve', static_configs: [{ targets: [`127.0.0.1:${target}`] }] }],
}))
const prometheus = spawn('prometheus', [
  `--config.file=${path.join(lab, 'prometheus.yml')}`, `--storage.tsdb.path=${path.join(lab, 'data')}`,
  `--web.listen-address=127.0.0.1:${port}`, '--log.level=error',
], { stdio: 'ignore' })
try {
  const start = Math.floor(Date.now() / 1000)
  await work(db)
  /** @type {{ panels: Panel[] }} */
  const board = JSON.parse(readFileSync(path.join(root, 'docs/dashboards/varve.json'), 'utf8'))
  const shownPanels = board.panels.filter(({ gridPos }) => gridPos.y < ROWS)
  const parts = []
  for (const panel of shownPanels) parts.push(await drawn(port, panel, start))
  const page = path.join(lab, 'page.html')
  writeFileSync(page, `<!doctype html><meta charset="utf-8"><style>${STYLE}</style>${parts.join('')}`)
  const { Chromium, findChromium } = await import(`${root}/dist/test/support/browser/chromium.js`)
  const { Tab } = await import(`${root}/dist/test/support/browser/tab.js`)
  const browser = new Chromium(findChromium())
  const tab = await Tab.open(browser, { width: WIDTH, height: ROWS * UNIT })
  await tab.go(`file://${page}`)
  await tab.until('document.querySelectorAll("section").length > 5')
  writeFileSync(path.join(root, 'docs/pictures/dashboard.png'), await tab.screenshot())
  await browser.close()
} finally {
  const ended = new Promise((resolve) => prometheus.once('exit', resolve))
  prometheus.kill()
  await ended
  scraped.closeAllConnections()
  scraped.close()
  await db.close()
  rmSync(lab, { recursive: true, force: true })
}
