// @ts-check
// Tables as rectangles: in the order of keys, as high as they are large; level 0 as a stack; hollow while in a compaction.
import { paper, picture } from './chart.js'
import { choice, css, fill, h } from './dom.js'

const [BUSY, DAMAGED] = [1, 2]

export function levelChart({ tip, paints, ...texts }, onPick) {
  const ends = h('p', { cls: 'mono soft' })
  let [data, boxes, chosen, paint, news] = [null, [], -1, 'level', new Set()]

  function draw(canvas) {
    if (data === null) return
    const start = performance.now()
    const side = canvas.clientWidth < 520 ? 30 : 108
    const { g, width } = paper(canvas, data.height)
    const unit = (width - side - 4) / data.ranks
    boxes = data.tables.map((row) => {
      const t = Object.fromEntries(row.map((value, i) => [data.fields[i], value]))
      return { ...t, x: side + t.from * unit, w: Math.max(1, (t.to - t.from + 1) * unit) }
    })
    const [text, bad] = [css('--text'), css('--bad')]
    const colors = data.levels.map(({ level }) => css(`--l${Math.min(6, level)}`))
    for (const b of boxes) {
      const w = b.w > 4 ? b.w - 1 : b.w
      const isFramed = b.flags & DAMAGED || news.has(b.file) || b.file === chosen
      g.fillStyle = colors[paint === 'level' ? b.level : 0]
      g.globalAlpha = b.flags & BUSY ? 0.2 : paint === 'level' ? 1 : 0.12 + 0.88 * b[paint]
      g.fillRect(b.x, b.y, w, b.height)
      g.globalAlpha = 1
      if (!isFramed && !(b.flags & BUSY)) continue
      g.strokeStyle = b.flags & DAMAGED ? bad : isFramed ? text : g.fillStyle
      g.lineWidth = b.file === chosen ? 3 : isFramed ? 2 : 1
      g.strokeRect(b.x + 0.5, b.y + 0.5, Math.max(1, w - 1), b.height - 1)
    }
    g.textAlign = 'left'
    g.fillStyle = text
    for (const level of data.levels) if (level.tables > 0) {
      g.fillText(fill(side > 30 ? 'L{level}  {tables|n} · {bytes|b}' : 'L{level}', level), 2, level.bottom - 3, side - 8)
    }
    Object.assign(canvas.dataset, { tables: boxes.length, frameMs: (performance.now() - start).toFixed(1) })
  }

  /** Walks from the chosen table. */
  const walk = (to) => () => {
    const order = [...boxes].sort((a, b) => a.level - b.level || a.y - b.y || a.from - b.from)
    const at = order.findIndex(({ file }) => file === chosen)
    return to(order, at, order[at] ?? { y: -1, from: 0 })
  }
  const head = choice('Colour by', paints, paint, (name) => {
    paint = name
    soon()
  })
  const { el, show, soon } = picture({
    ...texts, head, draw,
    at: ({ offsetX: x, offsetY: y }) => boxes.find((b) => x >= b.x - 1 && x <= b.x + b.w + 1 && y >= b.y && y <= b.y + b.height),
    say(b) {
      const more = b?.flags & DAMAGED ? ' · damaged, left alone' : b?.flags & BUSY ? ' · in a compaction' : ''
      return b ? fill(tip, b) + more : ''
    },
    pick({ file }) {
      chosen = file
      onPick(file)
    },
    walk: {
      ArrowRight: walk((order, at) => order[at + 1]), ArrowLeft: walk((order, at) => order[at - 1]),
      ArrowDown: walk((order, _, now) => order.find((b) => b.y > now.y && b.to >= now.from)),
      ArrowUp: walk((order, _, now) => order.findLast((b) => b.y < now.y && b.from <= now.from)),
      Home: walk((order) => order[0]), End: walk((order) => order.at(-1)),
    },
  })
  el.append(ends)
  return {
    el,
    set(next) {
      data = next
      news = new Set(next.addedTables)
      ends.textContent = next.total > 0 ? `keys ${next.firstKey} … ${next.lastKey}` : ''
      show(next.total > 0)
    },
  }
}
