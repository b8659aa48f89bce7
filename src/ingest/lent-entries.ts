/**
 * What: entries of a load that stand in memory of whoever reads them, told by their places: neither an entry nor its
 * bytes are an object, which would cost more than the rest of a load.
 * Owns: the lists. Does not own: the memory, which stays as it is until the load asks for the next entries.
 * Thread: main.
 */

/** Places of an entry: start and end of its key, start and end of its value. */
const PLACES = 4

export class LentEntries {
  count = 0
  private readonly keys: Uint8Array[] = []
  private readonly values: Uint8Array[] = []
  private readonly places: number[] = []
  private readonly expiries: number[] = []

  /** Adds the entry that follows; `expiryMs`: when it expires, 0 for never. */
  add(
    key: Uint8Array, keyStart: number, keyEnd: number,
    value: Uint8Array, valueStart: number, valueEnd: number, expiryMs: number,
  ): void {
    const { count, places } = this
    const at = PLACES * count
    this.keys[count] = key
    this.values[count] = value
    places[at] = keyStart
    places[at + 1] = keyEnd
    places[at + 2] = valueStart
    places[at + 3] = valueEnd
    this.expiries[count] = expiryMs
    this.count = count + 1
  }

  /** Forgets all, and lets their memory go. */
  clear(): void {
    this.count = 0
    this.keys.length = 0
    this.values.length = 0
  }

  /** The memory in which the key stands. */
  keyMemory(i: number): Uint8Array {
    return this.keys[i]!
  }

  valueMemory(i: number): Uint8Array {
    return this.values[i]!
  }

  keyStart(i: number): number {
    return this.places[PLACES * i]!
  }

  keyEnd(i: number): number {
    return this.places[PLACES * i + 1]!
  }

  valueStart(i: number): number {
    return this.places[PLACES * i + 2]!
  }

  valueEnd(i: number): number {
    return this.places[PLACES * i + 3]!
  }

  expiryMs(i: number): number {
    return this.expiries[i]!
  }
}
