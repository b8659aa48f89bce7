// @ts-check
// The session, the stream, and which page is shown.
import { redraw, shared } from './chart.js'
import { choice, h } from './dom.js'
import { make } from './pages.js'

/** @returns {any} */
const $ = (id) => document.getElementById(id)
const SAMPLES_MAX = 3600
/** @type {any} */
export const state = { db: 0, rows: [], events: [], lastId: 0 }
let [bearer, stop, page] = [sessionStorage.getItem('bearer') ?? '', new AbortController(), null]
let [isBusy, isDue] = [false, false]

async function ask(path, body) {
  const headers = { authorization: `Bearer ${bearer}`, 'content-type': 'application/json' }
  const answer = await fetch(path, body ? { headers, method: 'POST', body: JSON.stringify(body) } : { headers })
  if (answer.status === 401) throw new Error('This address was good once. For another, run "varve inspect DIR" again.')
  const value = await answer.json().catch(() => ({}))
  if (!answer.ok) throw new Error(value.error?.message ?? `The inspector refused: ${answer.status}.`)
  return value
}
export const get = (view, query = {}) => ask(`/api/${view}?${new URLSearchParams({ db: state.db, ...query })}`)
/** Asks what would happen, then the one who looks at it, then for it to be done. */
export async function act(what) {
  const wanted = { db: state.db, ...what }
  const { text, confirm: word } = await ask('/api/admin', wanted)
  if (confirm(`${text}\n\nGo on?`)) await ask('/api/admin', { ...wanted, confirm: word })
}

const say = (error) => $('main').replaceChildren(h('p', { cls: 'empty', role: 'alert' }, error.message))
const link = (isOn, text) => Object.assign($('link'), { className: isOn ? 'on' : '', textContent: text })

/** Shows the page that the address names. */
function show() {
  const [id] = location.hash.slice(1).split('/')
  const { pages } = state.layout
  const name = Object.hasOwn(pages, id) ? id : 'now'
  const { title, about, charts } = pages[name]
  shared.draws.clear()
  shared.cursor = 0
  page = make(name)
  const pick = choice('Span of time', state.layout.spans, shared.spanMs, (ms) => {
    Object.assign(shared, { spanMs: ms, zoom: null })
    redraw()
    refresh()
  })
  $('main').replaceChildren(h('div', { cls: 'top' }, h('h1', {}, title), h('p', {}, about), charts ? pick : ''), ...page.els)
  document.title = `${title} · Varve`
  for (const each of $('nav').querySelectorAll('a')) each.ariaCurrent = each.hash === `#${name}` ? 'page' : null
  $('nav').querySelector('[aria-current]')?.scrollIntoView({ block: 'nearest', inline: 'nearest' })
  refresh()
}

/** Asks for what is shown; once more when something came meanwhile. */
export async function refresh() {
  isDue = isBusy || document.hidden
  if (isDue) return
  isBusy = true
  const mine = page
  await mine.update().catch((error) => mine === page && say(error))
  isBusy = false
  if (isDue || mine !== page) refresh()
}

function hear(type, data) {
  if (type === 'sample') {
    state.rows = [...state.rows.slice(1 - SAMPLES_MAX), data.row]
    Object.assign($('state'), { hidden: false, textContent: data.badge.text, className: data.badge.mood })
    refresh()
  } else if (type === 'events') {
    state.events = [...state.events, ...data].slice(-2000)
    if (page.isEager) refresh()
  } else if (type === 'hello') state.isGap = !data.isWhole
  else {
    stop.abort()
    link(false, 'closed')
    $('state').hidden = true
  }
}

async function follow() {
  stop.abort()
  const mine = (stop = new AbortController())
  try {
    const headers = { authorization: `Bearer ${bearer}`, 'last-event-id': String(state.lastId) }
    const { body, ok } = await fetch(`/events?db=${state.db}`, { headers, signal: mine.signal })
    link(ok, ok ? state.pace : 'refused')
    const reader = ok && body.pipeThrough(new TextDecoderStream()).getReader()
    let text = ''
    for (let turn = await reader.read(); !turn.done; turn = await reader.read()) {
      const parts = (text + turn.value).split('\n\n')
      text = parts.pop()
      for (const part of parts) {
        const { id, event, data } = Object.fromEntries(part.split('\n').map((line) => line.split(/: (.*)/s)))
        state.lastId = Number(id ?? state.lastId)
        hear(event, JSON.parse(data))
      }
    }
  } catch { /* told below */ }
  if (mine.signal.aborted) return
  link(false, 'offline')
  setTimeout(() => mine === stop && follow(), 2000)
}

async function choose(db, all) {
  const { location: place, pace, unknown, actions } = all[db]
  Object.assign(state, { db, pace, unknown, actions, rows: [], events: [], lastId: 0 })
  Object.assign($('place'), { textContent: place, title: place, hidden: all.length > 1 })
  Object.assign(state, await get('samples'))
  show()
  follow()
}

async function begin() {
  const token = /^#([\w-]{22,})$/.exec(location.hash)?.[1]
  if (token) {
    history.replaceState(null, '', '/')
    bearer = (await ask('/session', { token })).bearer
    sessionStorage.setItem('bearer', bearer)
  }
  const { databases, ...rest } = await ask('/api/databases')
  Object.assign(state, rest)
  const links = Object.entries(rest.layout.groups).map(([title, ids]) => [h('b', {}, title), ...ids.map((id) => h('a', { href: `#${id}` }, rest.layout.pages[id].title))])
  $('nav').append(...links.flat())
  $('database').append(...databases.map(({ location: place, db }) => h('option', { value: db }, place)))
  Object.assign($('database'), { hidden: databases.length < 2, onchange: () => choose(Number($('database').value), databases) })
  await choose(0, databases)
  addEventListener('hashchange', show)
  document.addEventListener('visibilitychange', () => {
    stop.abort()
    link(false, 'paused')
    if (!document.hidden) follow().then(refresh)
  })
}
addEventListener('unhandledrejection', (event) => say(event.reason))
begin()
