/**
 * What: what the tests of the page look at: a storm of writes, keys that try to be markup, a database with nothing in
 * it, and the pages one after the other.
 */
import { setTimeout as wait } from 'node:timers/promises'
import type { Varve } from '../../src/api/index.js'
import type { Tab } from '../support/browser/tab.js'

export const PAGES = [
  'now', 'pipeline', 'stalls', 'compactions', 'levels', 'logs', 'memory', 'holders', 'heat', 'events', 'bytes', 'time',
]

export const HOSTILE = [
  '<img src=x onerror="document.title=1">', '\u202egpj.exe\u2066', '"><script>document.title=1</script>',
    '{{constructor}}',
  '\0\x1b[31m', `long ${'x'.repeat(64 * 1024 - 10)}`,
]

/** Writes until it is stopped; gives the function that stops it. */
export function storm(db: Varve): () => Promise<void> {
  let isOver = false
  const run = async (): Promise<void> => {
    const value = Buffer.alloc(300, 'v')
    for (let i = 0; !isOver; i++) {
      for (let k = 0; k < 100; k++) db.put(`user:${(i * 100 + k) * 7919 % 20_000}`, value).catch(() => undefined)
      await db.get(`user:${i % 20_000}`)
      await wait(5)
    }
  }
  const running = run()
  return async () => {
    isOver = true
    await running
  }
}

/** Signs in, and waits for the first picture. */
export async function enter(tab: Tab, url: string): Promise<void> {
  await tab.go(url)
  await tab.until("document.querySelector('h1') && document.querySelector('#link.on')", 'the first page is there')
}

/** Goes to a page, and waits until it has its data. */
export async function visit(tab: Tab, id: string): Promise<void> {
  await tab.read(`location.hash = ${JSON.stringify(id)}`)
  await tab.until(`document.querySelector('nav a[aria-current]')?.hash === ${JSON.stringify(`#${id}`)}`, `page ${id}`)
  await wait(150)
}

/** True when the first canvas that is seen has drawn something. */
export const IS_DRAWN = `(() => {
  const canvas = [...document.querySelectorAll('canvas')].find((each) => each.clientWidth > 0 && each.width > 0)
  if (!canvas) return false
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height)
  return data.some((each) => each !== 0)
})()`
