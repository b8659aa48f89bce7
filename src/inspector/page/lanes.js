// @ts-check
// Lanes over time: memtables, compactions; a bar that waits is hollow. A lane is chosen by the pointer or by keys.
import { paper, picture, timeAxis } from './chart.js'
import { css, key } from './dom.js'

const [ROW, STEP, TOP, BOTTOM, SIDE] = [17, 23, 8, 22, 104]

/** What stands around it is the layout's; of its `legend`: name, colour, and whether it is a wait. Lanes have a label, a note, and bars. */
export function laneChart({ legend, ...texts }, onPick = (_) => {}, more = null) {
  const keys = legend.map(([name, color, waits]) => key(name, color, waits && 'waits'))
  let [lanes, [first, last], chosen, right] = [[], [0, 1], -1, 0]
  const x = (t, { zero = 0 }) => SIDE + ((t - zero - first) / (last - first)) * (right - SIDE)
  const near = (i) => (lanes.length > 0 ? Math.max(0, Math.min(lanes.length - 1, i)) : undefined)

  function draw(canvas) {
    const { g, width, height } = paper(canvas, TOP + lanes.length * STEP + BOTTOM)
    right = width - 8
    timeAxis(g, [first, last], { left: SIDE, width: right - SIDE, top: TOP, bottom: height - BOTTOM })
    g.textAlign = 'left'
    lanes.forEach((lane, i) => {
      const { label, note, bars } = lane
      const y = TOP + i * STEP
      g.fillStyle = css('--hover')
      if (i === chosen) g.fillRect(0, y - 3, width, STEP)
      g.fillStyle = css(i === chosen ? '--text' : '--soft')
      g.fillText(label, 2, y + 12.5, SIDE - 8)
      let end = SIDE
      for (const { from, to, color, waits } of bars) {
        const [a, b] = [Math.max(SIDE, x(from, lane)), Math.min(right, x(to, lane))]
        if (b < SIDE || a > right) continue
        g.fillStyle = g.strokeStyle = css(color)
        g.beginPath()
        g.roundRect(a + 0.5, y + 0.5, Math.max(1, b - a - 1), ROW, b - a > 5 ? 2.5 : 0)
        g.stroke()
        g.globalAlpha = waits ? 0.2 : 1
        g.fill()
        g.globalAlpha = 1
        end = b
      }
      g.fillStyle = css('--soft')
      if (note && end + 60 < right) g.fillText(note, end + 6, y + 12.5)
    })
    canvas.dataset.lanes = String(lanes.length)
  }

  const { el, show } = picture({
    ...texts, head: [more, keys], draw,
    at: ({ offsetY }) => near(Math.floor((offsetY - TOP + 3) / STEP)),
    say(i, at) {
      const lane = lanes[i] ?? { bars: [] }
      const isAt = ({ from, to }) => x(from, lane) - 2 <= at && at <= x(to, lane) + 2
      return (at ? lane.bars.findLast(isAt) : lane.bars.at(-1))?.name ?? ''
    },
    pick(i) {
      chosen = i
      onPick(i)
    },
    walk: { ArrowUp: () => near(chosen - 1), ArrowDown: () => near(chosen + 1), Home: () => near(0), End: () => near(lanes.length) },
  })
  return {
    el,
    set(next, span, on = -1) {
      ;[lanes, [first, last], chosen] = [next, span, on]
      show(lanes.length > 0)
    },
  }
}
