// Readings of sensors over time, kept for a week: old ones expire by themselves, with no sweep.
// node examples/time-series.js [directory]
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { Varve } from 'varve'

const [HOUR, DAY] = [3_600_000, 86_400_000]
const KEPT = 7 * DAY
const location = process.argv[2] ?? mkdtempSync(path.join(tmpdir(), 'varve-series-'))
const db = await Varve.open(location)

// A key is a sensor and a time. Dates of ISO 8601 stand in their order, so a range of keys is a range of time.
const sensorAndTime = {
  format: 'utf8',
  encode: ([sensor, time]) => `${sensor}/${new Date(time).toISOString()}`,
  decode: (text) => [text.slice(0, text.lastIndexOf('/')), Date.parse(text.slice(text.lastIndexOf('/') + 1))],
}
const readings = db.view({ key: sensorAndTime, value: 'json', prefix: 'reading:' })

const record = (list) => readings.batch(list.map(({ sensor, time, value }) => {
  return { type: 'put', key: [sensor, time], value, expiresAt: time + KEPT }
}))

/** Means of steps of time, oldest first. */
async function means(sensor, from, to, step) {
  const sums = new Map()
  for await (const [[, time], value] of readings.entries({ gte: [sensor, from], lt: [sensor, to] })) {
    const start = time - (time % step)
    const { sum, count } = sums.get(start) ?? { sum: 0, count: 0 }
    sums.set(start, { sum: sum + value, count: count + 1 })
  }
  return [...sums.values()].map(({ sum, count }) => sum / count)
}

/** The newest reading: the last one before the end of the sensor. */
function newest(sensor) {
  const [value] = readings.valuesSync({ prefix: `${sensor}/`, reverse: true, limit: 1 })
  return value
}

const count = (sensor) => [...readings.keysSync({ prefix: `${sensor}/` })].length

// Ten days of a reading every quarter of an hour; those of the first three are older than a week.
const now = Math.floor(Date.now() / DAY) * DAY
for (const [sensor, base] of [['cellar', 10], ['roof', 20]]) {
  const list = []
  for (let time = now - 9 * DAY; time < now + DAY; time += HOUR / 4) {
    list.push({ sensor, time, value: base + ((time / HOUR) % 24) / 10 })
  }
  await record(list)
}
console.log('kept of 10 days:', count('roof') < 8 * 96 && count('roof') >= 7 * 96)
console.log('newest:', newest('roof').toFixed(2))
console.log('by quarters of a day:', (await means('roof', now - DAY, now, 6 * HOUR)).map((mean) => mean.toFixed(2)).join(' '))

// A sensor goes at once, however much there is of it.
await readings.delRange({ prefix: 'cellar/' })
console.log('cellar:', count('cellar'), newest('cellar'))

await db.close()
if (process.argv[2] === undefined) rmSync(location, { recursive: true })
