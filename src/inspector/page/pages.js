// @ts-check
// The pages: what each shows, and where it has it from.
import { act, get, refresh, state } from './app.js'
import { span, timeChart } from './chart.js'
import { choice, clock, facts, fill, h, num, panel, table, tiles, toggle } from './dom.js'
import { laneChart } from './lanes.js'
import { levelChart } from './levels.js'

/** What a line of a chart is of a sample and the one before it. */
function valueOf({ how, columns }) {
  if (how === 'sum') return (row) => columns.reduce((all, i) => all + row[i], 0)
  const [by, most] = how === 'per' ? [1000, Infinity] : [1, 1]
  const [i] = columns
  return (row, old) => (old ? Math.min(most, Math.max(0, (by * (row[i] - old[i])) / (row[0] - old[0]))) : null)
}
const chartOf = ({ title, form, lines, limit, ...rest }) => timeChart({
  ...rest, title, format: (n) => fill(`{n|${form}}`, { n }), line: limit > 0 ? (row) => row[limit] : null,
  series: lines.map((line) => ({ ...line, value: valueOf(line) })),
})

const hint = () => h('p', { cls: 'soft' }, state.layout.hint)

function pipeline() {
  const { pictures, lane: about } = state.layout
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
  const gantt = laneChart(pictures.memtables, onPick, more)
  function draw() {
    const drawn = lanes.map((lane) => ({ ...lane, zero: isAligned ? lane.queued : 0 }))
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
  const gantt = laneChart(state.layout.pictures.compactions)
  return { els: [gantt.el], set: ({ lanes }) => gantt.set(lanes, span(lanes[0]?.bars[0].from ?? 0, Date.now(), 2000)) }
}

/** A panel for what is known of the table that is chosen. */
function tableFacts() {
  const detail = h('div', {}, hint())
  return { el: panel('Table', detail), onPick: (file) => get('table', { file }).then(
    (found) => detail.replaceChildren(facts(state.layout.table, found), h('a', { href: `#bytes/table/${file}` }, 'Its bytes')),
    ({ message }) => detail.replaceChildren(h('p', {}, message)),
  ) }
}

function levels() {
  const { el, onPick } = tableFacts()
  const chart = levelChart(state.layout.pictures.levels, onPick)
  return { els: [h('div', { cls: 'split' }, chart.el, el)], set: chart.set }
}

function heat() {
  let what = 'writes'
  const [grid, note, ends] = [h('table', { cls: 'heat' }), h('p', { cls: 'soft' }), h('p', { cls: 'mono soft' })]
  const pick = choice('Heat of', ['writes', 'reads'], what, (name) => {
    what = name
    refresh()
  })
  return { els: [panel('', pick, grid, ends, note)], query: () => ({ what }), set({ rows, keys, text, none }) {
    const most = Math.max(1, ...rows.flatMap(({ cells }) => cells))
    const cell = (n, i) => h('td', { title: `${num(n)} from ${keys[i]}`, style: { background: `color-mix(in srgb, var(--l0) ${(100 * n) / most}%, var(--grid))` } })
    grid.replaceChildren(...rows.map(({ t, cells }) => h('tr', {}, h('th', {}, clock(t)), cells.map(cell))))
    ends.textContent = rows.length > 0 ? `keys ${keys[0]} … ${keys.at(-1)}` : ''
    note.textContent = rows.length > 0 ? `${text} The strongest colour is ${num(most)}.` : none
  } }
}

function actions() {
  const list = table(state.layout.columns.events, 'Nothing yet.')
  const cards = state.actions.map(({ action, about, fields }) => {
    const inputs = fields.map((name) => h('input', { placeholder: name, 'aria-label': name }))
    const given = () => Object.fromEntries(inputs.map(({ value }, i) => [fields[i], value]))
    const go = () => act({ action, ...given() }).catch(({ message }) => alert(message))
    return panel('', h('p', {}, about), h('div', { cls: 'seg' }, inputs, h('button', { onclick: go }, `${action} …`)))
  })
  const set = () => list.set(state.events.filter(({ type }) => /^(admin|scrub)/.test(type)).reverse())
  return { els: [h('div', { cls: 'grid' }, cards), panel('What was done', list.el)], set }
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
  const hold = toggle('Hold still', (isOn) => {
    isHeld = isOn
    set()
  })
  const copy = h('button', { onclick: () => navigator.clipboard.writeText(JSON.stringify(fitting(), null, 1)) }, 'Copy as JSON')
  return { els: [panel('', h('div', { cls: 'seg' }, filter, hold, copy), state.isGap ? 'Older events are gone.' : '', list.el)], set }
}

function dump() {
  const [, kind, file] = location.hash.split('/')
  const { columns } = state.layout
  let [files, open, from] = [[], kind && { kind, num: Number(file) }, 0]
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
    begin(data) {
      list.set((files = data.files))
      if (open) look()
    },
  }
}

function time() {
  let [data, group, beside, near] = [null, 0, 0, []]
  const { el, onPick } = tableFacts()
  const [then, other] = ['then', 'beside'].map((name) => levelChart(state.layout.pictures[name], onPick))
  other.el.hidden = true
  const slider = h('input', { type: 'range', min: 1, 'aria-label': 'Group of the manifest', oninput: () => go(Number(slider.value)) })
  const head = h('p', { role: 'status' })
  const list = table(state.layout.columns.groups, 'None.', (i) => go(near[i].group))
  const bars = h('div', { cls: 'strata', 'aria-hidden': 'true' })
  const go = async (to) => {
    group = Math.max(1, Math.min(data.groups, to))
    slider.value = group
    const [found, old] = await Promise.all([get('group', { group, beside }), beside && get('group', { group: beside, beside: group })])
    if (found.group !== group) return
    head.textContent = found.text
    then.set(found)
    other.el.hidden = !old
    if (old) other.set(old)
    near = found.around
    list.set(near, near.findIndex((each) => each.group === group))
  }
  const read = async (query) => {
    for (data = await get('history', query); ; data = await get('history')) {
      slider.max = data.groups
      bars.replaceChildren(...data.stacks.map((stripes) => h('i', { style: { background: `linear-gradient(to top, ${stripes}, transparent 0)` } })))
      if (group === 0) go(data.groups)
      if (data.isDone) break
      await new Promise((done) => setTimeout(done, 200))
    }
    go(data.groups)
  }
  const step = (by) => h('button', { onclick: () => go(group + by) }, by < 0 ? '← before' : 'after →')
  const compare = toggle('Keep this one beside', (isOn) => {
    beside = isOn ? group : 0
    go(group)
  })
  const anew = h('button', { onclick: () => read({ anew: 1 }) }, 'Read anew')
  return {
    els: [panel('', h('div', { cls: 'seg' }, step(-1), step(1), compare, anew), bars, slider, head), h('div', { cls: 'grid' }, then.el, other.el), el, panel('Groups around it', list.el)],
    begin: () => read({}),
  }
}

function now() {
  const say = h('p', {})
  return { els: [say], set({ limit, mood }) {
    say.className = `panel say ${mood}`
    say.textContent = limit
  } }
}

const bodies = { now, pipeline, compactions, levels, heat, events, bytes: dump, time, actions }

/** Makes a page: its elements, and what brings them up to date. */
export function make(id) {
  const { isEager, view = id, tiles: numbers, charts = [], tables = [] } = state.layout.pages[id]
  if (state.unknown[id]) return { els: [h('p', { cls: 'panel empty' }, state.unknown[id])], async update() {} }
  const top = numbers && tiles(numbers)
  const main = bodies[id]?.()
  const drawn = charts.map(chartOf)
  const lists = tables.map(({ title, rows, none, columns }) => {
    const list = table(columns, none)
    const el = panel(title, list.el)
    el.classList.toggle('wide', columns.length > 6)
    return { rows, list, el }
  })
  const parts = [top?.el, ...(main?.els ?? [])]
  if (id === 'now') parts.reverse()
  return {
    isEager, els: [...parts, h('div', { cls: 'grid' }, [...drawn, ...lists].map(({ el }) => el))].filter(Boolean),
    async update() {
      const data = view === '' ? {} : await get(view, main?.query?.())
      top?.set(data)
      main?.begin?.(data)
      if (main) main.begin = null
      main?.set?.(data)
      for (const each of drawn) each.set(state.rows)
      for (const { rows, list } of lists) list.set(rows.split('.').reduce((value, name) => value[name], data))
    },
  }
}
