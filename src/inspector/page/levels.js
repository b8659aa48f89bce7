// @ts-check
// Tables as rectangles: in the order of keys, as high as they are large; level 0 as a stack.
import { hatch, keepDrawn, paper } from './chart.js'
import { bytes, choice, css, fill, h, num } from './dom.js'

const [GAP, LOW, HIGH, STACK] = [14, 12, 56, 9]
const [BUSY, DAMAGED] = [1, 2]
/** Shares from 0 to 1; null: the colour of the level. */
const PAINTS = {
  level: () => null,
  age: (t, { lastSeq }) => 1 - t.seq / Math.max(1, lastSeq),
  tombstones: (t) => Math.min(1, (2 * t.tombstones) / Math.max(1, t.entries)),
}

export function levelChart({ title, onPick, marked = () => new Set() }) {
  const canvas = h('canvas', { tabindex: 0, role: 'img', 'aria-label': `${title}. Arrow keys walk from table to table.` })
  const [tip, ends] = [h('p', { cls: 'tip', role: 'status' }), h('p', { cls: 'mono soft' })]
  const none = h('p', { cls: 'empty' }, 'No tables yet. The first comes when a memtable is full, or with flush().')
  let [picture, boxes, chosen, paint] = [null, [], -1, 'level']

  /** Finds where each table is. */
  function place(width, side) {
    const { fields, tables, levels, ranks } = picture
    const most = tables.reduce((n, t) => Math.max(n, t[5]), 1)
    const unit = (width - side - 4) / ranks
    let end = 6
    const bands = levels.map(({ tables: count, rows }) => {
      const [top, tall] = [end, rows > 1 ? Math.min(rows * STACK, 220) : HIGH]
      if (count > 0) end += tall + GAP
      return { top, tall, rows }
    })
    boxes = tables.map((row) => {
      const t = {}
      fields.forEach((name, i) => (t[name] = row[i]))
      const { top, tall, rows } = bands[t.level]
      const high = rows > 1 ? Math.max(2, tall / rows - 1.5) : LOW + (HIGH - LOW) * (t.bytes / most)
      const y = rows > 1 ? top + (t.row * tall) / rows : top + tall - high
      return { ...t, x: side + t.from * unit, w: Math.max(1, (t.to - t.from + 1) * unit), y, h: high }
    })
    return { end, bands }
  }

  function draw() {
    const start = performance.now()
    const side = canvas.clientWidth < 520 ? 30 : 108
    const { end, bands } = place(canvas.clientWidth, side)
    const { g } = paper(canvas, end)
    const [news, text, busy] = [marked(), css('--text'), hatch(g, css('--bg'))]
    const colors = picture.levels.map(({ level }) => css(`--l${Math.min(6, level)}`))
    for (const b of boxes) {
      const part = PAINTS[paint](b, picture)
      const w = b.w > 4 ? b.w - 1 : b.w
      g.globalAlpha = part === null ? 1 : 0.12 + 0.88 * part
      g.fillStyle = part === null ? colors[b.level] : colors[0]
      g.fillRect(b.x, b.y, w, b.h)
      g.globalAlpha = 1
      if (b.flags & BUSY) {
        g.fillStyle = busy
        g.fillRect(b.x, b.y, w, b.h)
      }
      if (b.flags & DAMAGED || news.has(b.file) || b.file === chosen) {
        g.strokeStyle = b.flags & DAMAGED ? css('--bad') : text
        g.lineWidth = b.file === chosen ? 3 : 2
        g.strokeRect(b.x, b.y, Math.max(2, w), b.h)
      }
    }
    g.textAlign = 'left'
    picture.levels.forEach(({ level, tables, bytes: size }, i) => {
      if (tables === 0) return
      const y = bands[i].top + bands[i].tall
      g.font = '600 12px system-ui, sans-serif'
      g.fillStyle = text
      g.fillText(`L${level}`, 2, y - 3)
      g.font = '11px system-ui, sans-serif'
      g.fillStyle = css('--soft')
      if (side > 30) g.fillText(`${num(tables)} · ${bytes(size)}`, 26, y - 3, side - 34)
    })
    Object.assign(canvas.dataset, { tables: boxes.length, frameMs: (performance.now() - start).toFixed(1) })
  }

  const say = (b) => {
    const more = b?.flags & DAMAGED ? ' · damaged, left alone' : b?.flags & BUSY ? ' · in a compaction' : ''
    tip.textContent = b ? fill('table {file} · level {level} · {bytes|b} · {entries|n} entries, {tombstones|n} tombstones', b) + more : ''
  }
  const boxAt = ({ offsetX: x, offsetY: y }) => boxes.find((b) => x >= b.x - 1 && x <= b.x + b.w + 1 && y >= b.y && y <= b.y + b.h)
  function pick(b) {
    if (b === undefined) return
    chosen = b.file
    say(b)
    onPick(b.file)
    soon()
  }
  canvas.addEventListener('pointermove', (event) => say(boxAt(event)))
  canvas.addEventListener('pointerdown', (event) => pick(boxAt(event)))
  canvas.addEventListener('keydown', (event) => {
    const order = [...boxes].sort((a, b) => a.level - b.level || a.row - b.row || a.from - b.from)
    const at = order.findIndex(({ file }) => file === chosen)
    const now = order[at] ?? { y: -1, h: 0, from: 0 }
    const next = {
      ArrowRight: () => order[at + 1], ArrowLeft: () => order[at - 1], Home: () => order[0], End: () => order.at(-1),
      ArrowDown: () => order.find((b) => b.y > now.y && b.to >= now.from), ArrowUp: () => order.findLast((b) => b.y < now.y && b.from <= now.from),
    }[event.key]
    if (next === undefined) return
    event.preventDefault()
    pick(next())
  })
  const soon = keepDrawn(canvas, () => picture !== null && draw())
  const paints = choice('Colour by', Object.keys(PAINTS).map((name) => [name, name]), paint, (name) => {
    paint = name
    soon()
  })
  return {
    el: h('section', { cls: 'panel' }, h('div', { cls: 'head' }, h('h2', {}, title), paints), none, canvas, tip, ends),
    set(next) {
      picture = next
      none.hidden = next.total > 0
      canvas.hidden = next.total === 0
      ends.textContent = next.total > 0 ? `keys ${next.firstKey} … ${next.lastKey}` : ''
      soon()
    },
  }
}
