/**
 * What: `salvaged/` of a target: the entries that are not served, as a varve stream, and the report of the repair.
 * Owns: the stream while it is written. It is made when the first entry comes. Thread: main.
 */
import { SALVAGED_DIRECTORY } from '../base/index.js'
import { isTombstone } from '../iterator/index.js'
import { ExportWriter } from '../transfer/index.js'
import type { RepairLedger, RepairReport, SalvagedEntry } from './repair-ledger.js'
import type { RepairTarget, SyncedFile } from './repair-target.js'

/** The file with the entries that are not served. */
const SALVAGED_ENTRIES = 'entries.varve'
/** The file with the report. */
const SALVAGED_REPORT = 'report.json'

export class SalvagedFile {
  private readonly target: RepairTarget
  private readonly ledger: RepairLedger
  private file: SyncedFile | null = null
  private writer: ExportWriter | null = null

  constructor(target: RepairTarget, ledger: RepairLedger) {
    this.target = target
    this.ledger = ledger
  }

  /** Adds an entry. A tombstone has no value to keep. */
  add({ key, value, seqNum, expiryMs, source, reason, kind }: SalvagedEntry): void {
    if (isTombstone(kind)) return
    this.begin().add({ key, value, seqNum, expiryMs, source, reason })
    this.ledger.salvagedEntries++
  }

  /** Adds entries that are searched for; null where only time has passed. */
  *addAll(entries: Generator<SalvagedEntry | null>): Generator<undefined, void, unknown> {
    for (const entry of entries) {
      if (entry !== null) this.add(entry)
      yield
    }
  }

  private begin(): ExportWriter {
    const { target } = this
    if (this.writer !== null) return this.writer
    target.makeDirectorySync(SALVAGED_DIRECTORY)
    const file = this.file = target.newFile(SALVAGED_DIRECTORY, SALVAGED_ENTRIES)
    return (this.writer = new ExportWriter(target, (bytes) => file.add(bytes)))
  }

  /** Ends the stream and writes the report, unless all is well: then there is no such directory. */
  async end(report: RepairReport): Promise<void> {
    if (report.ok && this.writer === null) return
    const { target } = this
    this.begin().end()
    await this.file!.end()
    const json = target.newFile(SALVAGED_DIRECTORY, SALVAGED_REPORT)
    json.add(new TextEncoder().encode(`${JSON.stringify({ ...report, salvagedEntries: this.ledger.salvagedEntries },
      (_, value: unknown) => (value instanceof Uint8Array ? hexOf(value) : value), 2)}\n`))
    await json.end()
    await target.syncDirectory(SALVAGED_DIRECTORY)
  }

  /** Lets the file go, if it was not ended. */
  async discard(): Promise<void> {
    await this.file?.discard()
  }
}

/** Bytes of keys as hexadecimal digits. */
function hexOf(bytes: Uint8Array): string {
  return `0x${[...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('')}`
}
