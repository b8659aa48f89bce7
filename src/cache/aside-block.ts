/**
 * What: the last block that was read for one get and did not come into the cache. Gets of its neighbours that come next
 * find it here, so gets in the order of their keys read each block once, and take nothing from what is used.
 * Owns: memory for one block, 32 KiB at most.
 * Thread: one. What is lent from it is good until the next get that misses.
 */
import { KiB } from '../base/index.js'

/** Larger blocks always come into the cache, if it takes them. */
export const ASIDE_BYTES_MAX = 32 * KiB

export class AsideBlock {
  bytes = new Uint8Array(0)
  words = new Uint32Array(0)
  private owner: object | null = null
  private index = 0
  /** True when only a part of the block was read, for one entry. */
  private isPart = false

  /** Says whether block `index` of `owner` stands here, from the first byte on. */
  has(owner: object, index: number): boolean {
    return !this.isPart && this.isLast(owner, index)
  }

  /** Says whether this block was read last, as a whole or a part of it. */
  isLast(owner: object, index: number): boolean {
    return this.owner === owner && this.index === index
  }

  /** Forgets what stands here, and makes room for a block. Requires: not more than ASIDE_BYTES_MAX. */
  makeRoom(bytes: number): void {
    this.owner = null
    if (bytes <= this.bytes.length) return
    this.bytes = new Uint8Array(Math.ceil(bytes / (4 * KiB)) * 4 * KiB)
    this.words = new Uint32Array(this.bytes.buffer)
  }

  /** Records that a good block stands here now, or a part of one. */
  set(owner: object, index: number, isPart: boolean): void {
    this.owner = owner
    this.index = index
    this.isPart = isPart
  }

  /** Forgets the block if it is one of `owner`. */
  forget(owner: object): void {
    if (this.owner === owner) this.owner = null
  }
}
