// @ts-check
// The pages: what each shows, and where it has it from.
import { act, get, state } from './app.js'
import { span, timeChart } from './chart.js'
import { choice, clock, facts, fill, h, num, panel, table, tiles } from './dom.js'
import { laneChart } from './lanes.js'
import { levelChart } from './levels.js'

const at = (row, name) => row[state.fields.indexOf(name)]
/** What a line of a chart is of a sample and the one before it. */
function valueOf([, how, ...names]) {
  if (how === 'sum') return (row) => names.reduce((all, name) => all + at(row, name), 0)
  const by = how === 'per' ? 1000 : 1
  return (row, old) => (old ? Math.max(0, (by * (at(row, names[0]) - at(old, names[0]))) / (row[0] - old[0])) : null)
}
const chartOf = ({ form, lines, limit, ...rest }) => timeChart({
  ...rest, format: (n) => fill(`{n|${form}}`, { n }), line: limit ? (row) => at(row, limit) : null,
  series: Object.entries(lines).map(([name, line]) => ({ name, color: line[0], value: valueOf(line) })),
})

const hint = () => h('p', { cls: 'soft' }, 'Choose one, by pointer or with the arrow keys.')

function pipeline() {
  const { legend, lane: about } = state.layout
  const detail = h('div', {})
  let [lanes, log, isAligned] = [[], 0, false]
  const more = choice('Lanes', [['over time', false], ['from full on', true]], false, (value) => {
    isAligned = value
    draw()
  })
  const onPick = (i) => {
    log = lanes[i].log
    draw()
  }
  const gantt = laneChart({ title: 'Memtables, the newest on top', legend, nothing: 'No memtable yet.', more, onPick })
  function draw() {
    const drawn = lanes.map((lane) => ({ ...lane, bars: lane.bars.map((bar) => {
      const zero = isAligned ? lane.queued : 0
      return { ...bar, from: bar.from - zero, to: bar.to - zero }
    }) }))
    const end = Math.max(1, ...lanes.map((lane) => lane.released - lane.queued).filter(Number.isFinite))
    gantt.set(drawn, isAligned ? [0, 1.2 * end] : span(lanes.at(-1)?.filled ?? 0, Date.now(), 2000), lanes.findIndex((each) => each.log === log))
    const lane = lanes.find((each) => each.log === log)
    detail.replaceChildren(lane ? facts(about, lane) : hint())
  }
  return { els: [gantt.el, panel('The chosen memtable', detail)], set(data) {
    lanes = data.lanes
    draw()
  } }
}

function compactions() {
  const gantt = laneChart({ title: 'Compactions, side by side', legend: [1, 2, 3, 4, 5, 6].map((l) => [`to L${l}`, `--l${l}`]), nothing: 'None since the inspector began.' })
  return { els: [gantt.el], set: ({ lanes }) => gantt.set(lanes, span(lanes[0]?.bars[0].from ?? 0, Date.now(), 2000)) }
}

function levels(title = 'Tables by key', marked) {
  const detail = h('div', {}, hint())
  const onPick = async (file) => {
    const facts1 = await get('table', { file }).then((t) => facts(state.layout.table, t), (error) => error.message)
    detail.replaceChildren(facts1, h('a', { href: `#bytes/table/${file}` }, 'Its bytes'))
  }
  const picture = levelChart({ title, onPick, marked })
  return { els: [h('div', { cls: 'split' }, picture.el, panel('Table', detail))], set: picture.set }
}

function heat() {
  const [grid, note] = [h('table', { cls: 'heat' }), h('p', { cls: 'soft' })]
  return { els: [panel('', grid, note)], set({ rows, keys, text }) {
    const most = Math.max(1, ...rows.flatMap(({ cells }) => cells))
    const cell = (n, i) => h('td', { title: `${num(n)} from ${keys[i]}`, style: { background: `color-mix(in srgb, var(--l0) ${(100 * n) / most}%, var(--grid))` } })
    grid.replaceChildren(...rows.map(({ t, cells }) => h('tr', {}, h('th', {}, clock(t)), cells.map(cell))))
    note.textContent = text
  } }
}

function events() {
  let [word, isHeld] = ['', false]
  const list = table(state.layout.columns.events, 'Nothing that fits has happened yet.')
  const fitting = () => state.events.filter((event) => `${event.type} ${event.text}`.toLowerCase().includes(word)).reverse()
  const set = () => isHeld || list.set(fitting().slice(0, 300))
  const filter = h('input', { type: 'search', placeholder: 'flush, stall, table 12 …', 'aria-label': 'Filter', oninput() {
    word = filter.value.toLowerCase()
    set()
  } })
  const hold = h('button', { 'aria-pressed': 'false', onclick() {
    hold.setAttribute('aria-pressed', String((isHeld = !isHeld)))
    set()
  } }, 'Hold still')
  const copy = h('button', { onclick: () => navigator.clipboard.writeText(JSON.stringify(fitting(), null, 1)) }, 'Copy as JSON')
  const acts = state.admin ? ['flush', 'compact', 'scrub'].map((what) => h('button', { onclick: () => act(what) }, `${what} …`)) : []
  return { els: [panel('', h('div', { cls: 'seg' }, filter, hold, copy, acts), state.isGap ? 'Older events are gone.' : '', list.el)], set }
}

function dump() {
  const [, kind, file] = location.hash.split('/')
  const { columns } = state.layout
  let [files, open, from, isAsked] = [[], kind && { kind, num: Number(file) }, 0, false]
  const look = async (section) => {
    const data = await get('bytes', { ...open, from, ...(section >= 0 && { section }) }).catch((error) => ({ name: open.num, sections: [], problems: [error] }))
    title.textContent = [data.name, ...data.problems.map(({ message }) => message)].join(' ! ')
    parts.set(data.sections, section - from)
    fields.set(data.fields ?? [])
    more.hidden = data.isEnd !== false
  }
  const list = table(columns.files, 'No files.', (i) => {
    ;[open, from] = [files[i], 0]
    look()
  })
  const parts = table(columns.parts, 'Choose a file.', (i) => look(from + i))
  const fields = table(columns.fields, 'Choose a part.')
  const title = h('h2', {}, 'Parts')
  const more = h('button', { hidden: '', onclick() {
    from += 200
    look()
  } }, 'The next 200')
  return {
    els: [h('div', { cls: 'split files' }, panel('Files', list.el), h('div', {}, panel('', title, parts.el, more), panel('Bytes', fields.el)))],
    set(data) {
      if (isAsked) return
      isAsked = true
      list.set((files = data.files))
      if (open) look()
    },
  }
}

function time() {
  let [data, group, isAsked, near, news] = [{ groups: 1 }, 0, false, [], new Set()]
  const tables = levels('The tables then; those that came are framed', () => news)
  const slider = h('input', { type: 'range', min: 1, 'aria-label': 'Group of the manifest', oninput: () => go(Number(slider.value)) })
  const head = h('p', {})
  const list = table(state.layout.columns.groups, 'None.', (i) => go(near[i].group))
  const bars = h('div', { cls: 'strata', 'aria-hidden': 'true' })
  const go = async (to) => {
    group = Math.max(1, Math.min(data.groups, to))
    slider.value = group
    const found = await get('group', { group })
    if (found.group !== group) return
    news = new Set(found.addedTables)
    head.textContent = found.text
    tables.set(found)
    near = found.around
    list.set(near, near.findIndex((each) => each.group === group))
  }
  const read = async (query) => {
    for (data = await get('history', query); ; data = await get('history')) {
      slider.max = data.groups
      bars.replaceChildren(...data.stacks.map((levels) => {
        const stripes = levels.map(([from, to], level) => `var(--l${level}) ${from}% ${to}%`)
        return h('i', { style: { background: `linear-gradient(to top, ${stripes}, transparent 0)` } })
      }))
      if (group === 0) go(data.groups)
      if (data.isDone) break
      await new Promise((done) => setTimeout(done, 200))
    }
    go(data.groups)
  }
  const step = (by) => h('button', { onclick: () => go(group + by) }, by < 0 ? '← before' : 'after →')
  const anew = h('button', { onclick: () => read({ anew: 1 }) }, 'Read anew')
  return {
    els: [panel('', h('div', { cls: 'seg' }, step(-1), step(1), anew), bars, slider, head), ...tables.els, panel('Groups around it', list.el)],
    set() {
      if (!isAsked) read({})
      isAsked = true
    },
  }
}

function now() {
  const say = h('p', {})
  return { els: [say], set({ limit, mood }) {
    say.className = `panel say ${mood}`
    say.textContent = limit
  } }
}

const bodies = { now, pipeline, compactions, levels, heat, events, bytes: dump, time }

/** Makes a page: its elements, and what brings them up to date. */
export function make(id) {
  const { live, isEager, view = id, tiles: numbers, charts = [], tables = [] } = state.layout.pages[id]
  if (live && !state.isLive) return { els: [h('p', { cls: 'panel empty' }, live)], update() {} }
  const top = numbers && tiles(numbers)
  const main = bodies[id]?.()
  const drawn = charts.map(chartOf)
  const lists = tables.map(({ title, rows, none, columns }) => ({ rows, list: table(columns, none), title, wide: columns.length > 6 ? ' wide' : '' }))
  const parts = [top?.el, ...(main?.els ?? [])]
  if (id === 'now') parts.reverse()
  return {
    isEager, els: [...parts, h('div', { cls: 'grid' }, drawn.map(({ el }) => el), lists.map(({ title, list, wide }) => h('section', { cls: `panel${wide}` }, h('h2', {}, title), list.el)))].filter(Boolean),
    async update() {
      const data = view === '' ? {} : await get(view)
      top?.set(data)
      main?.set(data)
      for (const each of drawn) each.set(state.rows)
      for (const { rows, list } of lists) list.set(rows.split('.').reduce((value, name) => value[name], data))
    },
  }
}
