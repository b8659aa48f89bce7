/**
 * What: the hashes of blobs that were dropped from the young queue a short while ago. Who comes back as a ghost was
 * dropped too early, and goes to the main queue.
 * Owns: a table of buckets with sixteen places each, about 16 bytes of memory a ghost. A ghost is the low word of a
 * hash and the number of its batch; a batch is as many ghosts as were dropped in a row, and is forgotten as a whole.
 * Keeps true: the blobs of all ghosts had at most `bytesMax` bytes, or fit one batch; ghosts are no more than
 * `countMax`. The table grows and shrinks by one bucket at a time, so no step is long.
 * Two blobs with the same low word are taken for each other, which costs nothing but a place in the wrong queue.
 */

/** Words of a ghost: the low word of its hash, its batch. An empty place has batch 0. */
const GHOST_WORDS = 2
const BUCKET_GHOSTS = 16
const BUCKET_WORDS = BUCKET_GHOSTS * GHOST_WORDS
const CHUNK_BUCKETS = 128
/**
 * A bucket has more ghosts than others by chance; a full one forgets its oldest. With this load
 * four of a hundred ghosts are forgotten so. */
const LOAD_MAX = 0.5
const LOAD_MIN = 0.2
/** A batch is this part of all ghosts. */
const BATCH_SHARE = 1 / 64
/** There may be as many ghosts as this however few items there are. */
const COUNT_MIN = 1024

interface Batch {
  bytes: number
  count: number
}

export class BlobGhosts {
  private readonly bytesMax: number
  private readonly chunks = [new Uint32Array(CHUNK_BUCKETS * BUCKET_WORDS)]
  private bucketCount = 1
  /** The batches that are not forgotten, oldest first; the last one is being filled. */
  private readonly batches: Batch[] = [{ bytes: 0, count: 0 }]
  /** The number of the first of them. */
  private oldest = 1
  private countNow = 0
  private bytesNow = 0

  constructor(bytesMax: number) {
    this.bytesMax = bytesMax
  }

  /** Ghosts in all batches, with those that were taken or fell out of a full bucket since. */
  get count(): number {
    return this.countNow
  }

  /** Bytes of memory. */
  get bytes(): number {
    return this.chunks.length * CHUNK_BUCKETS * BUCKET_WORDS * 4
  }

  /** Adds the hash of a blob of `bytes`. There are at most `countMax` ghosts then. */
  add(low: number, bytes: number, countMax: number): void {
    const batch = this.batches.at(-1)!
    batch.bytes += bytes
    batch.count++
    this.bytesNow += bytes
    this.countNow++
    this.write(this.bucketOf(low), low, this.oldest + this.batches.length - 1)
    const limit = Math.max(COUNT_MIN, countMax)
    if (batch.bytes >= this.bytesMax * BATCH_SHARE || batch.count >= limit * BATCH_SHARE) {
      this.batches.push({ bytes: 0, count: 0 })
    }
    while (this.batches.length > 1 && (this.bytesNow > this.bytesMax || this.countNow > limit)) this.forgetOldest()
    if (this.countNow > this.bucketCount * BUCKET_GHOSTS * LOAD_MAX) this.addBucket()
    else if (this.bucketCount > 1 && this.countNow < this.bucketCount * BUCKET_GHOSTS * LOAD_MIN) this.dropBucket()
  }

  /** Takes a ghost out, and tells whether it was there. */
  take(low: number): boolean {
    const bucket = this.bucketOf(low)
    const words = this.chunkOf(bucket)
    const start = startOf(bucket)
    for (let at = start; at < start + BUCKET_WORDS; at += GHOST_WORDS) {
      if (words[at] !== low >>> 0 || words[at + 1]! < this.oldest) continue
      words[at + 1] = 0
      return true
    }
    return false
  }

  private forgetOldest(): void {
    const batch = this.batches.shift()!
    this.bytesNow -= batch.bytes
    this.countNow -= batch.count
    this.oldest++
  }

  /** Writes a ghost over itself, a forgotten one, or the oldest one of its bucket. */
  private write(bucket: number, low: number, batch: number): void {
    const words = this.chunkOf(bucket)
    const start = startOf(bucket)
    let place = start
    for (let at = start; at < start + BUCKET_WORDS; at += GHOST_WORDS) {
      if (words[at] === low >>> 0) {
        place = at
        break
      }
      if (words[at + 1]! < words[place + 1]!) place = at
    }
    words[place] = low
    words[place + 1] = batch
  }

  private bucketOf(low: number): number {
    const round = roundOf(this.bucketCount)
    const bucket = (low & (2 * round - 1)) >>> 0
    return bucket < this.bucketCount ? bucket : bucket - round
  }

  private chunkOf(bucket: number): Uint32Array {
    return this.chunks[Math.floor(bucket / CHUNK_BUCKETS)]!
  }

  /** Adds a bucket, and brings to it what belongs there from the one bucket that had it so far. */
  private addBucket(): void {
    const added = this.bucketCount
    if (added === this.chunks.length * CHUNK_BUCKETS) this.chunks.push(new Uint32Array(CHUNK_BUCKETS * BUCKET_WORDS))
    const from = added - roundOf(added)
    this.bucketCount++
    this.bring(from, (low) => this.bucketOf(low) === added)
  }

  /** Drops the last bucket, and brings its ghosts to the one where they were before it was added. */
  private dropBucket(): void {
    this.bucketCount--
    this.bring(this.bucketCount, () => true)
    if (this.bucketCount <= (this.chunks.length - 1) * CHUNK_BUCKETS) this.chunks.pop()
  }

  /** Moves the ghosts of a bucket that are wanted to where they belong now. */
  private bring(from: number, isWanted: (low: number) => boolean): void {
    const words = this.chunkOf(from)
    const start = startOf(from)
    for (let at = start; at < start + BUCKET_WORDS; at += GHOST_WORDS) {
      const [low, batch] = [words[at]!, words[at + 1]!]
      if (batch === 0 || !isWanted(low)) continue
      words[at + 1] = 0
      if (batch >= this.oldest) this.write(this.bucketOf(low), low, batch)
    }
  }
}

/** Gives the number of buckets at which the last doubling began: the greatest power of two that is not larger. */
function roundOf(bucketCount: number): number {
  return 2 ** (31 - Math.clz32(bucketCount))
}

function startOf(bucket: number): number {
  return (bucket % CHUNK_BUCKETS) * BUCKET_WORDS
}
