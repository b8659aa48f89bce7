/**
 * What: the content of a simulated file: pages that several contents share until one of them is written.
 * Sharing costs nothing per page, so that thousands of copies of a whole disk can be made.
 */

const PAGE_BYTES = 4096

const ZEROS = new Uint8Array(PAGE_BYTES)

export class PagedBytes {
  size = 0
  /** Pages of the content; a missing page is zeros, and so is everything behind `size`. */
  private pages: (Uint8Array | undefined)[] = []
  /** Numbers of the pages that only this content has; null when even the list is shared. */
  private owned: Set<number> | null = new Set()

  /** Another content, equal now and independent later. */
  share(): PagedBytes {
    const other = new PagedBytes()
    other.size = this.size
    other.pages = this.pages
    this.owned = other.owned = null
    return other
  }

  /** Copies [position, position + length) to target[at…]; where there is no content it writes zeros. */
  read(target: Uint8Array, at: number, length: number, position: number): void {
    for (let done = 0; done < length;) {
      const offset = (position + done) % PAGE_BYTES
      const count = Math.min(length - done, PAGE_BYTES - offset)
      const page = this.pages[Math.floor((position + done) / PAGE_BYTES)] ?? ZEROS
      target.set(page.subarray(offset, offset + count), at + done)
      done += count
    }
  }

  slice(position: number, length: number): Uint8Array {
    const bytes = new Uint8Array(length)
    this.read(bytes, 0, length, position)
    return bytes
  }

  /** Writes bytes, and grows the content when it must. */
  write(source: Uint8Array, at: number, length: number, position: number): void {
    for (let done = 0; done < length;) {
      const offset = (position + done) % PAGE_BYTES
      const count = Math.min(length - done, PAGE_BYTES - offset)
      const page = this.ownPage(Math.floor((position + done) / PAGE_BYTES))
      page.set(source.subarray(at + done, at + done + count), offset)
      done += count
    }
    if (length > 0 && position + length > this.size) this.size = position + length
  }

  /** Writes zeros in [from, to), as far as there is content. */
  zero(from: number, to: number): void {
    const end = Math.min(to, this.size)
    for (let position = from; position < end;) {
      const index = Math.floor(position / PAGE_BYTES)
      const count = Math.min(end - position, PAGE_BYTES - (position % PAGE_BYTES))
      if (this.pages[index] !== undefined) {
        const offset = position % PAGE_BYTES
        this.ownPage(index).fill(0, offset, offset + count)
      }
      position += count
    }
  }

  resize(size: number): void {
    if (size < this.size) {
      const pageCount = Math.ceil(size / PAGE_BYTES)
      this.zero(size, pageCount * PAGE_BYTES)
      if (this.pages.length > pageCount) {
        this.ownList()
        this.pages.length = pageCount
      }
    }
    this.size = size
  }

  private ownList(): Set<number> {
    if (this.owned === null) {
      this.pages = this.pages.slice()
      this.owned = new Set()
    }
    return this.owned
  }

  private ownPage(index: number): Uint8Array {
    const owned = this.ownList()
    let page = this.pages[index]
    if (page === undefined || !owned.has(index)) {
      page = page === undefined ? new Uint8Array(PAGE_BYTES) : page.slice()
      this.pages[index] = page
      owned.add(index)
    }
    return page
  }
}
