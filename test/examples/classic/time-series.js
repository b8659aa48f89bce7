// Readings of sensors over time on classic-level: what is older than a week goes by a sweep over all sensors.
import { ClassicLevel } from 'classic-level'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'

const [HOUR, DAY] = [3_600_000, 86_400_000]
const KEPT = 7 * DAY
const SWEEP_MS = 60_000
const location = process.argv[2] ?? mkdtempSync(path.join(tmpdir(), 'classic-series-'))
const db = new ClassicLevel(location)
await db.open()

const sensorAndTime = {
  name: 'sensor-and-time',
  format: 'utf8',
  encode: ([sensor, time]) => `${sensor}/${new Date(time).toISOString()}`,
  decode: (text) => [text.slice(0, text.lastIndexOf('/')), Date.parse(text.slice(text.lastIndexOf('/') + 1))],
}
const readings = db.sublevel('reading', { keyEncoding: sensorAndTime, valueEncoding: 'json' })
const sensors = db.sublevel('sensor')
const rangeOf = (sensor) => ({ gte: `${sensor}/`, lt: `${sensor}0`, keyEncoding: 'utf8' })

const record = (list) => db.batch(list.flatMap(({ sensor, time, value }) => [
  { type: 'put', sublevel: sensors, key: sensor, value: '' },
  { type: 'put', sublevel: readings, key: [sensor, time], value },
]))

/** Deletes what is too old. It has to know all sensors, and to be called again and again. */
async function sweep() {
  const before = Date.now() - KEPT
  for await (const sensor of sensors.keys()) {
    await readings.clear({ gte: [sensor, 0], lt: [sensor, before] })
  }
}
const timer = setInterval(() => void sweep().catch(() => undefined), SWEEP_MS).unref()

/** Means of steps of time, oldest first. */
async function means(sensor, from, to, step) {
  const sums = new Map()
  for await (const [[, time], value] of readings.iterator({ gte: [sensor, from], lt: [sensor, to] })) {
    const start = time - (time % step)
    const { sum, count } = sums.get(start) ?? { sum: 0, count: 0 }
    sums.set(start, { sum: sum + value, count: count + 1 })
  }
  return [...sums.values()].map(({ sum, count }) => sum / count)
}

/** The newest reading: the last one before the end of the sensor. */
async function newest(sensor) {
  const [value] = await readings.values({ ...rangeOf(sensor), reverse: true, limit: 1 }).all()
  return value
}

const count = async (sensor) => (await readings.keys(rangeOf(sensor)).all()).length

const now = Math.floor(Date.now() / DAY) * DAY
for (const [sensor, base] of [['cellar', 10], ['roof', 20]]) {
  const list = []
  for (let time = now - 9 * DAY; time < now + DAY; time += HOUR / 4) {
    list.push({ sensor, time, value: base + ((time / HOUR) % 24) / 10 })
  }
  await record(list)
}
await sweep()
const kept = await count('roof')
console.log('kept of 10 days:', kept < 8 * 96 && kept >= 7 * 96)
console.log('newest:', (await newest('roof')).toFixed(2))
console.log('by quarters of a day:', (await means('roof', now - DAY, now, 6 * HOUR)).map((mean) => mean.toFixed(2)).join(' '))

await readings.clear(rangeOf('cellar'))
await sensors.del('cellar')
console.log('cellar:', await count('cellar'), await newest('cellar'))

clearInterval(timer)
await db.close()
if (process.argv[2] === undefined) rmSync(location, { recursive: true })
