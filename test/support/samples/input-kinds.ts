/** Everything that callers may pass for bytes: what it must count as, or that it is refused. */
import { runInNewContext } from 'node:vm'

export interface BytesKind {
  name: string
  /**
   * Makes a new one each time, and gives what it counts as, null for what is refused. `spoil` changes the memory under
   * it.
   */
  make(): { given: unknown; bytes: Uint8Array | null; spoil?: () => void }
  /** The number of zeros that a view of another type stands for. */
  viewBytes?: number
}

/** A constructor that the types of the oldest supported Node lack, although that Node has it. */
const Resizable = ArrayBuffer as unknown as new (length: number, options: object) => ArrayBuffer & {
  resize(length: number): void
}
const Growable = SharedArrayBuffer as unknown as new (length: number, options: object) => SharedArrayBuffer & {
  grow(length: number): void
}

const encode = (text: string): Uint8Array => new TextEncoder().encode(text)

/** Makes an array that claims to be longer or shorter than it is, and to stand elsewhere; its methods give nonsense. */
function liarOf(claim: unknown): new (bytes: Uint8Array) => Uint8Array {
  class Liar extends Uint8Array {
    static get [Symbol.species](): never { throw new Error('species') }
    constructor(bytes: Uint8Array) {
      super(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.length)
    }
    override slice(): never { throw new Error('slice') }
    override subarray(): never { throw new Error('subarray') }
    override set(): never { throw new Error('set') }
    override fill(): never { throw new Error('fill') }
    override toString(): never { throw new Error('toString') }
    override [Symbol.iterator](): never { throw new Error('iterator') }
  }
  for (const name of ['length', 'byteLength', 'byteOffset', 'buffer', Symbol.toStringTag, 'constructor']) {
    const get = typeof claim === 'function' ? claim as () => unknown : () => claim
    Object.defineProperty(Liar.prototype, name, { get })
  }
  return Liar
}

const texts = ['', 'text', '\0', 'aß€😀', '\ud800', 'x\udc00y', '😀'.repeat(40), 'x'.repeat(70)]

function strings(): BytesKind[] {
  return texts.map((text) => ({
    name: `string ${JSON.stringify(text.slice(0, 10))}`, make: () => ({ given: text, bytes: encode(text) }),
  }))
}

/** Views of bytes 'abcdefgh', which `spoil` then overwrites. */
function views(): BytesKind[] {
  const whole = 'abcdefgh'
  const over = (name: string, make: (memory: Uint8Array) => unknown, text = whole): BytesKind => ({
    name,
    make: () => {
      const memory = Uint8Array.from(encode(`..${whole}..`))
      const given = make(memory)
      return { given, bytes: encode(text), spoil: () => void new Uint8Array(memory.buffer).fill(0x2e) }
    },
  })
  const inside = (memory: Uint8Array) => new Uint8Array(memory.buffer, 2, 8)
  const buffer = (memory: Uint8Array) => Buffer.from(memory.buffer as ArrayBuffer, 2, 8)
  return [
    over('Uint8Array', inside),
    over('subarray', (memory) => memory.subarray(2, 10)),
    over('empty subarray', (memory) => memory.subarray(4, 4), ''),
    over('Buffer', buffer),
    over('Buffer.subarray', (memory) => buffer(memory).subarray(1, 4), 'bcd'),
    over('empty Buffer', () => Buffer.alloc(0), ''),
    over('subclass', (memory) => new (class extends Uint8Array {})(memory.buffer as ArrayBuffer, 2, 8)),
    ...[0, 3, 2 ** 31, -1, NaN, '7', null].map((claim) =>
      over(`subclass that claims ${claim}`, (memory) => new (liarOf(claim))(inside(memory)))),
    over('subclass whose accessors throw', (memory) =>
      new (liarOf((): never => { throw new Error('claim') }))(inside(memory))),
    over('own properties', (memory) => Object.defineProperties(inside(memory), {
      length: { value: 3 }, byteLength: { value: 3 }, byteOffset: { value: 0 }, buffer: { value: new ArrayBuffer(1) },
    })),
    over('without a prototype', (memory) => Object.setPrototypeOf(inside(memory), null)),
    over('another prototype', (memory) => Object.setPrototypeOf(inside(memory), Int8Array.prototype)),
    over('another realm', (memory) => runInNewContext('new Uint8Array(buffer, 2, 8)', { buffer: memory.buffer })),
    over('another realm and subclass', ({ buffer: memory }) =>
      runInNewContext('new (class extends Uint8Array { get length() { return 1 } })(memory, 2, 8)', { memory })),
  ]
}

/** Memory that is shared, or can change its size. */
function otherMemory(): BytesKind[] {
  const filled = (view: Uint8Array, text: string) => {
    view.set(encode(text))
    return { given: view, bytes: encode(text), spoil: () => void Uint8Array.prototype.fill.call(view, 0x2e) }
  }
  return [
    { name: 'shared', make: () => filled(new Uint8Array(new SharedArrayBuffer(9), 3, 4), 'shar') },
    { name: 'growable shared', make: () => filled(new Uint8Array(new Growable(4, { maxByteLength: 64 })), 'grow') },
    {
      name: 'grown shared',
      make: () => {
        const memory = new Growable(4, { maxByteLength: 64 })
        const view = new Uint8Array(memory)
        memory.grow(6)
        return filled(view, 'growth')
      },
    },
    {
      name: 'shrunk, length tracking',
      make: () => {
        const memory = new Resizable(16, { maxByteLength: 16 })
        const view = new Uint8Array(memory, 2)
        memory.resize(6)
        return filled(view, 'left')
      },
    },
    { name: 'resizable', make: () => filled(new Uint8Array(new Resizable(16, { maxByteLength: 32 }), 2, 5), 'fixed') },
  ]
}

function detached(view: Uint8Array): Uint8Array {
  structuredClone(view.buffer, { transfer: [view.buffer as ArrayBuffer] })
  return view
}

function cutOff(tracking: boolean): Uint8Array {
  const memory = new Resizable(16, { maxByteLength: 16 })
  const view = tracking ? new Uint8Array(memory, 8) : new Uint8Array(memory, 8, 8)
  memory.resize(4)
  return view
}

function revoked(target: object): object {
  const { proxy, revoke } = Proxy.revocable(target, {})
  revoke()
  return proxy
}

const refusedKinds: [name: string, make: () => unknown, viewBytes?: number][] = [
  ['undefined', () => undefined], ['null', () => null], ['0', () => 0], ['7', () => 7], ['NaN', () => NaN],
  ['true', () => true], ['bigint', () => 7n], ['symbol', () => Symbol('s')], ['function', () => () => 'k'],
  ['object', () => ({})], ['array', () => [1, 2]], ['array-like', () => ({ length: 1, 0: 1 })],
  ['date', () => new Date(0)],
  ['String object', () => new String('k')], ['object with toString', () => ({ toString: () => 'k' })],
  ['promise', () => Promise.resolve('k')], ['map', () => new Map()],
  ['ArrayBuffer', () => new ArrayBuffer(4)], ['SharedArrayBuffer', () => new SharedArrayBuffer(4)],
  ['DataView', () => new DataView(new ArrayBuffer(6), 1, 4), 4], ['Int8Array', () => new Int8Array(2), 2],
  ['Uint8ClampedArray', () => new Uint8ClampedArray(2), 2], ['Uint16Array', () => new Uint16Array(2), 4],
  ['Float64Array', () => new Float64Array(1), 8], ['BigUint64Array', () => new BigUint64Array(1), 8],
  ['Uint16Array of another realm', () => runInNewContext('new Uint16Array(2)'), 4],
  ['only the prototype', () => Object.create(Uint8Array.prototype)],
  ['only the tag', () => ({ [Symbol.toStringTag]: 'Uint8Array', length: 1, 0: 1 })],
  ['Int8Array with the prototype', () => Object.setPrototypeOf(new Int8Array(2), Uint8Array.prototype), 2],
  ['proxy of a Uint8Array', () => new Proxy(new Uint8Array(2), {})],
  ['proxy of a Buffer', () => new Proxy(Buffer.from('k'), { get: (view, name) => Reflect.get(view, name, view) })],
  ['revoked proxy', () => revoked(new Uint8Array(2))], ['detached', () => detached(new Uint8Array(8))],
  ['detached Buffer', () => detached(Buffer.from(new ArrayBuffer(8), 2, 4))],
  ['detached, empty', () => detached(new Uint8Array(new ArrayBuffer(8), 8))],
  ['cut off', () => cutOff(false)], ['cut off, length tracking', () => cutOff(true)],
]

/** Kinds that are taken as the bytes that they are. */
export const acceptedBytes: readonly BytesKind[] = [...strings(), ...views(), ...otherMemory()]

/** Kinds that are refused. */
export const refusedBytes: readonly BytesKind[] = refusedKinds.map(([name, make, viewBytes]) =>
  ({ name, make: () => ({ given: make(), bytes: null }), ...(viewBytes === undefined ? {} : { viewBytes }) }))

export { revoked }
