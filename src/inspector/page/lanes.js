// @ts-check
// Lanes over time: memtables, compactions. A lane is chosen by the pointer or by keys.
import { hatch, keepDrawn, paper, timeAxis } from './chart.js'
import { css, h } from './dom.js'

const [ROW, STEP, TOP, BOTTOM, SIDE] = [17, 23, 8, 22, 104]

/** `legend`: name, colour, and whether it is a wait. Lanes have a label, a note, and bars. */
export function laneChart({ title, legend, nothing, onPick = (_) => {}, more = null }) {
  const canvas = h('canvas', { tabindex: 0, role: 'img', 'aria-label': `${title}. Up and down choose a lane.` })
  const keys = legend.map(([name, color, waits]) =>
    h('span', { cls: 'key' }, h('i', { cls: waits ? 'hatch' : '', style: { 'background-color': `var(${color})` } }), name))
  const tip = h('p', { cls: 'tip', role: 'status' })
  const none = h('p', { cls: 'empty' }, nothing)
  let [lanes, range, chosen] = [[], [0, 1], -1]
  const x = (t) => SIDE + ((t - range[0]) / (range[1] - range[0])) * (canvas.clientWidth - SIDE - 8)

  function draw() {
    const { g, width, height } = paper(canvas, TOP + lanes.length * STEP + BOTTOM)
    const right = width - 8
    timeAxis(g, range, { left: SIDE, width: right - SIDE, top: TOP, bottom: height - BOTTOM })
    const patterns = Object.fromEntries(legend.filter(([, , waits]) => waits).map(([, color]) => [color, hatch(g, css(color))]))
    g.textAlign = 'left'
    lanes.forEach(({ label, note, bars }, i) => {
      const y = TOP + i * STEP
      g.fillStyle = css('--hover')
      if (i === chosen) g.fillRect(0, y - 3, width, STEP)
      g.fillStyle = css(i === chosen ? '--text' : '--soft')
      g.fillText(label, 2, y + 12.5, SIDE - 8)
      let end = SIDE
      for (const { from, to, color, waits } of bars) {
        const [a, b] = [Math.max(SIDE, x(from)), Math.min(right, x(to))]
        if (b < SIDE || a > right) continue
        g.fillStyle = waits ? patterns[color] : css(color)
        g.beginPath()
        g.roundRect(a, y, Math.max(1.5, b - a - 0.5), ROW, b - a > 5 ? 2.5 : 0)
        g.fill()
        end = b
      }
      g.fillStyle = css('--soft')
      if (note && end + 60 < right) g.fillText(note, end + 6, y + 12.5)
    })
    canvas.dataset.lanes = String(lanes.length)
  }

  const laneAt = (event) => Math.max(0, Math.min(lanes.length - 1, Math.floor((event.offsetY - TOP + 3) / STEP)))
  function pick(i) {
    chosen = i
    tip.textContent = lanes[i].bars.at(-1)?.name ?? ''
    onPick(i)
    soon()
  }
  canvas.addEventListener('pointermove', (event) => {
    const bar = lanes[laneAt(event)]?.bars.findLast(({ from, to }) => x(from) - 2 <= event.offsetX && event.offsetX <= x(to) + 2)
    tip.textContent = bar?.name ?? ''
  })
  canvas.addEventListener('pointerdown', (event) => lanes.length > 0 && pick(laneAt(event)))
  canvas.addEventListener('keydown', (event) => {
    const by = { ArrowUp: -1, ArrowDown: 1, Home: -1e6, End: 1e6 }[event.key]
    if (by === undefined || lanes.length === 0) return
    event.preventDefault()
    pick(Math.max(0, Math.min(lanes.length - 1, chosen + by)))
  })
  const soon = keepDrawn(canvas, draw)
  return {
    el: h('section', { cls: 'panel' }, h('div', { cls: 'head' }, h('h2', {}, title), more, keys), none, canvas, tip),
    set(next, shownRange, on = -1) {
      ;[lanes, range, chosen] = [next, shownRange, on]
      canvas.hidden = lanes.length === 0
      none.hidden = lanes.length > 0
      soon()
    },
  }
}
