/**
 * What: where each blob of the cache stands, found by the 64-bit hash of its key: 27 to 33 bytes of memory an item.
 * Owns: the pages, and a directory that finds them by the leading bits of a hash.
 * Keeps true: no step copies more than one page, so growth never stops the event loop for long. A page that is full
 * grows by a quarter; one that may not grow is split in two, and the directory doubles when it must.
 * Thread: main. There is no I/O.
 */
import { assert } from '../base/index.js'
import { IndexPage } from './index-page.js'

/** A page has at most this many slots, 768 KiB: it is copied in a millisecond or two. */
const PAGE_SLOTS_MAX = 32 * 1024
/** A slot number is that of its page times this, and its place there. */
const SLOTS_PER_PAGE = 2 ** 20
/** The directory has at most two to this power entries. Pages that may not be split grow further instead. */
const DEPTH_MAX = 16

export class BlobIndex {
  private readonly pages = [new IndexPage(0)]
  /** The page of a hash by its leading `depth` bits. */
  private directory = new Uint16Array(1)
  private depth = 0
  private countNow = 0

  /**
   * Makes an index of pages. Requires: each has the hashes behind those of the one before it, as many as its depth
   * says, and together they have all hashes.
   */
  static of(pages: readonly IndexPage[]): BlobIndex {
    const index = new BlobIndex()
    index.depth = pages.reduce((most, { depth }) => Math.max(most, depth), 0)
    index.directory = new Uint16Array(2 ** index.depth)
    let at = 0
    for (const [number, page] of pages.entries()) {
      const end = at + 2 ** (index.depth - page.depth)
      index.directory.fill(number, at, end)
      index.countNow += page.count
      at = end
    }
    assert(at === index.directory.length, 'pages have all hashes')
    index.pages.splice(0, 1, ...pages)
    return index
  }

  get count(): number {
    return this.countNow
  }

  /** Gives the pages that there are now, in the order of the hashes of their items. */
  pagesInOrder(): IndexPage[] {
    const { directory, pages } = this
    return [...directory].filter((number, at) => number !== directory[at - 1]).map((number) => pages[number]!)
  }

  /** Bytes of memory. */
  get bytes(): number {
    return this.pages.reduce((sum, page) => sum + page.bytes, this.directory.byteLength)
  }

  /** Slots that were copied while pages grew or were split, since the beginning. */
  get copiedSlots(): number {
    return this.pages.reduce((sum, page) => sum + page.copiedSlots, 0)
  }

  /** Gives the slot of a hash, or -1. A slot number is good until the next change of the index. */
  find(low: number, high: number): number {
    const number = this.pageOf(high)
    const slot = this.pages[number]!.find(low, high)
    return slot < 0 ? -1 : number * SLOTS_PER_PAGE + slot
  }

  /** Gives the slot of an item, if it has the place that is named; else -1. */
  findIf(low: number, high: number, segment: number, recordNum: number): number {
    const number = this.pageOf(high)
    const slot = placeIn(this.pages[number]!, low, high, segment, recordNum)
    return slot < 0 ? -1 : number * SLOTS_PER_PAGE + slot
  }

  /** Inserts an item, or replaces what has this hash. Requires: segment above 0, offset a multiple of 8. */
  set(
    low: number, high: number,
    segment: number, offset: number, bytes: number, recordNum: number, visits: number,
  ): void {
    assert(segment > 0 && offset % 8 === 0, 'an item has a segment and stands at a multiple of 8')
    let page = this.pages[this.pageOf(high)]!
    let slot = page.find(low, high)
    if (slot < 0) {
      while (page.isFull) page = this.makeRoom(high)
      slot = page.insert(low, high)
      this.countNow++
    }
    page.write(slot, segment, offset, bytes, recordNum, visits)
  }

  /** Gives an item another place, if it still has the one that is named. */
  moveIf(
    low: number, high: number, segment: number, recordNum: number,
    toSegment: number, toOffset: number, toRecordNum: number, toVisits: number,
  ): boolean {
    const page = this.pages[this.pageOf(high)]!
    const slot = placeIn(page, low, high, segment, recordNum)
    if (slot < 0) return false
    assert(toSegment > 0 && toOffset % 8 === 0, 'an item has a segment and stands at a multiple of 8')
    page.write(slot, toSegment, toOffset, page.bytesAt(slot), toRecordNum, toVisits)
    return true
  }

  /** Removes an item, if it still has the place that is named. */
  removeIf(low: number, high: number, segment: number, recordNum: number): boolean {
    const page = this.pages[this.pageOf(high)]!
    const slot = placeIn(page, low, high, segment, recordNum)
    if (slot < 0) return false
    page.remove(slot)
    this.countNow--
    return true
  }

  /** Remembers that an item was hit. */
  visit(slot: number): void {
    this.pageAt(slot).visit(slot % SLOTS_PER_PAGE)
  }

  get pageCount(): number {
    return this.pages.length
  }

  /**
   * Calls for each item of a page. Requires: the calls change nothing but visits. Between two pages the index may
   * change: whoever walks them by rising number, as far as there are some then, misses nothing, but may see an item
   * twice, since a split gives the upper half of a page the next free number.
   */
  forEachInPage(number: number, visit: (slot: number) => void): void {
    this.pages[number]!.forEach((slot) => visit(number * SLOTS_PER_PAGE + slot))
  }

  lowAt(slot: number): number {
    return this.pageAt(slot).lowAt(slot % SLOTS_PER_PAGE)
  }

  highAt(slot: number): number {
    return this.pageAt(slot).highAt(slot % SLOTS_PER_PAGE)
  }

  segmentAt(slot: number): number {
    return this.pageAt(slot).segmentAt(slot % SLOTS_PER_PAGE)
  }

  offsetAt(slot: number): number {
    return this.pageAt(slot).offsetAt(slot % SLOTS_PER_PAGE)
  }

  /** Bytes of the blob as stored. */
  bytesAt(slot: number): number {
    return this.pageAt(slot).bytesAt(slot % SLOTS_PER_PAGE)
  }

  recordNumAt(slot: number): number {
    return this.pageAt(slot).recordNumAt(slot % SLOTS_PER_PAGE)
  }

  visitsAt(slot: number): number {
    return this.pageAt(slot).visitsAt(slot % SLOTS_PER_PAGE)
  }

  private pageAt(slot: number): IndexPage {
    return this.pages[Math.floor(slot / SLOTS_PER_PAGE)]!
  }

  private pageOf(high: number): number {
    return this.directory[(high >>> 1) >>> (31 - this.depth)]!
  }

  /** Grows or splits the page of a hash, and gives the one that it belongs to then. */
  private makeRoom(high: number): IndexPage {
    const number = this.pageOf(high)
    const page = this.pages[number]!
    if (page.grownCapacity <= PAGE_SLOTS_MAX || page.depth === DEPTH_MAX) page.grow()
    else this.split(number, page)
    return this.pages[this.pageOf(high)]!
  }

  private split(number: number, page: IndexPage): void {
    if (page.depth === this.depth) {
      this.directory = Uint16Array.from({ length: 2 * this.directory.length }, (_, at) => this.directory[at >>> 1]!)
      this.depth++
    }
    const first = this.directory.indexOf(number)
    const entries = 2 ** (this.depth - page.depth)
    this.directory.fill(this.pages.length, first + entries / 2, first + entries)
    this.pages.push(page.split())
  }
}

/** Gives the slot of an item that has the place that is named, or -1. */
function placeIn(page: IndexPage, low: number, high: number, segment: number, recordNum: number): number {
  const slot = page.find(low, high)
  return slot >= 0 && page.segmentAt(slot) === segment && page.recordNumAt(slot) === recordNum ? slot : -1
}
