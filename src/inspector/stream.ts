/**
 * What: one stream of events to one page: samples as they are taken, events of the database a quarter of a second
 * together, and no more than some hundreds of them at once. A page that does not read is cut off when 256 KiB wait.
 * Owns: how far the page has been told. Events wait in the ring (event-ring.ts). Thread: main.
 */
import type { ServerResponse } from 'node:http'
import type { Timer } from '../base/index.js'
import type { Stats } from '../stats/index.js'
import type { Looker, Watch } from './watch.js'

const BACKLOG_BYTES_MAX = 256 * 1024
const GATHER_MS = 250
const EVENTS_AT_ONCE_MAX = 500

/** The word beside the name of the database, and its mood. */
function badgeOf({ database: { state, isReadOnly }, writeStall }: Stats): { text: string; mood: string } {
  if (isReadOnly) return { text: 'FILES', mood: 'soft' }
  if (state === 'OPEN' && writeStall.state !== 'none') {
    return writeStall.state === 'slow' ? { text: 'SLOWED', mood: 'warn' } : { text: 'STOPPED', mood: 'bad' }
  }
  return { text: state.replace('_', ' '), mood: state === 'OPEN' ? 'good' : state === 'DEGRADED' ? 'warn' : 'bad' }
}

export class EventStream implements Looker {
  private readonly watch: Watch
  private readonly response: ServerResponse
  /** The number of the last event that was sent. */
  private sentId: number
  private timer: Timer | null = null
  private readonly stopLooking: () => void

  /** Begins behind the event with this number: what came since is sent first. */
  constructor(watch: Watch, response: ServerResponse, lastId: number) {
    this.watch = watch
    this.response = response
    this.sentId = Math.min(lastId, watch.events.lastId)
    this.send('hello', { isWhole: watch.events.after(this.sentId).isWhole })
    this.sendEvents()
    this.stopLooking = watch.look(this)
    response.on('close', () => this.end())
  }

  onSample(row: readonly number[]): void {
    this.send('sample', { row, badge: badgeOf(this.watch.stats) })
  }

  onEvent(): void {
    this.sendLater()
  }

  /** Tells the page that the database is closed, and ends. */
  finish(): void {
    while (this.sentId < this.watch.events.lastId) this.sendEvents()
    this.send('closed', {})
    this.end()
  }

  private sendLater(): void {
    this.timer ??= this.watch.subject.clock.after(GATHER_MS, () => this.sendEvents())
  }

  private sendEvents(): void {
    this.timer?.cancel()
    this.timer = null
    const { events, isWhole } = this.watch.events.after(this.sentId)
    if (events.length === 0) return
    if (!isWhole) this.send('hello', { isWhole })
    const sent = events.slice(0, EVENTS_AT_ONCE_MAX)
    this.sentId = sent.at(-1)!.id
    this.send('events', sent, this.sentId)
    if (sent.length < events.length) this.sendLater()
  }

  private send(type: string, data: unknown, id?: number): void {
    const { response } = this
    if (response.writableEnded || response.destroyed) return
    if (response.writableLength > BACKLOG_BYTES_MAX) {
      response.destroy()
      return
    }
    response.write(`${id === undefined ? '' : `id: ${id}\n`}event: ${type}\ndata: ${JSON.stringify(data)}\n\n`)
  }

  private end(): void {
    this.timer?.cancel()
    this.stopLooking()
    if (!this.response.writableEnded) this.response.end()
  }
}
