// @ts-check
// Elements and texts. What comes from a database is set as text, never as markup.

/** @returns {any} */
export function h(tag, props = {}, ...kids) {
  const el = document.createElement(tag)
  for (const [name, value] of Object.entries(props)) {
    if (name.startsWith('on')) el.addEventListener(name.slice(2), value)
    else if (name === 'style') for (const each in value) el.style.setProperty(each, value[each])
    else if (value !== false) el.setAttribute(name === 'cls' ? 'class' : name, value)
  }
  el.append(...kids.flat(9).filter((kid) => kid !== null && kid !== undefined))
  return el
}

const whole = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 })
export const num = (n) => whole.format(n)
export function bytes(n) {
  let unit = 0
  while (Math.abs(n) >= 1023.5 && unit < 4) [n, unit] = [n / 1024, unit + 1]
  return `${unit === 0 || n >= 100 ? num(n) : n.toFixed(1)} ${['B', 'KiB', 'MiB', 'GiB', 'TiB'][unit]}`
}
export function ms(n) {
  if (n > 0 && n < 10) return `${n.toFixed(n < 1 ? 2 : 1)} ms`
  if (n < 1000) return `${Math.round(n)} ms`
  const [by, unit] = n < 60e3 ? [1e3, 's'] : n < 36e5 ? [6e4, 'min'] : [36e5, 'h']
  return `${(n / by).toFixed(1)} ${unit}`
}
export const clock = (t) => (t > 0 ? new Date(t).toLocaleTimeString('en-GB') : '–')
export const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim()

const FORMATS = {
  n: num, b: bytes, m: ms, t: clock, R: (n) => `${bytes(n)}/s`, r: (n) => `${n > 0 && n < 10 ? n.toFixed(1) : num(n)}/s`,
  s: (n) => `${(100 * n).toFixed(n > 0 && n < 0.1 ? 1 : 0)} %`, f: (n) => n.toFixed(2),
}
/** In a template, `{memory.totalBytes|b}` is that field, as bytes. */
export function fill(template, data) {
  return template.replace(/\{([\w.]+)\|?(\w?)\}/g, (_, path, form) => {
    const value = path.split('.').reduce((each, name) => each?.[name], data)
    return value === null || value === undefined || value === '' ? '–' : (FORMATS[form] ?? String)(value)
  })
}

/** A column is its head and template; in front `#`: numbers, `~`: long texts, `'`: code. */
export function table(columns, nothing, onPick) {
  const parts = columns.map((text) => /^([#~']?)(.*?) ?(\{.*)/.exec(text))
  const [kinds, texts] = [parts.map(([, mark]) => ({ '#': 'n', '~': 'w', "'": 'w mono' })[mark] ?? ''), parts.map((part) => part[3])]
  const body = h('tbody')
  const row = h('tr', {}, parts.map(([, , name], i) => h('th', { cls: kinds[i], scope: 'col' }, name)))
  const grid = h('table', { hidden: '' }, h('thead', {}, row), body)
  const none = h('p', { cls: 'empty' }, nothing)
  return {
    el: h('div', { cls: 'scroll', tabindex: 0 }, grid, none),
    set(items, chosen = -1) {
      grid.hidden = items.length === 0
      none.hidden = items.length > 0
      while (body.rows.length > items.length) body.deleteRow(-1)
      items.forEach((item, r) => {
        const tr = body.rows[r] ?? body.insertRow()
        tr.className = r === chosen ? 'on' : ''
        texts.forEach((text, c) => {
          let cell = tr.cells[c]
          if (cell === undefined) {
            cell = tr.appendChild(h('td', { cls: kinds[c] }))
            if (onPick && c === 0) cell.append(h('button', { onclick: () => onPick(r) }))
          }
          const place = cell.firstElementChild ?? cell
          const value = fill(text, item)
          if (place.textContent !== value) place.textContent = value
        })
      })
    },
  }
}

/** `name: {big.number|b} / small note`. */
export function tiles(specs) {
  const cells = specs.map((spec) => {
    const [name, value, note = ''] = spec.split(/: | \/ /)
    return { value, note, big: h('b', {}, '–'), small: h('small'), name }
  })
  return {
    el: h('div', { cls: 'tiles', style: { '--n': specs.length > 7 ? specs.length / 2 : specs.length } }, cells.map(({ name, big, small }) => h('div', {}, h('span', {}, name), big, small))),
    set: (data) => cells.forEach(({ value, note, big, small }) => {
      big.textContent = fill(value, data)
      small.textContent = small.title = fill(note, data)
    }),
  }
}

export const facts = (specs, data) => h('dl', {}, specs.map((spec) => {
  const [name, value] = spec.split(': ')
  return h('div', {}, h('dt', {}, name), h('dd', {}, fill(value, data)))
}))

/** Buttons of which one is pressed. */
export function choice(label, choices, first, onPick) {
  const buttons = choices.map((each) => [each].flat()).map(([text, value = text]) => h('button', {
    'aria-pressed': String(value === first),
    onclick(event) {
      for (const each of buttons) each.ariaPressed = String(each === event.target)
      onPick(value)
    },
  }, text))
  return h('div', { cls: 'seg', role: 'group', 'aria-label': label }, buttons)
}
/** A name in a legend. */
export const key = (name, color, cls, ...more) =>
  h('span', { cls: 'key' }, h('i', { cls, style: { color: `var(${color})` } }), `${name} `, more)
/** A button that stays pressed until it is pressed again. */
export function toggle(text, onFlip) {
  const button = h('button', { 'aria-pressed': 'false', onclick() {
    const isOn = button.ariaPressed === 'false'
    button.ariaPressed = String(isOn)
    onFlip(isOn)
  } }, text)
  return button
}
/** `heads`: a title, and what stands beside it. */
export function panel(heads, ...kids) {
  const [title, ...beside] = [heads].flat()
  return h('section', { cls: 'panel' }, title && h('div', { cls: 'head' }, h('h2', {}, title), beside), kids)
}
