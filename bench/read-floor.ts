/** What: the least that reading a value can take: one positional read into memory of its own, and its checksum. */
import { crc32, SeededRandom, unfilledBytes } from '../src/base/index.js'
import { NodeVfs } from '../src/vfs/index.js'

const FILE_BYTES = 64 * 2 ** 20
const ALIGNMENT = 4096

/** Reads values of `bytes` from places of a file that is in the page cache; `close` removes it. */
export class ReadFloor {
  private readonly vfs = new NodeVfs()
  private readonly path: string
  private readonly bytes: number
  private readonly file
  private readonly random = new SeededRandom(1, 'floor')

  constructor(dir: string, bytes: number) {
    this.path = `${dir}.floor`
    this.bytes = bytes
    const file = this.vfs.openSync(this.path, 'create')
    const piece = new Uint8Array(2 ** 20)
    for (let at = 0; at < FILE_BYTES + bytes; at += piece.length) {
      this.random.fill(piece)
      file.writeSync(piece, 0, piece.length, at)
    }
    file.closeSync()
    this.file = this.vfs.openSync(this.path, 'read')
  }

  read(): Uint8Array {
    const { bytes, file, random } = this
    const value = unfilledBytes(bytes)
    file.readSync(value, 0, bytes, ALIGNMENT * random.below(FILE_BYTES / ALIGNMENT))
    crc32(value, 0, bytes)
    return value
  }

  close(): void {
    this.file.closeSync()
    this.vfs.unlinkSync(this.path)
  }
}
