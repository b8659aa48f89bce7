// A secondary index on classic-level, in the same atomic batch as its data: each write waits for the one before.
import { ClassicLevel } from 'classic-level'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'

const location = process.argv[2] ?? mkdtempSync(path.join(tmpdir(), 'classic-index-'))
const db = new ClassicLevel(location)
await db.open()
const people = db.sublevel('people', { valueEncoding: 'json' })
const byCity = db.sublevel('by-city') // city and id → id

const indexKey = (id, { city }) => `${city}\0${id}`

// Between reading what was there and the batch another write could come.
let last = Promise.resolve()
function write(id, person) {
  const written = last.then(async () => {
    const before = await people.get(id)
    await db.batch([
      ...(before === undefined ? [] : [
        { type: 'del', sublevel: people, key: id },
        { type: 'del', sublevel: byCity, key: indexKey(id, before) },
      ]),
      ...(person === undefined ? [] : [
        { type: 'put', sublevel: people, key: id, value: person },
        { type: 'put', sublevel: byCity, key: indexKey(id, person), value: id },
      ]),
    ])
  })
  last = written.catch(() => undefined)
  return written
}

async function livingIn(city) {
  return people.getMany(await byCity.values({ gt: `${city}\0`, lt: `${city}\x01` }).all())
}
const names = async (city) => (await livingIn(city)).map(({ name }) => name).join(', ') || 'nobody'

await write('1', { name: 'Ada', city: 'London' })
await write('2', { name: 'Emmy', city: 'Göttingen' })
await write('3', { name: 'Alan', city: 'London' })
console.log('London:', await names('London'))
await write('1', { name: 'Ada', city: 'Paris' })
await write('2', undefined)
console.log('London:', await names('London'))
console.log('Paris:', await names('Paris'))
console.log('Göttingen:', await names('Göttingen'))
console.log('index entries:', (await byCity.keys().all()).length)

await db.close()
if (process.argv[2] === undefined) rmSync(location, { recursive: true })
