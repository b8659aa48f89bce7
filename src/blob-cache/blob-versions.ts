/**
 * What: puts that carry a version: each replaces only what has a smaller one. Versions of what was put lately are
 * known; others are read from their records first, and calls of that key wait for it, in their order.
 * Owns: the known versions, bounded in number, and the calls that wait for one. Thread: main.
 * Invariants: BC-1 between the comparison and the bind nothing else happens to the key.
 */
import type { HashedKey } from './blob-hash.js'
import type { PutResult } from './durability.js'

/** No more versions are known than this: records tell the others. */
const KNOWN_MAX = 65_536

export interface BlobVersionsOptions {
  /** True when the index has something under the key. */
  isThere: (key: HashedKey) => boolean
  /** Reads the version of what is there: 0 without one or when nothing is there; null when that cannot be told now. */
  read: (key: HashedKey) => Promise<number | null>
}

interface Known {
  version: number
  /** Puts under way: their blobs may not be in the index yet. */
  pendingCount: number
}

interface Call {
  readonly namespace: number
  isOld: boolean
}

interface Load {
  readonly version: Promise<number | null>
  readonly calls: Set<Call>
}

export class BlobVersions {
  private readonly options: BlobVersionsOptions
  private readonly known = new Map<string, Known>()
  private readonly loads = new Map<string, Load>()

  constructor(options: BlobVersionsOptions) {
    this.options = options
  }

  /** Called for a put without version, and a delete, of a key: calls that wait are older. */
  passBy(key: HashedKey): void {
    if (this.known.size === 0 && this.loads.size === 0) return
    const name = nameOf(key)
    this.known.delete(name)
    for (const call of this.loads.get(name)?.calls ?? []) call.isOld = true
  }

  /** Called for a purge of a namespace, or of all with 0. */
  passByNamespace(namespace: number): void {
    for (const { calls } of this.loads.values()) {
      for (const call of calls) if (namespace === 0 || call.namespace === namespace) call.isOld = true
    }
  }

  /** True when `put` compares at once, so that the value need not be copied. */
  knows(key: HashedKey): boolean {
    return this.knownOf(key) !== null
  }

  /** Calls `put`, unless what is there is as new. */
  async put(
    key: HashedKey, version: number, namespace: number, put: () => Promise<PutResult>,
  ): Promise<PutResult> {
    const known = this.knownOf(key)
    if (known !== null) return this.compare(key, version, known, put)
    const call: Call = { namespace, isOld: false }
    const load = this.load(key)
    load.calls.add(call)
    const read = await load.version
    if (call.isOld) return { stored: false, reason: 'superseded' }
    const now = this.knownOf(key) ?? read
    return now === null ? { stored: false, reason: 'degraded' } : this.compare(key, version, now, put)
  }

  /** Gives the version of what is there, 0 for none; null when it must be read. */
  private knownOf(key: HashedKey): number | null {
    const known = this.known.get(nameOf(key))
    if (known !== undefined && known.pendingCount > 0) return known.version
    return this.options.isThere(key) ? known?.version ?? null : 0
  }

  private load(key: HashedKey): Load {
    const name = nameOf(key)
    const old = this.loads.get(name)
    if (old !== undefined) return old
    const version = this.options.read(key).then((read) => {
      this.loads.delete(name)
      return read
    })
    const load = { version, calls: new Set<Call>() }
    this.loads.set(name, load)
    return load
  }

  private async compare(
    key: HashedKey, version: number, known: number, put: () => Promise<PutResult>,
  ): Promise<PutResult> {
    if (version <= known) return { stored: false, reason: 'too-old' }
    const name = nameOf(key)
    const entry: Known = { version, pendingCount: 1 }
    const answer = put()
    this.known.delete(name)
    this.known.set(name, entry)
    if (this.known.size > KNOWN_MAX) this.known.delete(this.known.keys().next().value!)
    const result = await answer
    entry.pendingCount--
    if (!result.stored && this.known.get(name) === entry) this.known.delete(name)
    return result
  }
}

function nameOf({ low, high }: HashedKey): string {
  return `${low} ${high}`
}
